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
from vlass_explorer import recipes
from vlass_explorer.schema import RunConfig, RunError


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[OrderedDict]:
    """A list of its own, and processes that wait for a file instead of a training engine."""
    fresh: OrderedDict = OrderedDict()
    monkeypatch.setattr(dry_run, "_kept", fresh)
    code = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)\nprint('{}')"

    def started(config: RunConfig, asked: str) -> dry_run.Check:
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


def test_a_failure_is_no_verdict_for_ever_and_a_whole_check_serves_a_launch(kept: OrderedDict) -> None:
    config = RunConfig(name="session-0")
    failed = ask(0)
    failed.process.kill()
    failed.process.wait()
    assert failed.result["errors"] and ask(0) is failed  # not begun again by a mere redraw
    dry_run.forget_failures(config, 0.0)
    again = ask(0)
    assert again is not failed
    assert dry_run.start(config, 0.0, quick=True) is not again  # it goes on: nobody waits for it
    end(again)
    assert dry_run.start(config, 0.0, quick=True) is again


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


def test_a_check_is_given_the_whole_configuration_as_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "$@" >&2\ncat\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    config = RunConfig(data_dir="/data/\u00e9t\u00e9: '#1' \"two\"\nlines", learning_rate=3e-4)
    check = dry_run._started(config, dry_run.WHOLE)
    check.process.wait()
    assert recipes.from_yaml((Path(check.folder.name) / "out").read_text(encoding="utf-8")) == config
    assert (Path(check.folder.name) / "err").read_text() == "-m train check --json --config -\n"
    check.close()
