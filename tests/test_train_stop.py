"""Runs as real processes: stopped, killed, waiting for their device; resumed to the same last bit."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_set
import torch
from safetensors.torch import load_file

from train.fit import run as train
from train.state import saved_steps
from vlass_explorer import recipes, runs
from vlass_explorer.launchers import local
from vlass_explorer.runs.locks import Turn
from vlass_explorer.runs.records import read_process
from vlass_explorer.schema import Run, RunConfig

EPOCHS = 4


def until(condition: Callable[[], object], seconds: float = 400.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("stop")
    tiny_set.make(folder / "data", count=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_RUNS", str(folder / "runs"))
        patch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(folder / "checkpoints"))
        patch.setenv("OMP_NUM_THREADS", "1")  # for the processes; threads that wait for each other crawl beside others
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield folder
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def config(place: Path) -> RunConfig:
    words = tiny_set.words(
        place / "data",
        architecture="test_vit",
        patch_size=4,
        epochs=EPOCHS,
        batch_size=4,
        save_every=25,
        workers=2,
        drop_rate=0.1,
        drop_path_rate=0.1,
        mixup=0.4,
        ema=0.9,
        keep="best",
        schedule="restarts",
        decay_epochs=3,
    )
    return recipes.with_values(RunConfig(), recipes.parse(words))


def weights(run: Run, place: Path) -> dict[str, torch.Tensor]:
    name = runs.read_status(run.path)["checkpoint"]
    return load_file(place / "checkpoints" / name / "model.safetensors")


def curves(run: Run) -> list[dict[str, float]]:
    rows, _ = runs.metrics(run)
    measured = ("images_per_second", "memory_mib")
    return [{key: value for key, value in row.items() if key not in measured} for row in rows]


def behind(run: Run) -> bool:
    """True at a step that is no save point."""
    saved = run.path / "last.ckpt"
    return saved.exists() and runs.read_status(run.path).get("step", 0) > saved_steps(saved)


def ended(run: Run) -> bool:
    return not runs.read(run.path).is_active


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_interrupted_twice_and_resumed_a_run_ends_as_if_never_stopped(place: Path, config: RunConfig) -> None:
    whole = runs.create(config, place / "whole")
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    assert train(whole.path) == 0
    for number, handler in kept.items():
        signal.signal(number, handler)

    run = runs.create(config, place / "runs")
    local.launch(run)
    # Not at an epoch's end: 40 steps an epoch, a row every ten.
    until(lambda: runs.read(run.path).progress > 0.05 or ended(run))
    os.kill(read_process(run.path)["pid"], signal.SIGTERM)
    until(lambda: ended(run))
    stopped = runs.read(run.path)
    assert (stopped.phase, stopped.reason) == ("stopped", "Stopped by SIGTERM.")
    first = runs.read_status(run.path)["step"]
    assert 0 < first < EPOCHS * 40

    local.launch(runs.new_attempt(stopped))
    until(lambda: (runs.read_status(run.path).get("step", 0) > first + 8 and behind(run)) or ended(run))
    os.kill(read_process(run.path)["pid"], signal.SIGKILL)
    until(lambda: ended(run))
    lost = runs.read(run.path)
    assert lost.phase == "lost" and "step" in lost.reason and behind(lost)
    turn = Turn(place / "runs", "cpu")
    until(turn.take, 10)  # the kernel closes the lock when the last thread is gone; loader processes have none
    turn.close()

    local.launch(runs.new_attempt(lost))
    until(lambda: ended(run))
    assert runs.read(run.path).phase == runs.read(whole.path).phase == "finished"
    expected, found = weights(whole, place), weights(run, place)
    assert expected.keys() == found.keys() and all(torch.equal(expected[key], found[key]) for key in expected)
    assert curves(whole) == curves(run)
    states = [torch.load(r.path / "last.ckpt", weights_only=True)["state_dict"] for r in (whole, run)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_run_waits_for_its_device_and_can_be_stopped_waiting(place: Path, config: RunConfig) -> None:
    (place / "queue").mkdir()
    turn = Turn(place / "queue", "cpu")
    assert turn.take()
    run = runs.create(replace(config, name="waiting", epochs=1), place / "queue")
    local.launch(run)
    until(lambda: runs.read(run.path).device == "cpu")
    waiting = runs.read(run.path)
    assert (waiting.phase, waiting.queue_position) == ("queued", 1)
    runs.request_stop(waiting)
    until(lambda: ended(run))
    turn.close()
    stopped = runs.read(run.path)
    assert (stopped.phase, stopped.reason) == ("stopped", "Stopped on request.")
    # Nothing was saved yet: a resumed run begins at its start.
    local.launch(runs.new_attempt(stopped))
    until(lambda: ended(run))
    assert runs.read(run.path).phase == "finished"
    assert {row["epoch"] for row in curves(run)} == {1}


def test_a_signal_at_any_moment_ends_as_stopped(place: Path, config: RunConfig) -> None:
    # The delays fall into the imports, the start of fit, a validation and the last steps.
    for seconds in (0.0, 0.7, 1.4):
        run = runs.create(replace(config, name="signal", epochs=40, batch_size=40), place / "runs")
        local.launch(run)
        until(lambda run=run: runs.read_status(run.path)["phase"] not in ("queued", "starting") or ended(run))
        time.sleep(seconds)
        os.kill(read_process(run.path)["pid"], signal.SIGTERM)
        until(lambda run=run: ended(run))
        assert (runs.read(run.path).phase, runs.read(run.path).reason) == ("stopped", "Stopped by SIGTERM.")
