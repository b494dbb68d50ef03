"""Whose turn it is on which devices, with real processes: runs on two devices, dry runs beside runs, kills."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_set

from train import checks, dryrun
from vlass_explorer import recipes, runs
from vlass_explorer.runs import locks
from vlass_explorer.runs.locks import Turn
from vlass_explorer.schema import Run, RunConfig

TAKE = """
import sys
from pathlib import Path
from vlass_explorer.runs.locks import Turn
turn = Turn(Path(sys.argv[1]), *sys.argv[2:])
while not turn.take():
    pass
print("taken", flush=True)
sys.stdin.readline()
"""
OFTEN = """
import sys, time
from pathlib import Path
from vlass_explorer.runs.locks import Turn
root, seconds = Path(sys.argv[1]), 1.0
count, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    turn = Turn(root, *sys.argv[2:])
    if turn.take():
        (root / "alone").mkdir()
        (root / "alone").rmdir()
        count += 1
    turn.close()
print(count)
"""
WAIT = """
import sys
from pathlib import Path
from vlass_explorer.runs import locks
from vlass_explorer import runs
path = Path(sys.argv[1])
runs.heartbeat(path, device=sys.argv[2], process=runs.identity())
turn = locks.acquire(path, sys.argv[2:], lambda: None, pause=0.05)
runs.heartbeat(path, phase="training")
print("taken", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def started(repo_root: Path) -> Iterator[object]:
    """Starts a script and waits for its first line where it is told to; all are ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object, until: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=repo_root,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        running.append(process)
        assert process.stdout is not None
        assert not until or process.stdout.readline().strip() == until
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_all_devices_or_none(started: object, tmp_path: Path) -> None:
    holder = started(TAKE, tmp_path, "cuda:1", until="taken")  # type: ignore[operator]
    both = Turn(tmp_path, "cuda:0", "cuda:1")
    assert not both.take()
    first = Turn(tmp_path, "cuda:0")
    assert first.take()  # not kept by the one that could not have both
    first.close()
    holder.kill()  # the kernel gives it back
    holder.wait()
    assert both.take() and not Turn(tmp_path, "cuda:1").take()
    both.close()


def test_runs_that_name_their_devices_in_any_order_go_on(started: object, tmp_path: Path) -> None:
    """Neither at the same time nor both waiting for ever."""
    pair = [started(OFTEN, tmp_path, *names) for names in (("cuda:0", "cuda:1"), ("cuda:1", "cuda:0"))]  # type: ignore[operator]
    counts = [process.communicate(timeout=60) for process in pair]
    assert all(process.returncode == 0 for process in pair) and all(int(out) > 10 for out, _ in counts)


def queued(root: Path, first: str, count: int) -> Run:
    return runs.create(RunConfig(device=first, devices=count), root)


def test_a_run_on_two_devices_waits_for_both_and_is_not_overtaken(started: object, tmp_path: Path) -> None:
    one, two, late = queued(tmp_path, "cuda:1", 1), queued(tmp_path, "cuda:0", 2), queued(tmp_path, "cuda:1", 1)
    holder = started(WAIT, one.path, "cuda:1", until="taken")  # type: ignore[operator]
    waiting = started(WAIT, two.path, "cuda:0", "cuda:1")  # type: ignore[operator]
    behind = started(WAIT, late.path, "cuda:1")  # type: ignore[operator]
    deadline = time.monotonic() + 60
    while [run.id for run in runs.queue(tmp_path, "cuda:1")] != [two.id, late.id]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [run.id for run in runs.queue(tmp_path, "cuda:0")] == [two.id]
    assert [runs.read(run.path).queue_position for run in (two, late)] == [1, 2]
    time.sleep(0.5)
    assert runs.read(two.path).phase == runs.read(late.path).phase == "queued"
    holder.communicate("\n")
    assert waiting.stdout.readline() == "taken\n"
    assert not Turn(tmp_path, "cuda:0").take() and not Turn(tmp_path, "cuda:1").take()
    assert runs.read(late.path).queue_position == 1
    waiting.communicate("\n")
    assert behind.stdout.readline() == "taken\n"


@pytest.fixture
def config(tmp_path: Path) -> Iterator[RunConfig]:
    with tiny_set.place(tmp_path) as place:
        yield recipes.with_values(RunConfig(), recipes.parse(tiny_set.words(place / "data")))


def test_a_dry_run_beside_a_run_measures_nothing_and_stops_nothing(started: object, config: RunConfig) -> None:
    training = runs.create(config)
    holder = started(WAIT, training.path, "cpu", until="taken")  # type: ignore[operator]
    begun = time.monotonic()
    found = checks.check(config)
    assert found["errors"] == [] and "measured" not in found and time.monotonic() - begun < locks.PATIENCE
    taken = "cpu is taken by another run, so memory and time of a step were not measured; a run waits for its turn."
    assert taken in found["notes"]
    holder.communicate("\n")
    found = checks.check(replace(config, epochs=1))
    assert taken not in found["notes"] and found["measured"]["fits"]


def test_a_dry_run_has_the_device_while_it_measures_and_waits_for_another(
    started: object, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queued run that begins now would be measured, too, or be pushed out of memory."""
    free: list[bool] = []
    whole = dryrun.measure

    def measured(*arguments: object) -> dict[str, object]:
        other = Turn(runs.root(), "cpu")
        free.append(other.take())
        other.close()
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dryrun, "measure", measured)
    first = started(TAKE, runs.root(), "cpu", until="taken")  # type: ignore[operator]
    threading.Timer(1.0, lambda: first.communicate("\n")).start()
    assert checks.check(config)["measured"]["fits"] and free == [False]
    after = Turn(runs.root(), "cpu")
    assert after.take()
    after.close()


def test_a_device_that_stays_taken_is_not_waited_for_without_end(started: object, tmp_path: Path) -> None:
    started(TAKE, tmp_path, "cpu", until="taken")  # type: ignore[operator]
    assert locks.acquire_idle(tmp_path, ("cpu",), patience=0.3) is None
