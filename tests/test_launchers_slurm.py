"""Runs as jobs of a real SLURM on this machine: submitted, watched, requeued, resumed, cancelled, also from a page."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import slurm_node
import tiny_set
from streamlit.testing.v1 import AppTest

from vlass_explorer import launchers, recipes, runs
from vlass_explorer.launchers import slurm
from vlass_explorer.schema import Run, RunConfig, RunError

ROOT = Path(__file__).resolve().parent.parent
EPOCHS = 60
WORKING = {"queued", "starting", "loading data", "training", "validating", "saving", "testing"}
ONE = slurm.Resources(cpus=2, minutes=30)
"""Both cores of the node, so that a second job waits."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with tiny_set.place(tmp_path_factory.mktemp("slurm"), OMP_NUM_THREADS="1") as folder, slurm_node.running():
        yield folder


def configured(place: Path, **changes: object) -> RunConfig:
    return recipes.with_values(RunConfig(), recipes.parse(tiny_set.words(place / "data", **changes)))


def watch(run: Run, goal: Callable[[Run], bool], seconds: float = 240.0) -> list[str]:
    """Phases seen until the goal."""
    deadline, seen = time.monotonic() + seconds, []
    while not goal(now := runs.read(run.path)):
        seen += [now.phase] if seen[-1:] != [now.phase] else []
        assert time.monotonic() < deadline, (now.phase, now.reason, runs.log_tail(now))
        time.sleep(0.05)
    return [*seen, runs.read(run.path).phase]


def until(goal: Callable[[], bool], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not goal():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def attempt(run: Run) -> int:
    return int((runs.read_status(run.path).get("process") or {}).get("restarts", -1))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_is_submitted_requeued_resumed_cancelled_and_finished(place: Path) -> None:
    run = runs.create(configured(place, epochs=EPOCHS))
    slurm.launch(run, ONE)
    assert launchers.of(run) is slurm and slurm.job(run)
    with pytest.raises(RunError, match="not launched twice"):
        slurm.launch(runs.read(run.path), ONE)

    second = runs.create(configured(place))
    slurm.launch(second, ONE)
    watch(second, lambda now: "waits" in now.reason)
    waiting = runs.read(second.path)
    assert (waiting.phase, waiting.queue_position) == ("queued", None)
    slurm.stop(waiting)
    assert (runs.read(second.path).phase, runs.read(second.path).reason) == (
        "stopped",
        f"SLURM job {slurm.job(second)} was cancelled before it started.",
    )

    seen = watch(run, lambda now: now.phase == "training" and now.progress > 0)
    assert set(seen) <= WORKING and seen[-1] == "training"
    subprocess.run(["scontrol", "requeue", slurm.job(run)], check=True)
    seen = watch(run, lambda now: now.phase == "queued")
    assert set(seen) <= WORKING
    first = runs.read_status(run.path)["step"]
    seen = watch(run, lambda now: attempt(run) == 1 and runs.read_status(run.path)["step"] > first)
    assert set(seen) <= WORKING and "starting" in seen

    # What SLURM sends before the time limit: the run saves, leaves and is queued again by itself.
    subprocess.run(["scancel", "--signal=USR2", slurm.job(run)], check=True)
    seen = watch(run, lambda now: attempt(run) == 2 and now.phase == "training")
    assert set(seen) <= WORKING and "queued" in seen

    slurm.kill(runs.read(run.path))
    seen = watch(run, lambda now: not now.is_active)
    assert set(seen) <= WORKING | {"stopped"}
    stopped = runs.read(run.path)
    assert (stopped.phase, stopped.reason) == ("stopped", f"SLURM job {slurm.job(run)} was cancelled.")

    slurm.launch(runs.new_attempt(stopped), ONE)
    seen = watch(run, lambda now: not now.is_active)
    assert set(seen) <= WORKING | {"finished"}
    done = runs.read(run.path)
    assert (done.phase, done.epoch) == ("finished", EPOCHS)
    rows, _ = runs.metrics(done)
    assert [row["epoch"] for row in rows if "val_loss" in row] == list(range(1, EPOCHS + 1))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_job_is_launched_from_the_train_page_and_cancelled_from_the_runs_page(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "slurm")
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(place))
    config = configured(place, epochs=5000, name="from-the-page")
    listed = ("squeue", "-h", "--name=from-the-page", "-o", "%i %P %l")
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    page.session_state["train_way"] = "YAML file"
    page.switch_page("pages/train.py").run()
    text = recipes.to_yaml(config, differences=True).encode()
    page.file_uploader(key="train_yaml").set_value(("mine.yaml", text, "application/yaml")).run()
    page.segmented_control(key="train_launcher").set_value("SLURM").run()
    page.text_input(key="train_slurm_partition").set_value("nowhere")
    page.number_input(key="train_slurm_minutes").set_value(7)
    page.button(key="train_launch").click().run()
    until(lambda: "train_anyway" in {button.key for button in page.run().button})  # checked: the set is small
    page.button(key="train_anyway").click().run()
    assert "Invalid partition name" in page.error[0].value and not page.exception
    [refused] = [run for run in runs.listing() if run.config == config]
    assert refused.phase == "failed" and slurm_node.shell(*listed) == ""

    page.text_input(key="train_slurm_partition").set_value("main")
    page.button(key="train_launch").click().run()
    page.button(key="train_anyway").click().run()
    assert page.title[0].value == "Runs" and not page.exception
    run = runs.find(str(page.query_params["run"]))
    assert run.config == config and launchers.of(run) is slurm
    assert slurm_node.shell(*listed).split() == [slurm.job(run), "main", "7:00"]
    watch(run, lambda now: now.phase == "training" and now.progress > 0)
    table = page.switch_page("pages/runs.py").run().dataframe[0].value.set_index("Run")
    assert [phase in WORKING for phase in table.loc["from-the-page", "Phase"]] == [True, False]
    page.button(key=f"kill-{run.id}").click().run()
    seen = watch(run, lambda now: not now.is_active)
    assert set(seen) <= WORKING | {"stopped"}
    assert runs.read(run.path).reason == f"SLURM job {slurm.job(run)} was cancelled."
    until(lambda: slurm_node.shell(*listed) == "")
    assert f"resume-{run.id}" in {button.key for button in page.run().button}


def test_srun_alone_works_without_a_warning(place: Path) -> None:
    words = tiny_set.words(place / "data", epochs=1, name="plain")
    done = subprocess.run(
        ["srun", "--job-name=bash", sys.executable, "-m", "train", "fit", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "Warning" in line and "srun" in line.lower()]
    run = next(run for run in runs.listing() if run.config.name == "plain")
    assert run.phase == "finished" and launchers.of(run) is slurm


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_job_array_of_runs_with_two_processes_each(place: Path) -> None:
    config = configured(place, epochs=1, devices=2, name="array")
    both = [runs.create(replace(config, seed=seed)) for seed in (0, 1)]
    slurm.launch_all(both, slurm.Resources(cpus=1, minutes=30))
    first, second = (slurm.job(run) for run in both)
    assert (first[-2:], second[-2:]) == ("_0", "_1") and first[:-2] == second[:-2]
    for run in both:
        watch(run, lambda now: not now.is_active)
        done = runs.read(run.path)
        assert done.phase == "finished", (done.reason, runs.log_tail(done))
        assert "2/2" in (run.path / "train.rank1.log").read_text()
        watch(run, lambda now: f"{now.id}: finished" in runs.log_tail(now))  # written just after the status
