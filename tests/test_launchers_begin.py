"""Beginning runs: one decision at a time, within the allowed number, and a launch that fails is a failed run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from vlass_explorer import runs
from vlass_explorer.launchers import begin
from vlass_explorer.schema import Run, RunConfig, RunError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def stand_in(run: Run) -> None:
    """A launch whose process is this one."""
    runs.write_json(run.path / "process.json", runs.identity())


def test_as_many_runs_as_are_allowed() -> None:
    first = begin.start(RunConfig(name="one"), stand_in, most=2)
    begin.start(RunConfig(name="two"), stand_in, most=2)
    with pytest.raises(RunError, match="2 runs are active"):
        begin.start(RunConfig(name="three"), stand_in, most=2)
    assert len(runs.listing()) == 2
    runs.heartbeat(first.path, phase="finished")
    assert begin.start(RunConfig(name="three"), stand_in, most=2).config.name == "three"


def test_two_people_at_once_stay_within_the_number() -> None:
    refused: list[str] = []

    def ask(number: int) -> None:
        try:
            begin.start(RunConfig(name=f"run{number}"), stand_in, most=3)
        except RunError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs.listing()) == 3 and len(refused) == 5


def test_a_run_is_resumed_once_even_when_two_ask() -> None:
    run = begin.start(RunConfig(), stand_in, most=8)
    runs.heartbeat(run.path, phase="stopped")
    launched: list[str] = []

    def launch(again: Run) -> None:
        launched.append(again.id)
        stand_in(again)

    stopped = runs.read(run.path)
    assert begin.resume(stopped, launch, most=8).phase == "queued"
    with pytest.raises(RunError, match="is queued"):
        begin.resume(stopped, launch, most=8)
    assert launched == [run.id]


def test_what_cannot_be_started_has_failed() -> None:
    def launch(run: Run) -> None:
        raise OSError("no processes left")

    with pytest.raises(RunError, match="no processes left"):
        begin.start(RunConfig(), launch, most=8)
    [run] = runs.listing()
    assert run.phase == "failed" and "no processes left" in run.reason
