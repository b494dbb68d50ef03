"""The Checkpoints page: leaderboard, a fresh evaluation with its mistakes, and changes of the shelf."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
import tiny_set
import torch
from page_figures import figure, values
from safetensors.torch import load_file, save_file
from streamlit.testing.v1 import AppTest
from test_calibration_asked import make, part_of

from ui.state import Entry
from vlass_explorer import calibration, checkpoints
from vlass_explorer.evaluation import metrics, parts
from vlass_explorer.schema import Seen

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny_set.make(tmp_path / "data" / "blobs", count=30)
    model = checkpoints.create("vit_tiny_patch16_224", 2, tiny_checkpoint.ARGS)
    known = tiny_checkpoint.PROVENANCE | {"dataset": "class_folders", "split": "random"}
    tiny_checkpoint.save(
        tmp_path / "checkpoints" / "tiny", model, label_names=tiny_set.CLASSES, metrics={}, provenance=known
    )
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(tmp_path / "data"))
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "local")
    return tmp_path


def checkpoints_page() -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    page.switch_page("pages/checkpoints.py").run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    parts = [*page.error, *page.warning, *page.success, *page.info, *page.caption, *page.markdown]
    return "\n".join(str(part.value) for part in parts)


def test_evaluating_shows_the_report_and_opens_a_mistake(place: Path) -> None:
    page = checkpoints_page()
    table = page.dataframe[0].value
    assert table["checkpoint"].tolist() == ["tiny"]
    next(button for button in page.button if button.label == "Evaluate").click().run()
    assert not page.exception
    assert "6 cutouts, one forward pass each" in texts(page) and "its card does not list" in texts(page)
    cells = page.selectbox(key="evaluation_cell_tiny")
    assert cells.options[0].startswith("Mistakes, the surest first (")
    counts = [int(name.rpartition("(")[2][:-1]) for name in cells.options[1:]]
    assert sum(counts) == 6  # every cutout lies in one cell of the confusion matrix
    cells.select_index(1).run()
    shown = [button for button in page.button if (button.key or "").startswith("mistake_")]
    assert not page.exception and len(shown) == counts[0]
    page.selectbox(key="evaluation_cell_tiny").select_index(0).run()
    mistakes = [button for button in page.button if (button.key or "").startswith("mistake_")]
    assert mistakes, "random weights take some of six for another class"
    mistakes[0].click().run()
    assert not page.exception
    # The cutout has joined the session and is in view.
    entry = page.session_state["uploads"][page.session_state["cutout"]]
    assert entry.kind == "data set" and entry.source is not None


def test_the_cost_of_an_image_is_measured_on_request(place: Path) -> None:
    page = checkpoints_page()
    assert "GFLOPs" not in page.dataframe[0].value
    page.toggle(key="board_cost").set_value(True).run()
    row = page.dataframe[0].value.iloc[0]
    assert not page.exception and "One image in 32-bit floats on" in texts(page)
    assert row["forward (ms)"] > 0 and row["forward and backward (ms)"] > 0 and row["GFLOPs"] > 0
    assert row["memory (MB)"] > 8 * checkpoints.find("tiny").parameters / 1e6  # weights and their gradients


def evaluate(page: AppTest) -> AppTest:
    next(button for button in page.button if button.label == "Evaluate").click().run()
    assert not page.exception
    return page


def test_a_model_whose_scores_are_no_numbers_gets_a_sentence_and_the_page_goes_on(place: Path) -> None:
    folder = place / "checkpoints" / "tiny"
    sound = {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors")}
    weights = folder / "model.safetensors"
    save_file({key: torch.full_like(tensor, torch.nan) for key, tensor in load_file(weights).items()}, weights)
    hashes = [hashlib.sha256(content).hexdigest() for content in (sound[weights.name], weights.read_bytes())]
    (folder / "config.json").write_text(sound["config.json"].decode().replace(*hashes))
    page = evaluate(checkpoints_page())
    assert [error.value for error in page.error] == ["The model gives no finite score for 6 of 6 cutouts\\."]
    page.run()
    assert not page.error and not page.exception  # nothing of it is left
    for name, content in sound.items():
        (folder / name).write_bytes(content)
    os.utime(folder)
    assert "6 cutouts, one forward pass each" in texts(evaluate(page.run())) and not page.error


def test_a_report_is_made_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    report = metrics.report
    monkeypatch.setattr(metrics, "report", lambda *given, **options: made.append(1) or report(*given, **options))
    page = evaluate(checkpoints_page())
    page.run()
    assert made == [1] and not page.exception


def test_a_set_of_one_class_and_one_part_is_scored(place: Path) -> None:
    folder = place / "data" / "blobs"
    rows = [f"long/{file.name},long" for file in sorted((folder / "long").iterdir())]
    (folder / "labels.csv").write_text("\n".join(["path,label", *rows]))
    page = checkpoints_page()
    page.selectbox(key="evaluate_part_tiny").set_value("all")
    said = texts(evaluate(page))
    assert "blobs in `" in said and ": all cutouts" in said and "15 cutouts, one forward pass each" in said
    page.selectbox(key="evaluate_part_tiny").set_value("train")
    assert not evaluate(page).error


def test_a_failed_evaluation_clears_the_one_before(place: Path) -> None:
    page = evaluate(checkpoints_page())
    assert "6 cutouts, one forward pass each" in texts(page)
    page.selectbox(key="evaluate_part_tiny").set_value("test")
    evaluate(page)
    assert "has no test part" in page.error[0].value.replace("\\", "")
    assert "one forward pass each" not in texts(page)


def test_a_mistake_whose_file_has_gone_is_a_sentence(place: Path) -> None:
    page = evaluate(checkpoints_page())
    for file in (place / "data" / "blobs").glob("*/*.npy"):
        file.write_bytes(b"text")
    page.run()
    assert not page.exception and "Mistakes" in page.selectbox(key="evaluation_cell_tiny").options[0]


def test_evaluation_on_training_cutouts_is_labelled(place: Path) -> None:
    card = checkpoints.find("tiny")
    config = parts.config_of(card, data_dir=str(place / "data" / "blobs"))
    train, validation = (parts.select(card, config, part).images(card).cutouts for part in ("train", "validation"))
    checkpoints.update(card, seen=Seen(train, validation))
    page = checkpoints_page()
    page.selectbox(key="evaluate_part_tiny").set_value("train")
    next(button for button in page.button if button.label == "Evaluate").click().run()
    assert not page.exception
    assert [each.value.replace("\\", "") for each in page.warning] == [
        "24 of 24 cutouts were trained on: this is no test."
    ]
    page.selectbox(key="evaluate_part_tiny").set_value("validation")
    next(button for button in page.button if button.label == "Evaluate").click().run()
    assert not page.warning and "6 of 6 cutouts validated it while it was made" in texts(page)


def test_the_shelf_is_left_alone_where_training_is_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_TRAINING", "off")
    page = checkpoints_page()
    assert "switched off" in texts(page)
    assert not [button for button in page.button if button.label in ("Delete", "Rename")]


def test_renaming_and_deleting(place: Path) -> None:
    page = checkpoints_page()
    page.text_input(key="rename_to_tiny").set_value("../etc")
    next(button for button in page.button if button.label == "Rename").click().run()
    assert "cannot name a checkpoint" in texts(page).replace("\\", "")
    page.text_input(key="rename_to_tiny").set_value("other")
    next(button for button in page.button if button.label == "Rename").click().run()
    assert not page.exception
    assert [card.name for card in checkpoints.listing()] == ["other"]
    page.button(key="delete_for_good").click().run()
    assert not page.exception and checkpoints.listing() == []
    assert "No checkpoint yet" in texts(page)


def test_two_checkpoints_are_averaged_by_a_process(place: Path) -> None:
    shelf = place / "checkpoints"
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = checkpoints.create("vit_tiny_patch16_224", 2, tiny_checkpoint.ARGS)
        tiny_checkpoint.save(shelf / f"tiny-{seed}", model, label_names=tiny_set.CLASSES, metrics={}, half=False)
    page = checkpoints_page()
    page.multiselect(key="average_names").set_value(["tiny-1", "tiny-2"])
    page.text_input(key="average_name").set_value("mean")
    next(button for button in page.button if button.label == "Average").click().run()
    assert not page.exception and "checkpoint" in page.success[0].value
    one, two, mean = (load_file(shelf / name / "model.safetensors") for name in ("tiny-1", "tiny-2", "mean"))
    assert all(torch.allclose(mean[key].float(), (one[key] + two[key]) / 2, atol=1e-3) for key in one)


def test_training_cutouts_have_a_map_and_files_of_the_session_are_laid_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    folder = tiny_set.make(tmp_path / "data" / "blobs", count=80)
    plain = make(tmp_path / "shelf", "plain", 1, Seen())
    part = part_of(plain, folder)
    half = replace(part, indices=part.indices[:40])
    card = make(tmp_path / "shelf", "tiny", 1, Seen(train=half.images(plain).cutouts))
    known = calibration.reference(card, part)
    checkpoints.keep_reference(card, calibration.to_tensors(known))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    page.session_state["checkpoint"] = "tiny"
    page.switch_page("pages/checkpoints.py").run()
    chart = figure(page, "map_tiny_PCA_Label")
    at = np.concatenate([np.stack([values(trace, "x"), values(trace, "y")], axis=1) for trace in chart["data"]])
    centred = known.features - known.features.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    own = np.abs((left * sizes)[:, :2])
    assert np.sort(np.abs(at), axis=0) == pytest.approx(np.sort(own, axis=0), abs=1e-4)
    assert chart["layout"]["title"]["text"] == "40 training cutouts"
    files = [(path.name, path.read_bytes()) for path in sorted(folder.rglob("*.npy"))[:3]]
    page.session_state["uploads"] = {n: Entry(n, n, n, "upload", n, content=content) for n, content in files}
    page.run()
    page.toggle(key="map_over_tiny").set_value(True).run()
    assert not page.exception and not page.error
    both = figure(page, "map_tiny_PCA_Answer")
    assert both["layout"]["title"]["text"] == "40 training cutouts and 3 cutouts"
    page.session_state["checkpoint"] = "plain"
    page.run()
    assert "train reference plain" in texts(page).replace("\\", "") and not page.exception
