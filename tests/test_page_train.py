"""The Train page: what its form offers and refuses, when it launches, and how it shows runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import tiny_set
from streamlit.testing.v1 import AppTest

from ui import run_check
from vlass_explorer import runs
from vlass_explorer.launchers import local
from vlass_explorer.schema import Run, RunConfig

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of its own for data, runs and checkpoints."""
    tiny_set.make(tmp_path / "data" / "blobs")
    tiny_checkpoint.save(tmp_path / "checkpoints" / "tiny")
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "data"))
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "local")
    return tmp_path


def train_page(typed: dict[str, str] | None = None, **query: str) -> AppTest:
    """The page as it opens; ``typed`` is in its boxes already, where AppTest could only pick from a list."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    for key, value in (typed or {}).items():
        page.session_state[key] = value
    for key, value in query.items():
        page.query_params[key] = value
    page.switch_page("pages/train.py").run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    parts = [*page.error, *page.warning, *page.success, *page.info, *page.caption, *page.markdown, *page.code]
    return "\n".join(str(part.value) for part in parts)


def made_run(name: str, phase: str, **status: object) -> Run:
    run = runs.create(RunConfig(name=name, epochs=2))
    runs.write_status(run.path, phase=phase, total_steps=10, **status)
    return run


def test_form_shows_class_counts_and_the_exact_command(place: Path) -> None:
    page = train_page()
    counts = page.dataframe[0].value
    assert dict(zip(counts["Class"], counts["Cutouts"], strict=True)) == {"long": 20, "round": 20}
    command = page.code[0].value
    assert command.startswith("python -m train fit name=tiny-tuned ")
    assert f"data_dir={place / 'data' / 'blobs'}" in command
    assert "weights=tiny" in command and "patch_size=8" in command and "img_size=32" in command
    assert "Runs" in [header.value for header in page.subheader]


def test_command_on_a_terminal_makes_the_configuration_of_the_form(place: Path) -> None:
    page = train_page()
    epochs = next(widget for widget in page.number_input if widget.label == "Epochs")
    epochs.set_value(7).run()
    words = page.code[0].value.split()
    from train.__main__ import configuration, parser

    config = configuration(parser().parse_args(words[3:]))
    assert (config.epochs, config.weights, config.architecture) == (7, "tiny", "vit_tiny_patch16_224")


@pytest.mark.parametrize("typed", ["../..", "/etc", "link", "nowhere", "x" * 5000, "blobs/../../.."])
def test_a_folder_out_of_bounds_is_refused_with_a_sentence(place: Path, typed: str) -> None:
    (place / "data" / "link").symlink_to(place.parent, target_is_directory=True)
    page = train_page({"train_data": typed})
    assert len(page.error) == 1 and page.error[0].value.endswith(("from the list\\.", "from the list."))
    assert "train_launch" not in [button.key for button in page.button]


def test_an_unknown_architecture_names_the_nearest_one(place: Path) -> None:
    page = train_page({"train_way": "Architecture", "train_architecture": "resnet_18"})
    assert "resnet18" in page.error[0].value
    assert "train_launch" not in [button.key for button in page.button]


def test_the_simulator_is_a_data_set(place: Path) -> None:
    page = train_page({"train_data": "Bundled simulator (four VLASS classes)"})
    counts = page.dataframe[0].value
    assert len(counts) == 4 and counts["Cutouts"].sum() > 100
    assert "dataset=simulated" in page.code[0].value and "data_dir" not in page.code[0].value
    assert "simulated" in texts(page)
    assert "Train count" in [widget.label for widget in page.number_input]


def test_recipes_fill_the_form(place: Path) -> None:
    page = train_page()
    page.segmented_control(key="train_way").set_value("Recipe").run()
    page.selectbox(key="train_recipe").set_value("first/vit-tiny").run()
    assert not page.exception
    assert "architecture=vit_tiny_patch16_224" in page.code[0].value
    assert "mixup=0.2" in page.code[0].value


def test_the_name_of_a_run_is_checked(place: Path) -> None:
    page = train_page()
    name = next(widget for widget in page.text_input if widget.label.startswith("Name"))
    name.set_value("../../escape").run()
    assert not page.exception
    assert "name is letters" in page.error[0].value


def test_training_can_be_switched_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "off")
    run = made_run("kept", "finished", checkpoint="kept")
    page = train_page()
    assert "switched off" in page.info[0].value
    keys = [button.key for button in page.button]
    assert "train_launch" not in keys and f"stop-{run.id}" not in keys
    assert "The checkpoint kept is ready" in texts(page)


class Answer:
    """A dry run that has ended."""

    is_done = True

    def __init__(self, **found: object) -> None:
        self.result = {"errors": [], "warnings": [], "counts": {}, "unreadable": {}, **found}


def test_launch_creates_the_run_of_the_form_and_shows_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Run] = []
    monkeypatch.setattr(run_check, "start", lambda config, stamp: Answer())
    monkeypatch.setattr(local, "launch", launched.append)
    page = train_page()
    page.button(key="train_launch").click().run()
    assert not page.exception
    [run] = launched
    assert run.config.weights == "tiny" and run.config.data_dir == str(place / "data" / "blobs")
    assert page.query_params["run"] == run.id
    page.button(key="train_launch").click().run()  # a second click on the same form
    assert len(launched) == 1 and "active already" in texts(page)


def test_what_is_wrong_stops_the_launch(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(errors=["3 files cannot be read: a, b, c."], unreadable={"a": "It is cut short."})
    monkeypatch.setattr(run_check, "start", lambda config, stamp: answer)
    page = train_page()
    page.button(key="train_launch").click().run()
    assert "3 files cannot be read" in page.error[0].value and "cut short" in texts(page)
    assert runs.listing() == []


@pytest.mark.slow
def test_the_dry_run_is_a_process_that_finds_an_unreadable_file(place: Path) -> None:
    (place / "data" / "blobs" / "round" / "bad.npy").write_bytes(b"no array")
    config = RunConfig(data_dir=str(place / "data" / "blobs"), split="random", architecture="first_cnn")
    check = run_check.start(config, 1.0)
    check.process.wait(timeout=240)
    assert check.is_done
    assert list(check.result["unreadable"]) == ["round/bad.npy"]
    assert check.result["counts"]["train"].keys() == {"long", "round"}
    broken = run_check.start(replace(config, device="cuda:99"), 1.0)
    broken.process.wait(timeout=240)
    assert "cuda:99" in broken.result["errors"][0]


def test_a_link_names_its_run_and_its_curves_are_complete(place: Path) -> None:
    old = made_run("old", "stopped", reason="Stopped on request.", step=4)
    rows = [{"epoch": 1, "step": step, "train_loss": 1.0 / step} for step in (1, 2, 3)]
    rows.append({"epoch": 1, "step": 5, "val_loss": 0.5, "val_macro_f1": 0.25})
    (old.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (old.path / "train.log").write_text("last words of the old run\n")
    made_run("new", "finished", checkpoint="new-2")
    page = train_page(run=old.id)
    assert page.selectbox(key="train_run").value == old.id
    assert "Stopped on request" in texts(page) and "last words of the old run" in texts(page)
    spec = json.loads(page.get("plotly_chart")[0].proto.spec)
    drawn = {trace["name"]: len(np.atleast_1d(trace["x"])) for trace in spec["data"] if "name" in trace}
    assert drawn["training"] == 3 and drawn["validation"] == 1


def test_an_unknown_run_in_the_address_is_said(place: Path) -> None:
    newest = made_run("newest", "failed", reason="Out of memory on cpu with batch_size 64; try batch_size=32.")
    page = train_page(run="../../etc/passwd")
    assert "not there any more" in page.warning[0].value
    assert page.selectbox(key="train_run").value == newest.id
    assert "try batch" in page.error[0].value


def test_a_finished_run_offers_its_checkpoint_to_explore(place: Path) -> None:
    run = made_run("tiny", "finished", checkpoint="tiny", metrics={"macro_f1": 0.8125})
    page = train_page()
    assert "0.812" in [metric.value for metric in page.metric]
    page.button(key=f"explore-{run.id}").click().run()
    assert not page.exception
    assert page.session_state["checkpoint"] == "tiny"
