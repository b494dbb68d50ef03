"""Trainer, app or both killed at random moments: the run folder tells the truth, and nothing is left half-done.

VLASS_EXPLORER_KILLS says how many kills (5 by default); the moments are drawn from a seed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import tiny_set
import torch

from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.launchers import begin, local
from vlass_explorer.runs.locks import Turn
from vlass_explorer.runs.records import read_process
from vlass_explorer.schema import Run, RunConfig

KILLS = int(os.environ.get("VLASS_EXPLORER_KILLS", "5"))
TRUTH_SECONDS = 10.0
# Stands in for the page's process: launches or resumes a run as the page does, and lives on.
APP = """
import sys, time
from pathlib import Path
from vlass_explorer import runs
from vlass_explorer.launchers import begin, local
run = runs.read(Path(sys.argv[1]))
local.launch(run) if run.phase == "queued" else begin.resume(run, local.launch, 8)
print("launched", flush=True)
time.sleep(600)
"""
MOMENTS = [
    ("queued", 4.0),
    ("loading data", 0.5),
    ("training", 2.0),
    ("testing", 0.3),
    ("saving", 0.1),
]
"""Phase that is waited for, and the longest delay in it."""


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunConfig]:
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    tiny_set.make(tmp_path / "data", count=60)
    words = tiny_set.words(tmp_path / "data", name="killed", epochs=3, batch_size=4, save_every=2, keep="best")
    yield recipes.with_values(RunConfig(), recipes.parse(words))
    for run in runs.listing():
        if run.is_active:
            local.kill(run)


def in_session(leader: int) -> list[psutil.Process]:
    """Living processes of the session that a trainer leads."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return found


def reached(run: Run, phase: str) -> bool:
    """The run is in this phase, or beyond it."""
    order = ["queued", "starting", "loading data", "training", "validating", "testing", "saving", "finished"]
    now = runs.read(run.path).phase
    assert now in order, runs.log_tail(run)
    return order.index(now) >= order.index(phase)


def check_nothing_is_half_done(run: Run, place: Path) -> None:
    """What must hold after each kill, within ten seconds."""
    leader = int(read_process(run.path)["pid"])
    until(lambda: not in_session(leader), TRUTH_SECONDS)
    turn = Turn(place / "runs", "cpu")
    until(turn.take, TRUTH_SECONDS)
    turn.close()
    listed = checkpoints.listing()
    assert checkpoints.problems() == {}
    for card in listed:
        assert checkpoints.load(card)(torch.zeros(1, 1, 16, 16)).shape == (1, 2)
    if (run.path / "last.ckpt").exists():
        assert torch.load(run.path / "last.ckpt", weights_only=True)["global_step"] > 0
    rows, _ = runs.metrics(run)
    assert all("step" in row for row in rows)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_after_a_kill_the_truth_is_told_and_the_run_can_go_on(config: RunConfig, tmp_path: Path) -> None:
    chance = random.Random(4)
    run: Run | None = None
    victims = []
    for number in range(KILLS):
        if run is None or runs.read(run.path).phase == "finished":
            run = runs.create(config)
        victim = ("trainer", "app", "both")[number % 3]
        app = None
        if victim == "trainer":
            fresh = runs.read(run.path).phase == "queued"
            local.launch(run) if fresh else begin.resume(run, local.launch, 8)
        else:
            app = subprocess.Popen([sys.executable, "-c", APP, str(run.path)], stdout=subprocess.PIPE)
            assert app.stdout is not None and app.stdout.readline() == b"launched\n"
        phase, longest = MOMENTS[number % len(MOMENTS)] if len(MOMENTS) <= KILLS else chance.choice(MOMENTS)
        until(lambda run=run, phase=phase: reached(run, phase), 120)
        time.sleep(chance.uniform(0, longest))
        trainer = int(read_process(run.path)["pid"])
        if app is not None:
            app.kill()
            app.wait()
            assert app.stdout is not None
            app.stdout.close()
        if victim == "app":
            # The trainer does not notice; it is ended next, so that every round ends with a dead trainer.
            before = runs.read(run.path)
            assert before.is_active or before.phase == "finished"
        if runs.alive(read_process(run.path)):
            os.kill(trainer, signal.SIGKILL)
        until(lambda run=run: not runs.read(run.path).is_active, TRUTH_SECONDS)
        told = runs.read(run.path)
        victims.append((victim, phase, told.phase))
        assert told.phase in ("lost", "finished") and bool(told.reason) == (told.phase == "lost")
        check_nothing_is_half_done(run, tmp_path)
    assert any(phase == "lost" for _, _, phase in victims), victims
    if runs.read(run.path).phase == "lost":
        begin.resume(run, local.launch, 8)
        until(lambda: not runs.read(run.path).is_active, 240)
    assert runs.read(run.path).phase == "finished", runs.log_tail(run)
    assert [row["epoch"] for row in runs.metrics(run)[0] if "val_loss" in row] == [1, 2, 3]
    print(victims)
