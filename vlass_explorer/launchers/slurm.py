"""Submit runs to SLURM: the job runs our own command line in the run folder and goes on from last.ckpt when requeued.

submitit writes the batch script around that plain command. Its own ``submit`` would pickle a callable with cloudpickle,
unpickle it on the node and pickle the result, and its signal handler would requeue without a word to the trainer; we
use neither, so nothing of a run is ever pickled and one program owns the signals: ``train`` is told by SIGUSR2 before
the time limit and by SIGTERM at the end, saves its state and has itself queued again.
"""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..runs import read, read_status, request_stop, write_json, write_status
from ..runs.slurm import NOTE, read_note, read_resources
from ..schema import ConfigError, Run, RunError
from ..schema.bounds import OPTION_RULES, Count, NotNegative, Whole
from .local import environment

GRACE_SECONDS = 60.0
"""A job that was asked to stop is cancelled after this time."""
_CHECKOUT = Path(__file__).resolve().parents[2]
_COMMAND_SECONDS = 60.0
NO_SBATCH = "There is no sbatch on this machine: submit from a login node of the cluster."


@dataclass(frozen=True)
class Resources:
    """What a job asks SLURM for; devices and nodes come from the run's configuration."""

    __pydantic_config__ = OPTION_RULES

    partition: str = ""
    """Partition (empty: the cluster's default)."""
    minutes: Count = 1440
    """Time limit; a run that reaches it saves its state and is queued again."""
    cpus: Whole = 0
    """CPU cores of each process (0: one more than the loader's workers)."""
    memory_gb: NotNegative = 0.0
    """Memory of each node in GB (0: the cluster's default)."""
    account: str = ""
    """Account that is charged (empty: the user's default)."""
    qos: str = ""
    """Quality of service (empty: the default)."""
    constraint: str = ""
    """Feature that the nodes must have, such as a GPU type."""
    warning_seconds: Whole = 120
    """How long before the time limit the run is told to save."""


@dataclass(frozen=True)
class Needs:
    """What a job is made of, beside what a user asks for."""

    name: str
    gpus: int = 0
    tasks: int = 1
    """Processes on each node."""
    nodes: int = 1
    cpus: int = 1
    """Cores of each process, unless the user asks for more."""


def is_available() -> bool:
    """True on a machine that can submit jobs."""
    return shutil.which("sbatch") is not None


def job(run: Run) -> str:
    """Id of a run's job, empty where it has none."""
    return str(read_note(run.path).get("job", ""))


def launch(run: Run, resources: Resources | None = None) -> None:
    """Submit one queued run, by default as its last attempt; RunError where it is launched already or SLURM refuses."""
    launch_all([run], resources)


