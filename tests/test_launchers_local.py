"""Local launches as real processes: a session of its own, output to a file, killed only after a look at who it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from vlass_explorer import runs
from vlass_explorer.launchers import local
from vlass_explorer.runs.records import read_process
from vlass_explorer.schema import Run, RunConfig, RunError

WRITES_AND_WAITS = "import sys,time; print('x' * 50_000_000); sys.stdout.flush(); time.sleep(60)"


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return runs.create(RunConfig(), tmp_path)


def stands_in(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(local, "command", lambda run: [sys.executable, "-c", code])


def test_a_run_nobody_reads_is_not_held_up_by_its_output(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in(monkeypatch, WRITES_AND_WAITS)
    local.launch(run)
    until(lambda: (run.path / "train.log").stat().st_size >= 50_000_000)
    process = psutil.Process(read_process(run.path)["pid"])
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert process.nice() == psutil.Process().nice() + local.NICENESS
    group = Path(f"/proc/{process.pid}/autogroup")
    assert not group.exists() or group.read_text().endswith(f"nice {local.NICENESS}\n")
    with pytest.raises(RunError, match="not launched twice"):
        local.launch(runs.read(run.path))
    local.kill(runs.read(run.path))
    assert not process.is_running()
    assert runs.read(run.path).phase == "stopped"


def test_the_child_is_reaped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in(monkeypatch, "pass")
    local.launch(run)
    pid = read_process(run.path)["pid"]
    until(lambda: not psutil.pid_exists(pid))
    assert runs.read(run.path).phase == "lost"


def test_kill_takes_the_whole_group(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    child = "import subprocess,sys,time; p=subprocess.Popen([sys.executable,'-c','import time; time.sleep(60)'])"
    stands_in(monkeypatch, f"{child}; print(p.pid, flush=True); time.sleep(60)")
    local.launch(run)
    until(lambda: (run.path / "train.log").read_text().strip())
    grandchild = psutil.Process(int((run.path / "train.log").read_text()))
    local.kill(runs.read(run.path))
    until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_a_request_comes_before_the_kill(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    polite = f"import os,time\nwhile not os.path.exists({str(run.path / 'stop')!r}): time.sleep(0.02)\n"
    polite += f"open({str(run.path / 'left')!r}, 'w').write('by itself')"
    stands_in(monkeypatch, polite)
    local.launch(run)
    local.kill(runs.read(run.path), grace=30.0)
    assert (run.path / "left").read_text() == "by itself"


def test_another_process_with_that_id_is_left_alone(run: Run) -> None:
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        runs.heartbeat(run.path, phase="training", process={**runs.identity(innocent.pid), "started": "12"})
        local.kill(runs.read(run.path))
        assert innocent.poll() is None
        runs.heartbeat(run.path, process={**runs.identity(innocent.pid), "host": "elsewhere"})
        with pytest.raises(RunError, match="elsewhere"):
            local.kill(runs.read(run.path))
        assert innocent.poll() is None
    finally:
        innocent.send_signal(signal.SIGKILL)
        innocent.wait()


def test_variables_of_a_cluster_job_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = ["SLURM_JOB_ID", "SLURM_NTASKS", "PMI_RANK", "MASTER_ADDR", "RANK", "WORLD_SIZE", "LOCAL_RANK"]
    for name in [*foreign, "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"]:
        monkeypatch.setenv(name, "1")
    kept = local.environment()
    assert not set(foreign) & kept.keys()
    assert kept["CUDA_VISIBLE_DEVICES"] == kept["OMP_NUM_THREADS"] == "1"


def test_command_names_the_run_folder(run: Run) -> None:
    assert local.command(run)[1:] == ["-m", "train", "fit", str(run.path)]
    (run.path / "last.ckpt").touch()
    assert local.command(run)[1:] == ["-m", "train", "resume", str(run.path)]


def test_command_line_can_be_typed() -> None:
    config = RunConfig(name="a", data_dir="/data/my set", epochs=3, recipe="first/cnn")
    assert local.command_line(config) == "python -m train fit name=a 'data_dir=/data/my set' epochs=3"
