"""Start a run on this machine: a process in a session of its own, which the app neither feeds nor kills by dying."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import yaml

from ..recipes import to_yaml
from ..runs import alive, identity, read, read_status, request_stop, write_json, write_status
from ..runs.records import read_process
from ..schema import Run, RunConfig, RunError

GRACE_SECONDS = 60.0
"""A run that was asked to stop is killed after this time."""
NICENESS = 5
"""A training uses every core there is: where the page needs one for a moment, it goes first."""
_CHECKOUT = Path(__file__).resolve().parents[2]
# A page may itself run inside a cluster job; its variables would make the trainer believe it is one of many.
_FOREIGN = ("SLURM_", "SLURMD_", "PMI", "OMPI_", "MASTER_", "TORCHELASTIC_")
_KEPT = ("SLURM_CONF",)  # says where the cluster is, nothing of a job
_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


def command(run: Run) -> list[str]:
    """What the launcher executes for a run folder."""
    if run.kind == "classification":
        return [sys.executable, "-m", "vlass_explorer", "batch", str(run.path)]
    action = "resume" if (run.path / "last.ckpt").exists() else "fit"
    return [sys.executable, "-m", "train", action, str(run.path)]


def command_line(config: RunConfig) -> str:
    """The same training as one command to copy: recipe and the keys that differ from the defaults."""
    values = yaml.safe_load(to_yaml(config, differences=True)) or {}
    values.pop("recipe", None)
    words = ["python", "-m", "train", "fit", *(f"{key}={value}" for key, value in values.items())]
    return shlex.join(words)


def environment() -> dict[str, str]:
    """This process's environment without the variables of a cluster job or of another distributed run."""
    kept = {k: v for k, v in os.environ.items() if k in _KEPT or not k.startswith(_FOREIGN) and k not in _RANKS}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def launch(run: Run) -> None:
    """Start the process of a queued run; it writes its output to train.log and outlives this process."""
    if run.phase != "queued" or (run.path / "process.json").exists():
        raise RunError(f"{run.id} is {run.phase} already: it is not launched twice.")
    with (run.path / "train.log").open("ab") as log:
        process = subprocess.Popen(
            command(run),
            cwd=_CHECKOUT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _step_back(process.pid)
    write_json(run.path / "process.json", identity(process.pid))
    # Someone has to wait for the child, or it stays a zombie for as long as the app lives.
    threading.Thread(target=process.wait, name=f"reap-{run.id}", daemon=True).start()


def _step_back(pid: int) -> None:
    """Let a new process and its children run after this one; Linux weighs whole sessions against each other, too."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).nice(min(psutil.Process().nice() + NICENESS, 19))
    with contextlib.suppress(OSError):  # no such file where the kernel does not group sessions
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))


def _process(run: Run) -> dict[str, object]:
    return read_status(run.path).get("process") or read_process(run.path)


def stop(run: Run) -> None:
    """Ask a run to finish its step, save and leave; RunError where it has ended."""
    request_stop(run)


def kill(run: Run, grace: float = 0.0) -> None:
    """Kill the process group of a run, after its identity was checked and after a grace period for a stop request.

    RunError where the run belongs to another host. The run reads "stopped" if it left by itself within the grace
    period, else "stopped" with the reason that it was killed.
    """
    process = _process(run)
    is_alive = alive(process)
    if is_alive is None:
        raise RunError(f"{run.id} runs on {process.get('host')}: it can be killed only there.")
    if not is_alive:
        return
    if grace > 0:
        request_stop(run)
        deadline = time.monotonic() + grace
        while alive(process) and time.monotonic() < deadline:
            time.sleep(0.2)
        if not alive(process):
            return
    pid = int(str(process["pid"]))
    # The trainer leads its own session; a run started in a terminal shares that terminal's group, so only it is killed.
    targets = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    if os.getpgid(pid) == pid:
        os.killpg(pid, signal.SIGKILL)
    else:
        for target in targets:
            target.kill()
    psutil.wait_procs(targets, timeout=5.0)
    if read(run.path).phase == "lost":
        write_status(run.path, phase="stopped", reason="It was killed; what it did after its last saved state is gone.")