def launch_all(
    runs: Sequence[Run],
    resources: Resources | None = None,
    parallel: int = 0,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Submit runs that ask for the same devices: one as a job, several as a job array, ``parallel`` at a time (0: all).

    Each run folder gets slurm.json with the id of its job and what was asked for; ``variables`` join the environment.
    """
    resources = resources or Resources(**read_resources(runs[0].path))
    for run in runs:
        known = {(run.config.device == "cpu", run.config.devices, run.config.nodes, run.config.workers) for run in runs}
        if run.phase != "queued" or read_note(run.path) or (run.path / "process.json").exists():
            raise RunError(f"{run.id} is {run.phase} already: it is not launched twice.")
        if len(known) > 1:
            raise ConfigError("Runs of one job array must ask for the same device, devices, nodes and workers.")
    if not is_available():
        raise RunError(NO_SBATCH)
    config = runs[0].config
    gpus = 0 if config.device == "cpu" else config.devices
    needs = Needs(config.name, gpus, config.devices, config.nodes, config.workers + 1)
    if len(runs) == 1:
        path = runs[0].path
        jobs = [submit(path, needs, resources, ["train", "resume", str(path)], path / "train.log", variables)]
    else:
        folder = runs[0].path.parent / ".arrays" / secrets.token_hex(4)
        folder.mkdir(parents=True)
        (folder / "runs").write_text("".join(f"{run.path}\n" for run in runs), encoding="utf-8")
        array = f"0-{len(runs) - 1}" + (f"%{parallel}" if parallel else "")
        words = ["train", "array", str(folder / "runs")]
        main = submit(folder, needs, resources, words, folder / "%A_%a.log", variables, array)
        jobs = [f"{main}_{index}" for index in range(len(runs))]
    for run, number in zip(runs, jobs, strict=True):
        # The job may have begun and have added to it.
        write_json(run.path / NOTE, {**read_note(run.path), "job": number, "resources": asdict(resources)})


def submit(
    folder: Path,
    needs: Needs,
    resources: Resources,
    module: Sequence[str],
    log: Path,
    variables: Mapping[str, str] | None = None,
    array: str = "",
    more: Mapping[str, str] | None = None,
) -> str:
    """Id of a submitted job that runs a Python module with its words; its batch script is slurm.sh in ``folder``.

    ``array`` are the indices of a job array, ``more`` further options of sbatch; RunError where SLURM refuses.
    """
    if not is_available():
        raise RunError(NO_SBATCH)
    import submitit  # here, so that nobody else needs it

    executor = submitit.SlurmExecutor(folder)
    asked = {
        "partition": resources.partition,
        "account": resources.account,
        "qos": resources.qos,
        "constraint": resources.constraint,
        "mem": f"{resources.memory_gb * 1024:.0f}MB" if resources.memory_gb else "",
        "gpus_per_node": needs.gpus,
    }
    exports = [f"export {key}={shlex.quote(value)}" for key, value in (variables or {}).items()]
    executor.update_parameters(
        job_name=needs.name,
        time=resources.minutes,
        nodes=needs.nodes,
        ntasks_per_node=needs.tasks,
        cpus_per_task=resources.cpus or needs.cpus,
        signal_delay_s=min(resources.warning_seconds, 30 * resources.minutes),
        stderr_to_stdout=True,
        wckey=None,
        srun_args=["--output", str(log), "--open-mode=append", "--kill-on-bad-exit=1"],
        setup=[f"cd {shlex.quote(str(_CHECKOUT))}", "export PYTHONUNBUFFERED=1", *exports],
        additional_parameters={
            "output": str(log),
            "requeue": True,
            **({"array": array} if array else {}),
            **(more or {}),
        },
        **{key: value for key, value in asked.items() if value},
    )
    script = folder / "slurm.sh"
    script.write_text(executor._make_submission_file_text(shlex.join([sys.executable, "-m", *module]), ""), "utf-8")
    said = _command("sbatch", "--parsable", str(script))
    return said.strip().split(";")[0]


def largest_array() -> int:
    """Most tasks that the cluster takes in one job array; RunError where SLURM does not answer."""
    told = re.search(r"^MaxArraySize\s*=\s*(\d+)", _command("scontrol", "show", "config"), re.MULTILINE)
    return max(1, int(told[1])) if told else 1001  # SLURM's own default


def _command(*words: str) -> str:
    """Output of a SLURM command, which is not told of a job that we may run in ourselves; RunError where it fails."""
    try:
        done = subprocess.run(
            words, env=environment(), capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
    except FileNotFoundError:
        raise RunError(f"There is no {words[0]} on this machine: use a login node of the cluster.") from None
    except subprocess.TimeoutExpired:
        raise RunError(f"SLURM did not answer {words[0]} within {_COMMAND_SECONDS:.0f} s; try again later.") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RunError(f"SLURM refused: {reason.removeprefix(f'{words[0]}: error: ').rstrip('.')}.")
    return done.stdout


def stop(run: Run) -> None:
    """Ask a run to save and leave; a job that still waits is cancelled, as nobody is there to be asked."""
    if run.phase == "queued":
        kill(run)
    else:
        request_stop(run)


def kill(run: Run, grace: float = 0.0) -> None:
    """Cancel the job of a run with scancel, after a grace period for a stop request; RunError where SLURM refuses.

    SLURM sends SIGTERM first, upon which the trainer saves its state, and SIGKILL after the cluster's KillWait.
    """
    number = job(run)
    if not number:
        raise RunError(f"{run.id} is not a SLURM job.")
    if not read(run.path).is_active:
        return
    if grace > 0:
        request_stop(run)
        deadline = time.monotonic() + grace
        while read(run.path).is_active and time.monotonic() < deadline:
            time.sleep(0.5)
        if not read(run.path).is_active:
            return
    _command("scancel", number)
    if not read_status(run.path)["process"]:
        # It never started, so nobody else writes this; SLURM itself forgets the job after some minutes.
        write_status(run.path, phase="stopped", reason=f"SLURM job {number} was cancelled before it started.")
