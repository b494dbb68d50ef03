"""Labels that may be missing, or one class in two spellings, are asked about; dataset.yaml answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_datasets_layout import fill, refusal, told

from vlass_explorer import datasets
from vlass_explorer.datasets import label_words
from vlass_explorer.schema import DatasetError


def rows(*labels: str) -> list[dict[str, str]]:
    return [{"path": f"{index}.png", "label": label} for index, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("a", "b", "nan", "nan"), "'nan' (2) may stand for no label"),
        (("a", "b", ""), "an empty label (1) may stand for no label"),
        (("a", "b", "N/A", "NaN"), "'N/A' (1), 'NaN' (1) may stand for no label"),
        (("FRI", "fri", "b"), "'FRI' (1) and 'fri' (1) may be one class"),
        (("FR I", "FRI", "fr_i"), "'FR I' (1) and 'FRI' (1) and 'fr_i' (1) may be one class"),
        (("FR-I", "FRI", "FR_I"), "'FR-I' (1) and 'FRI' (1) and 'FR_I' (1) may be one class"),
        (("café", "cafe", "b"), "'cafe' (1) and 'café' (1) may be one class"),
        (("1", "1.0", "2"), "'1' (1) and '1.0' (1) may be one class"),
        (("01", "1", "2"), "'01' (1) and '1' (1) may be one class"),
        (("Straße", "STRASSE"), "'STRASSE' (1) and 'Straße' (1) may be one class"),
    ],
)
def test_labels_in_doubt_are_named_in_one_sentence(labels: tuple[str, ...], said: str) -> None:
    with pytest.raises(DatasetError) as error:
        label_words.resolve_labels(rows(*labels), {})
    assert said in str(error.value) and "Say in dataset.yaml" in str(error.value)


@pytest.mark.parametrize("labels", [("FRI", "FRII"), ("-1", "1"), ("a", "b", "ä b"), ("1.0", "2.0"), ("M87", "M 31")])
def test_labels_that_differ_are_not_asked_about(labels: tuple[str, ...]) -> None:
    assert [row["label"] for row in label_words.resolve_labels(rows(*labels), {})] == list(labels)


def test_answers_join_labels_and_leave_out_images(tmp_path: Path) -> None:
    fill(tmp_path, 6)
    lines = [f"{row['path']},{row['label']}" for row in rows("FRI", "fr i", "FRII", "nan", "", "FRII")]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *lines]), encoding="utf-8")
    assert "an empty label (1), 'nan' (1) may stand for no label; 'FRI' (1) and 'fr i' (1) may be" in refusal(tmp_path)
    said = "labels: {fr i: FRI, nan: null, '': null}\n"
    (tmp_path / "dataset.yaml").write_text(said, encoding="utf-8")
    assert {row[:2] for row in told(tmp_path)} == {
        ("0.png", "FRI"),
        ("1.png", "FRI"),
        ("2.png", "FRII"),
        ("5.png", "FRII"),
    }


def test_a_label_that_the_set_declares_is_no_doubt(tmp_path: Path) -> None:
    for folder in ("none", "ring", "Ring"):
        fill(tmp_path / folder, 1)
    (tmp_path / "dataset.yaml").write_text("label_names: [none, ring, Ring]\n", encoding="utf-8")
    assert datasets.load("class_folders", tmp_path).label_names == ("none", "ring", "Ring")
    (tmp_path / "dataset.yaml").write_text("label_names: [none, ring]\n", encoding="utf-8")
    assert "'Ring' (1) and 'ring' (1) may be one class" in refusal(tmp_path)


def test_numbers_in_yaml_are_labels_as_written(tmp_path: Path) -> None:
    for folder in ("1", "1.0", "2"):
        fill(tmp_path / folder, 1)
    (tmp_path / "dataset.yaml").write_text("labels: {'1.0': 1}\n", encoding="utf-8")
    assert datasets.load("class_folders", tmp_path).counts == {"1": 2, "2": 1}


@pytest.mark.parametrize("text", ["labels: [nan]\n", "labels: {nan: [a]}\n"])
def test_bad_answers_are_refused(text: str, tmp_path: Path) -> None:
    fill(tmp_path / "a")
    (tmp_path / "dataset.yaml").write_text(text, encoding="utf-8")
    assert "labels names a class for a label as written" in refusal(tmp_path)
