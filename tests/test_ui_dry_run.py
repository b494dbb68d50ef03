"""Dry runs of several browser sessions: nobody's is ended for another's, and there is a bound that is said."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.training import dry_run
from vlass_explorer.schema import RunConfig, RunError


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[OrderedDict]:
    """A list of its own, and processes that wait for a file instead of a training engine."""
    fresh: OrderedDict = OrderedDict()
    monkeypatch.setattr(dry_run, "_kept", fresh)
    code = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)\nprint('{}')"

    def started(config: RunConfig) -> dry_run.Check:
        folder = tempfile.TemporaryDirectory()
        with (Path(folder.name) / "out").open("wb") as out, (Path(folder.name) / "err").open("wb") as err:
            process = subprocess.Popen([sys.executable, "-S", "-c", code, f"{folder.name}/end"], stdout=out, stderr=err)
        return dry_run.Check(process, folder, time.monotonic())

    monkeypatch.setattr(dry_run, "_started", started)
    yield fresh
    for check in fresh.values():
        check.close()


def end(check: dry_run.Check) -> None:
    (Path(check.folder.name) / "end").touch()
    check.process.wait()


def ask(number: int) -> dry_run.Check:
    return dry_run.start(RunConfig(name=f"session-{number}"), 0.0)


def test_a_fifth_session_ends_nobodys_check(kept: OrderedDict) -> None:
    checks = [ask(number) for number in range(dry_run.MOST_RUNNING)]
    assert len(checks) > 4 and not any(check.is_done for check in checks)
    assert ask(0) is checks[0]
    with pytest.raises(RunError, match="8 checks are going on here"):
        ask(dry_run.MOST_RUNNING)
    assert not any(check.is_done for check in checks)
    end(checks[3])
    assert not ask(dry_run.MOST_RUNNING).is_done
    assert checks[3].is_done and ask(3) is checks[3]  # its answer stays


def test_answers_are_forgotten_the_oldest_first_and_their_files_go(
    kept: OrderedDict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "MOST_KEPT", 3)
    waiting = ask(0)
    answered = [ask(number) for number in range(1, 4)]
    for check in answered:
        end(check)
    ask(9)
    assert not Path(answered[0].folder.name).exists() and Path(answered[1].folder.name).exists()
    assert not waiting.is_done and ask(0) is waiting
