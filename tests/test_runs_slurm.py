"""What a run is while SLURM holds it: every state of its job, and what a signal means inside the job."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from train import cluster
from vlass_explorer import runs
from vlass_explorer.launchers import local, slurm
from vlass_explorer.launchers import of as launcher_of
from vlass_explorer.runs import slurm as jobs
from vlass_explorer.schema import ConfigError, Run, RunConfig, RunError

WORKS = {"phase": "training", "process": {"pid": 1, "host": "node7", "restarts": 0}, "step": 5}
AGAIN = {**WORKS, "process": {"pid": 2, "host": "node7", "restarts": 1}}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = runs.create(RunConfig(), tmp_path)
    runs.write_json(made.path / jobs.NOTE, {"job": "12", "resources": {"partition": "gpu", "minutes": 5}})
    return runs.read(made.path)


def told(monkeypatch: pytest.MonkeyPatch, answer: dict[str, str] | None) -> None:
    monkeypatch.setattr(jobs, "query", lambda job: answer)
    jobs._recent.cache_clear()


@pytest.mark.parametrize(
    ("written", "state", "restarts", "phase", "words"),
    [
        ({}, "PENDING", 0, "queued", "SLURM job 12 waits: Resources."),
        ({}, "RUNNING", 0, "starting", "SLURM job 12 starts."),
        (WORKS, "RUNNING", 0, "training", ""),
        (WORKS, "COMPLETING", 0, "training", ""),
        (WORKS, "COMPLETING", 1, "queued", "waits"),
        (WORKS, "PENDING", 1, "queued", "waits"),
        (WORKS, "RUNNING", 1, "starting", "starts"),
        (AGAIN, "RUNNING", 1, "training", ""),
        ({}, "CANCELLED", 0, "stopped", "was cancelled"),
        (WORKS, "CANCELLED", 0, "stopped", "was cancelled"),
        (WORKS, "TIMEOUT", 0, "stopped", "reached its time limit"),
        (WORKS, "PREEMPTED", 0, "stopped", "was pre-empted"),
        (WORKS, "OUT_OF_MEMORY", 0, "failed", "ran out of memory"),
        (WORKS, "NODE_FAIL", 0, "lost", "lost its node"),
        (WORKS, "FAILED", 0, "lost", "ended as FAILED without a word"),
        (WORKS, "COMPLETED", 0, "lost", "ended as COMPLETED without a word"),
        ({"phase": "finished"}, "NODE_FAIL", 0, "finished", ""),
        ({"phase": "stopped", "reason": "Stopped on request."}, "COMPLETED", 0, "stopped", "Stopped on request."),
    ],
)
def test_status_follows_the_job(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    written: dict[str, Any],
    state: str,
    restarts: int,
    phase: str,
    words: str,
) -> None:
    told(monkeypatch, {"JobState": state, "Restarts": str(restarts), "Reason": "Resources"})
    runs.write_status(run.path, **written)
    now = runs.read(run.path)
    assert now.phase == phase and words in now.reason and now.queue_position is None
    assert (now.reason == "") == (words == "")


def test_an_end_that_is_written_meanwhile_counts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.write_status(run.path, **WORKS)

    def ask(job: str) -> dict[str, str]:
        runs.write_status(run.path, phase="finished")
        return {"JobState": "COMPLETED", "Restarts": "0"}

    monkeypatch.setattr(jobs, "query", ask)
    jobs._recent.cache_clear()
    assert runs.read(run.path).phase == "finished"


def test_a_cluster_that_forgot_or_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, None)
    assert (runs.read(run.path).phase, runs.read(run.path).reason) == ("queued", "SLURM does not answer about job 12.")
    runs.heartbeat(run.path, **WORKS)
    assert runs.read(run.path).phase == "training"  # it gives signs of life
    told(monkeypatch, {})
    assert runs.read(run.path).phase == "lost" and "not known any more" in runs.read(run.path).reason


def test_words_of_slurm_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, tuple[int, str, str]] = {}

    def output(command: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
        if command[0] not in answers:
            raise FileNotFoundError
        return subprocess.CompletedProcess(command, *answers[command[0]])

    monkeypatch.setattr(subprocess, "run", output)
    assert jobs.query("7") is None
    answers["scontrol"] = (0, "JobId=7 JobState=RUNNING Reason=None Requeue=1 Restarts=2 PreemptTime=None", "")
    assert jobs.query("7") == {"JobState": "RUNNING", "Reason": "None", "Restarts": "2", "PreemptTime": "None"}
    answers["scontrol"] = (1, "", "slurm_load_jobs error: Invalid job id specified")
    assert jobs.query("7") == {}
    answers["sacct"] = (0, "CANCELLED by 1000\n", "")
    assert jobs.query("7") == {"JobState": "CANCELLED"}
    answers["sacct"] = (0, "TIMEOUT\n", "")
    assert jobs.query("7") == {"JobState": "TIMEOUT"}
    answers["scontrol"] = (1, "", "Unable to contact slurm controller")
    assert jobs.query("7") is None


@pytest.fixture
def inside(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """As if this process were the only one of a job's step."""
    for name, value in {"JOB_ID": "12", "STEP_ID": "0", "PROCID": "0", "NTASKS": "1", "NNODES": "1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    for name in ("ARRAY_JOB_ID", "RESTART_COUNT"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)
    told(monkeypatch, {"JobState": "RUNNING", "Restarts": "0"})
    return cluster.claim(run)


@pytest.mark.parametrize(
    ("signal", "answer", "phase", "words"),
    [
        ("SIGTERM", {"JobState": "COMPLETING", "Restarts": "0"}, "stopped", "SLURM job 12 was cancelled."),
        ("SIGTERM", {"JobState": "COMPLETING", "Reason": "TimeLimit"}, "stopped", "reached its time limit"),
        ("SIGTERM", {"JobState": "COMPLETING", "Restarts": "1"}, "queued", "it was queued again"),
        ("SIGTERM", {"JobState": "RUNNING", "PreemptTime": "2026-01-01T00:00:00"}, "queued", "pre-empted"),
        ("SIGTERM", {"JobState": "RUNNING", "PreemptTime": "None"}, "stopped", "Stopped by SIGTERM."),
        ("SIGTERM", None, "stopped", "Stopped by SIGTERM."),
        ("SIGUSR2", {}, "queued", "its time limit is near"),
        ("", {}, "stopped", "Stopped by SIGTERM."),
    ],
)
def test_what_a_signal_means(
    inside: Run, monkeypatch: pytest.MonkeyPatch, signal: str, answer: dict[str, str] | None, phase: str, words: str
) -> None:
    monkeypatch.setattr(jobs, "query", lambda job: answer)
    runs.write_status(inside.path, step=3)
    end = cluster.ending(inside.path, "Stopped by SIGTERM.", signal)
    assert end["phase"] == phase and words in end["reason"]
    (inside.path / "stop").touch()
    assert cluster.ending(inside.path, "Stopped on request.", signal)["phase"] == "stopped"


def test_a_job_that_gets_nowhere_is_not_queued_for_ever(inside: Run) -> None:
    end = cluster.ending(inside.path, "", "SIGUSR2")
    assert end == {"phase": "stopped", "reason": "SLURM job 12 made no step within its time limit: ask for more."}


def test_a_refused_requeue_is_told(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = subprocess.CompletedProcess([], 1, "", "Requested operation is presently disabled")
    monkeypatch.setattr(subprocess, "run", lambda *rest, **more: refused)
    monkeypatch.setattr(jobs, "query", lambda job: None)
    cluster.requeue(inside.path)
    ended = runs.read_status(inside.path)
    assert ended["phase"] == "stopped" and "presently disabled" in ended["reason"]


def test_the_job_takes_its_run_up_again(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs.identity()["job"] == "12" and "job" not in runs.identity(1)
    runs.heartbeat(inside.path, phase="training", process=runs.identity(), step=9)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert cluster.is_ours(inside)
    again = cluster.claim(runs.read(inside.path))
    status = runs.read_status(again.path)
    assert (status["phase"], status["process"], jobs.read_note(again.path)["from_step"]) == ("queued", {}, 9)
    assert jobs.read_note(again.path)["restarts"] == 1


def test_srun_with_other_tasks_than_devices_is_refused(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.check_tasks(1, 1)
    monkeypatch.setenv("SLURM_NTASKS", "4")
    with pytest.raises(ConfigError, match="set devices=4 nodes=1"):
        cluster.check_tasks(1, 1)
    # A batch script without srun, and a shell that salloc opened, are no step.
    monkeypatch.setenv("SLURM_STEP_ID", str(0xFFFFFFFB))
    assert jobs.current_step() == {}
    cluster.check_tasks(1, 1)


def test_a_new_attempt_remembers_what_was_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert launcher_of(run) is slurm
    told(monkeypatch, {"JobState": "TIMEOUT"})
    again = runs.new_attempt(runs.read(run.path))
    assert launcher_of(again) is local and jobs.read_note(again.path) == {}
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/" + name)
    scripts: list[str] = []

    def sbatch(words: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
        scripts.append(Path(words[-1]).read_text())
        return subprocess.CompletedProcess(words, 0, "77;cluster\n", "")

    monkeypatch.setattr(subprocess, "run", sbatch)
    slurm.launch(again)
    assert slurm.job(again) == "77"
    lines = scripts[0].splitlines()
    assert {"#SBATCH --partition=gpu", "#SBATCH --time=5", "#SBATCH --requeue", "#SBATCH --signal=USR2@120"} <= {*lines}
    assert (
        f"-m train resume {again.path}" in scripts[0] and "pkl" not in scripts[0] and "submitit.core" not in scripts[0]
    )


def test_what_cannot_be_submitted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = runs.create(RunConfig(), tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(RunError, match="no sbatch on this machine"):
        slurm.launch(made)
    other = runs.create(RunConfig(device="cpu"), tmp_path)
    with pytest.raises(ConfigError, match="one job array"):
        slurm.launch_all([made, other])
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/" + name)
    refused = subprocess.CompletedProcess([], 1, "", "sbatch: error: invalid partition specified: gpus\n")
    monkeypatch.setattr(subprocess, "run", lambda *rest, **more: refused)
    with pytest.raises(RunError, match="SLURM refused: invalid partition specified: gpus"):
        slurm.launch(made)
    with pytest.raises(RunError, match="is not a SLURM job"):
        slurm.kill(made)
