"""Folders as practitioners have them: parts around or inside class folders, tables in parts, Unicode names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlass_explorer import checkpoints, datasets
from vlass_explorer.datasets import splits
from vlass_explorer.evaluation import parts
from vlass_explorer.schema import DatasetError


def fill(folder: Path, count: int = 3) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        noise = np.random.default_rng(index).integers(0, 255, (12, 12), "u1")
        Image.fromarray(noise).save(folder / f"{index}.png")


def told(root: Path) -> set[tuple[str, str, str]]:
    found = datasets.load("class_folders", root)
    return {(item.name, found.label_names[item.label], item.split) for item in found.items}


def refusal(root: Path) -> str:
    with pytest.raises(DatasetError) as error:
        datasets.load("class_folders", root)
    return str(error.value)


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "VALID", "Test"),
        ("training", "validation", "testing"),
        ("train_set", "dev", "Hold-out"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_folders_of_parts_are_parts_in_either_order(
    train: str, validation: str, test: str, inside: bool, tmp_path: Path
) -> None:
    for part in (train, validation, test):
        for label in ("FRI", "FRII"):
            fill(tmp_path / label / part if inside else tmp_path / part / label)
    found = datasets.load("class_folders", tmp_path)
    assert found.label_names == ("FRI", "FRII") and found.counts == {"FRI": 9, "FRII": 9}
    parts = splits.split(found, "authors")
    for name, indices in zip((train, validation, test), parts, strict=True):
        assert len(indices) == 6 and all(name in found.items[index].name.split("/") for index in indices)


def test_class_folders_beside_a_part_keep_it_as_the_test_part(tmp_path: Path) -> None:
    for folder in ("FRI", "FRII", "test/FRI", "test/FRII"):
        fill(tmp_path / folder)
    found = datasets.load("class_folders", tmp_path)
    assert found.counts == {"FRI": 6, "FRII": 6}
    parts = splits.split(found, "random")
    assert len(parts.test) == 6 and all(found.items[index].name.startswith("test/") for index in parts.test)


@pytest.mark.parametrize("folders", [("train", "test"), ("FRI", "FRII", "test")])
def test_a_part_without_classes_is_refused_by_name_and_never_a_class(folders: tuple[str, ...], tmp_path: Path) -> None:
    for folder in folders:
        fill(tmp_path / folder)
    sentence = refusal(tmp_path)
    assert "is a part of a data set, not a class" in sentence and "'te" in sentence or "'train'" in sentence


def test_images_in_a_folder_that_is_neither_class_nor_part_are_not_left_out_silently(tmp_path: Path) -> None:
    for folder in ("train/FRI", "train/FRII", "eval/FRI", "eval/FRII"):
        fill(tmp_path / folder)
    assert refusal(tmp_path).startswith(
        "The folder 'eval' holds images in 'FRI', 'FRII' alone and is neither a class nor a part: name it train,"
    )
    fill(tmp_path / "eval")  # a class of its own, with folders that hold something else
    assert datasets.load("class_folders", tmp_path).counts == {"FRI": 3, "FRII": 3, "eval": 3}


def test_a_class_that_is_called_train_is_one_where_the_set_says_so(tmp_path: Path) -> None:
    for folder in ("train", "bus"):
        fill(tmp_path / folder)
    (tmp_path / "dataset.yaml").write_text("label_names: [bus, train]\n", encoding="utf-8")
    assert {row[1:] for row in told(tmp_path)} == {("bus", ""), ("train", "")}


def test_a_table_beside_folders_of_parts_takes_the_parts_from_its_paths(tmp_path: Path) -> None:
    rows = ["path,label"]
    for part in ("train", "Val", "test"):
        fill(tmp_path / part)
        rows += [f"{part}/{index}.png,{'ab'[index % 2]}" for index in range(3)]
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    words = {"train": "train", "Val": "validation", "test": "test"}
    assert told(tmp_path) == {
        (f"{part}/{index}.png", "ab"[index % 2], word) for part, word in words.items() for index in range(3)
    }


def test_each_part_may_have_its_own_table(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        fill(tmp_path / part)
        (tmp_path / part / "labels.csv").write_text("path,label\n0.png,a\n1.png,b\n", encoding="utf-8")
    assert told(tmp_path) == {
        (f"{part}/{index}.png", "ab"[index], word)
        for part, word in (("train", "train"), ("valid", "validation"))
        for index in range(2)
    }


def test_a_set_without_validation_part_says_how_to_make_one(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in "ab":
            fill(tmp_path / part / label)
    found = datasets.load("class_folders", tmp_path)
    with pytest.raises(DatasetError, match="has no validation part: use split=random or split=sky"):
        splits.split(found, "authors")
    assert [len(part) for part in splits.split(found, "authors", to_train=False)] == [6, 0, 6]


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_names_match_in_either_form_of_unicode(on_disk: str, in_table: str, tmp_path: Path) -> None:
    rows = ["path,label"]
    fill(tmp_path / unicodedata.normalize(on_disk, "Größe"))  # type: ignore[arg-type]
    for index in range(3):
        name = f"Größe/Höhle{index}.png"
        (tmp_path / unicodedata.normalize(on_disk, "Größe") / f"{index}.png").rename(  # type: ignore[arg-type]
            tmp_path / unicodedata.normalize(on_disk, name)  # type: ignore[arg-type]
        )
        rows.append(f"{unicodedata.normalize(in_table, name)},{'ab'[index % 2]}")  # type: ignore[arg-type]
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    assert [cutout.shape for cutout in datasets.load("class_folders", tmp_path).read()] == [(12, 12)] * 3


def test_class_folders_in_either_form_are_one_class(tmp_path: Path) -> None:
    for part, form in (("train", "NFC"), ("val", "NFD")):
        fill(tmp_path / part / unicodedata.normalize(form, "Höhle"))  # type: ignore[arg-type]
        fill(tmp_path / part / "b")
    assert datasets.load("class_folders", tmp_path).counts == {"Höhle": 6, "b": 6}


@pytest.mark.parametrize(("word", "name"), [("test", "test"), ("train", "train"), ("val", "validation")])
def test_a_set_of_one_part_without_some_class_is_scored_by_the_checkpoints_label_names(
    word: str, name: str, tmp_path: Path
) -> None:
    rows = ["path,label,split"]
    for label in ("FRI", "FRII"):
        fill(tmp_path / label)
        rows += [f"{label}/{index}.png,{label},{word}" for index in range(3)]
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    card = checkpoints.find("first-cnn")
    found = parts.select(card, parts.config_of(card, data_dir=str(tmp_path), split="authors", fold=3), "")
    assert found.name == name and len(found.indices) == 6
    assert found.data_set.label_names == card.label_names == ("Bent", "Compact", "FRI", "FRII")
    assert found.data_set.labels.tolist() == [2, 2, 2, 3, 3, 3]
