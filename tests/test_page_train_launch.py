"""Launching from the Train page: its check, what asks first, what stops it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny_checkpoint
from train_place import MEASURED, Answer, folders, texts, train_page

from ui.training import dry_run
from vlass_explorer import runs
from vlass_explorer.launchers import local
from vlass_explorer.schema import Run, RunConfig


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set and a checkpoint."""
    tiny_checkpoint.save(tmp_path / "checkpoints" / "tiny")
    return folders(tmp_path, monkeypatch)


def test_launch_creates_the_run_of_the_form_and_shows_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Run] = []
    monkeypatch.setattr(dry_run, "start", lambda config, stamp, **_: Answer(device="cpu", notes=["Runs on the CPU."]))
    monkeypatch.setattr(local, "launch", launched.append)
    page = train_page()
    page.button(key="train_launch").click().run()
    assert not page.exception
    [run] = launched
    assert run.config.weights == "tiny" and run.config.data_dir == str(place / "data" / "blobs")
    assert page.title[0].value == "Runs" and page.query_params["run"] == run.id


def test_a_twin_is_asked_about(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Run] = []
    monkeypatch.setattr(dry_run, "start", lambda config, stamp, **_: Answer())
    monkeypatch.setattr(local, "launch", launched.append)
    train_page().button(key="train_launch").click().run()
    page = train_page()
    page.button(key="train_launch").click().run()
    assert len(launched) == 1 and "same configuration is queued" in page.warning[0].value.replace("\\", "")
    page.button(key="train_anyway").click().run()
    assert len(launched) == 2 and launched[0].config == launched[1].config


@pytest.mark.parametrize(
    ("found", "question"),
    [
        ({"warnings": ["Very few training cutouts of long."]}, "Very few"),
        ({"counts": {"train": {"long": 5, "round": 60}}}, "12 times"),
        ({"device": "cpu", "notes": ["Runs on the CPU."], "measured": MEASURED}, "on the CPU"),
    ],
)
def test_warnings_ask(place: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, object], question: str) -> None:
    monkeypatch.setattr(dry_run, "start", lambda config, stamp, **_: Answer(**found))
    page = train_page()
    page.button(key="train_launch").click().run()
    assert question in page.warning[0].value and runs.listing() == []
    assert "train_anyway" in [button.key for button in page.button]


def test_no_more_runs_than_are_allowed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_MAX_RUNS", "1")
    monkeypatch.setattr(dry_run, "start", lambda config, stamp, **_: Answer())
    runs.create(RunConfig(name="waits"))
    page = train_page()
    page.button(key="train_launch").click().run()
    assert "1 run is active" in page.error[0].value.replace("\\", "") and len(runs.listing()) == 1


def test_what_is_wrong_stops_the_launch(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(errors=["3 files cannot be read: a, b, c."], unreadable={"a": "It is cut short."})
    monkeypatch.setattr(dry_run, "start", lambda config, stamp, **_: answer)
    page = train_page()
    page.button(key="train_launch").click().run()
    assert "3 files cannot be read" in page.error[0].value and "cut short" in texts(page)
    assert runs.listing() == []


class Waiting(Answer):
    """A dry run that goes on."""

    is_done, started, progress = False, 0.0, 0.42


def test_launching_waits_for_no_check(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Run] = []
    asked: list[bool] = []

    def start(config: RunConfig, stamp: str, *, quick: bool) -> Waiting:
        asked.append(quick)
        return Waiting()

    monkeypatch.setattr(dry_run, "start", start)
    monkeypatch.setattr(local, "launch", launched.append)
    page = train_page()
    page.button(key="train_launch").click().run()
    assert asked[-1] and "42% of the files read" in texts(page)  # a look at the configuration alone
    page.button(key="train_now").click().run()
    assert not page.exception and len(launched) == 1


def test_a_check_can_be_stopped(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "start", lambda config, stamp, **_: Waiting())
    page = train_page()
    page.button(key="train_check_only").click().run()
    page.button(key="train_stop_check").click().run()
    assert not page.exception and runs.listing() == []
    assert "train_stop_check" not in [button.key for button in page.button]


@pytest.mark.slow
def test_the_dry_run_is_a_process_that_finds_an_unreadable_file_and_an_absent_device(place: Path) -> None:
    (place / "data" / "blobs" / "round" / "bad.npy").write_bytes(b"no array")
    config = RunConfig(data_dir=str(place / "data" / "blobs"), split="random", architecture="vlass_vision_cnn")
    check = dry_run.start(replace(config, device="cuda:99"), 1.0)
    check.process.wait(timeout=240)
    assert check.is_done
    assert list(check.result["unreadable"]) == ["round/bad.npy"]
    assert check.result["counts"]["train"].keys() == {"long", "round"}
    assert "cuda:99" in check.result["errors"][0]
    assert check.progress == 1.0
    again = replace(config, device="cuda:99")
    dry_run.forget_failures(again, 1.0)  # before it is asked for anew
    other = dry_run.start(again, 1.0)
    assert other is not check
    dry_run.stop(again, 1.0)
    assert other.process.poll() is not None
