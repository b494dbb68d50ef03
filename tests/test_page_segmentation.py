"""Pages with a checkpoint that labels pixels: Explore shows its components, the others say why not, none crashes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny_checkpoint
import tiny_masks
from streamlit.testing.v1 import AppTest
from test_page_explore import explore, texts

from vlass_explorer import recipes, runs
from vlass_explorer.schema import RunConfig


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "shelf"))
    monkeypatch.setenv("VLASS_EXPLORER_RUNS", str(tmp_path / "runs"))
    tiny_masks.save(tmp_path / "shelf" / "pixels")
    coarse = replace(tiny_masks.SPEC, beam_arcsec=(40.0, 40.0), survey="VLASS")
    tiny_masks.save(tmp_path / "shelf" / "coarse", input_spec=coarse)
    tiny_checkpoint.save(tmp_path / "shelf" / "whole")
    data = tiny_masks.make(tmp_path / "data")
    run = runs.create(recipes.with_values(RunConfig(), recipes.parse(tiny_masks.words(data))))
    runs.append_metrics(run.path, {"epoch": 1, "step": 2, "train_loss": 0.5, "val_loss": 0.4, "val_mean_iou": 0.3})
    runs.write_json(run.path / "report.json", {**tiny_masks.VALIDATION, "validation": tiny_masks.VALIDATION})
    runs.write_status(run.path, phase="finished", metrics={"mean_iou": 0.5, "pixel_accuracy": 0.9}, checkpoint="pixels")
    return tmp_path / "shelf"


def opened(page: AppTest, name: str) -> str:
    page.switch_page(f"pages/{name}.py").run()
    assert not page.exception, name
    return texts(page)


def test_explore_shows_components_and_every_other_page_says_what_it_is(shelf: Path) -> None:
    page = explore(checkpoint="pixels")
    said = texts(page)
    assert "Labels pixels as background, blob, ring" in said and "Components" in said
    assert {"Components", "Remainder", "Total"} <= {one.label for one in page.metric}
    assert not page.error
    table = next(frame.value for frame in page.dataframe if "beams" in frame.value.columns)
    assert {"number", "class", "flux", "error"} <= set(table.columns)
    number = int(table["number"].iloc[1])
    stem = next(str(one.key) for one in page.button if str(one.key).endswith("_As found")).removesuffix("_As found")
    page.segmented_control(key="classes").set_value("Both").run()
    assert not page.exception and not any(one.label == "Join" and not one.disabled for one in page.button)
    page.session_state[f"{stem}_picked"], page.session_state[f"{stem}_turn"] = (1, number), 1  # as a click would
    page.run()
    assert next(one for one in page.button if one.label == "Join").disabled is False
    page.session_state[stem] = {"joined": [(1, 2)], "left_out": [1, 2]}
    page.run()
    joined = next(frame.value for frame in page.dataframe if "beams" in frame.value.columns)
    assert len(joined) == len(table) - 1 and "left out" in joined["class"].iloc[0] and not page.exception
    page.button(key=f"{stem}_As found").click().run()
    assert len(next(frame.value for frame in page.dataframe if "beams" in frame.value.columns)) == len(table)
    page.toggle(key="eight_views").set_value(True).run()
    turned = [frame.value["beams"].tolist() for frame in page.dataframe if "beams" in frame.value.columns]
    assert not page.exception and not page.error and turned != [table["beams"].tolist()]
    assert turned or "every labelled pixel is background" in texts(page)

    for name in ("attention", "explain", "compare"):
        assert "pixels is a segmentation checkpoint: it labels pixels" in opened(page, name), name
    for name in ("source", "sky", "data", "runs"):
        opened(page, name)
    assert "pixels" in texts(page) or page.metric  # the run below
    assert {"Mean IoU", "Right pixels", "Boundary F1"} <= {one.label for one in page.metric}

    opened(page, "train")
    assert "task=segmentation" in page.code[0].value and "encoder=test_resnet" in page.code[0].value
    page.segmented_control(key="train_way").set_value("Recipe").run()
    page.selectbox(key="train_recipe").set_value("sim/vt-fpn").run()
    assert not page.exception and not page.error
    assert "--recipe sim/vt-fpn" in page.code[0].value or "architecture=vt_fpn" in page.code[0].value
    page.selectbox(key="train_architecture_recipe sim/vt-fpn").set_value("resnet18").run()
    assert not page.exception and "task=segmentation" not in page.code[0].value
    said = opened(page, "checkpoints")
    assert "Classes of pixels" in said and "On its card: validation" in said


def test_what_is_outside_is_labelled_on_request_alone(shelf: Path) -> None:
    page = explore(checkpoint="coarse")
    assert "outside of what coarse is for" in texts(page) and not page.metric
    next(one for one in page.button if one.label == "Label pixels all the same").click().run()
    assert not page.exception and "Total" in {one.label for one in page.metric}


def test_the_worst_images_are_shown_with_truth_and_prediction_and_open_in_explore(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_DATA_ROOTS", str(shelf.parent))
    monkeypatch.setenv("VLASS_EXPLORER_CACHE", str(shelf.parent / "cache"))
    page = explore(checkpoint="pixels")
    opened(page, "checkpoints")
    page.selectbox(key="evaluate_dir_pixels").set_value(str(shelf.parent / "data"))
    page.selectbox(key="evaluate_part_pixels").set_value("all")
    next(button for button in page.button if button.label == "Evaluate").click().run()
    said = texts(page)
    assert not page.exception and "12 cutouts, one forward pass each" in said
    shown = [button for button in page.button if (button.key or "").startswith("worst_")]
    assert len(shown) == 12 and said.count("Mean IoU 0") >= 12
    shown[0].click().run()
    assert not page.exception and page.session_state["cutout"].endswith(".npy")


def test_explore_opens_on_the_shipped_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLASS_EXPLORER_CHECKPOINTS", raising=False)
    page = explore(checkpoint="sim-panoptic-fpn")
    assert not page.error and "compact core, lobe, jet, artefact" in texts(page)
    table = next(frame.value for frame in page.dataframe if "beams" in frame.value.columns)
    assert {"flux", "error", "class_error"} <= set(table.columns) and (table["class_error"] > 0).all()
