"""Which cutouts a checkpoint is scored on: its own split by default, any part, sets that lack parts or classes."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_set

from vlass_explorer import datasets
from vlass_explorer.datasets import splits
from vlass_explorer.evaluation import metrics, parts
from vlass_explorer.schema import Checkpoint, DatasetError, InputSpec, Provenance, Reports

NAMES = ("round", "long", "bent")
SPEC = InputSpec(img_size=16, field_of_view=400.0, field_of_view_pixels=24)


def card(**provenance: object) -> Checkpoint:
    known = {"dataset": "class_folders", "data": "blobs", "split": "random", "fold": 2, "split_seed": 5, "seed": 7}
    where = Provenance.of({**known, **provenance})
    return Checkpoint("tiny", Path("tiny"), "vlass_vision_cnn", "classification", NAMES, SPEC, 1, Reports(), where)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_set.make(tmp_path_factory.mktemp("parts") / "blobs", count=40)


def listed(folder: Path, count: int = 12, **columns: list[str]) -> Path:
    """A folder with a labels.csv of these further columns."""
    files = sorted(path.relative_to(folder) for path in tiny_set.make(folder, count=count).glob("*/*.npy"))
    table = {"path": [file.as_posix() for file in files], "label": [file.parent.name for file in files], **columns}
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([table, *zip(*table.values(), strict=True)])
    return folder


def test_the_split_is_that_of_the_card_unless_another_is_given(blobs: Path) -> None:
    own = parts.config_of(card(), data_dir=str(blobs))
    assert (own.split, own.fold, own.split_seed, own.seed, own.field_of_view) == ("random", 2, 5, 7, 400.0)
    other = parts.config_of(card(), data_dir=str(blobs), split="authors", fold=0)
    assert (other.split, other.fold) == ("authors", 0)
    part = parts.select(card(), own)
    expected = splits.split(datasets.load("class_folders", blobs), "random", 2, 5)
    assert list(part.indices) == expected.validation.tolist() and str(part) == "validation of fold 2 (random split)"
    assert list(parts.select(card(), own, "train").indices) == expected.train.tolist()
    # Labels are those of the checkpoint, which knows one more class in another order.
    names = [NAMES[part.data_set.items[i].label] for i in part.indices]
    assert names == [part.data_set.items[i].name.partition("/")[0] for i in part.indices]


def test_parts_are_disjoint_and_held_out_prefers_the_test_part(blobs: Path) -> None:
    config = parts.config_of(card(configuration="calibration_fraction: 0.25"), data_dir=str(blobs), split="random_test")
    found = {name: set(parts.select(card(), config, name).indices) for name in parts.PARTS}
    assert found["held out"] == found["test"] and len(found["all"]) == 40
    four = [found[name] for name in ("train", "validation", "test", "calibration")]
    assert sum(map(len, four)) == 40 and set().union(*four) == found["all"] and len(found["calibration"]) == 6
    with pytest.raises(DatasetError, match="no calibration part"):
        parts.select(card(), replace(config, calibration_fraction=0.0), "calibration")
    without = parts.select(card(), replace(config, split="random"), "held out")
    assert without.name == "validation"
    with pytest.raises(DatasetError, match="no test part"):
        parts.select(card(), replace(config, split="random"), "test")
    with pytest.raises(DatasetError, match="no part 'rest'; known are validation, test"):
        parts.select(card(), config, "rest")


def test_the_train_count_of_the_run_cuts_down_its_own_data_set_alone(blobs: Path, tmp_path: Path) -> None:
    few = card(configuration="train_count: 20\nepochs: 3")
    config = parts.config_of(few, data_dir=str(blobs))
    subset = datasets.load("class_folders", blobs, seed=7, count=20)
    expected = {subset.items[i].name for i in splits.split(subset, "random", 2, 5).validation}
    part = parts.select(few, config)
    assert {part.data_set.items[i].name for i in part.indices} == expected and len(part.data_set) == 20
    assert len(parts.select(few, config, "all").indices) == 40
    other = replace(config, data_dir=str(tiny_set.make(tmp_path / "other", count=30)))
    assert len(parts.select(few, other).data_set) == 30


def test_a_simulated_set_has_as_many_training_cutouts_as_the_run_had() -> None:
    known = {"dataset": "simulated", "data": datasets.DATASETS["simulated"].TITLE, "split": "authors", "fold": 0}
    one = replace(
        card(**known, configuration="train_count: 60"), label_names=datasets.DATASETS["simulated"].LABEL_NAMES
    )
    assert len(parts.select(one, parts.config_of(one), "train").indices) == 60
    assert len(parts.select(one, parts.config_of(one)).indices) == 1000


@pytest.mark.parametrize("split", ["authors", "random", "vlass_vision"])
def test_a_set_that_is_all_test_is_scored(tmp_path: Path, split: str) -> None:
    folder = listed(tmp_path / "blobs", split=["test"] * 12)
    config = parts.config_of(card(), data_dir=str(folder), split=split, fold=0)
    assert len(parts.select(card(), config, "test").indices) == 12
    assert len(parts.select(card(), config, "held out").indices) == 12
    with pytest.raises(DatasetError, match="no validation part"):
        parts.select(card(), config)


def test_a_set_that_is_all_validation_is_scored(tmp_path: Path) -> None:
    folder = listed(tmp_path / "blobs", split=["validation"] * 12)
    config = parts.config_of(card(), data_dir=str(folder), split="authors", fold=0)
    assert len(parts.select(card(), config).indices) == 12
    with pytest.raises(DatasetError, match="only the class|to hold out"):
        splits.split(datasets.load("class_folders", folder), "authors")


def test_a_set_of_one_class_is_scored_with_all_names_of_the_checkpoint(tmp_path: Path) -> None:
    folder = tiny_set.make(tmp_path / "blobs", count=20)
    for path in (folder / "round").iterdir():
        path.unlink()
    part = parts.select(card(), parts.config_of(card(), data_dir=str(folder), split="random", fold=0))
    labels = part.data_set.labels[list(part.indices)]
    assert part.data_set.label_names == NAMES and set(labels) == {NAMES.index("long")}
    scores = np.eye(3)[[1] * (len(labels) - 1) + [0]] * 0.8 + 0.2 / 3
    found = metrics.report(labels, scores, NAMES)
    assert found.absent == ("bent",) and found.macro_f1 == pytest.approx(
        (2 * (len(labels) - 1) / (2 * len(labels) - 1)) / 2
    )
    assert np.isnan(found.macro_auroc) and all(np.isnan(found.macro_auroc_interval)) and found.roc == {}


def test_apart_leaves_out_what_is_near_a_training_cutout(tmp_path: Path) -> None:
    # Fold 0 is validated; its second cutout lies 100 arcsec from one of fold 1, the others degrees away.
    ra = [10.0 * number for number in range(12)]
    ra[1] = ra[2] + 100 / 3600
    places = {"ra": [f"{x:.6f}" for x in ra], "dec": ["0"] * 12}
    folder = listed(tmp_path / "blobs", fold=[str(int(n > 1 and n != 6)) for n in range(12)], **places)
    config = parts.config_of(card(), data_dir=str(folder), split="authors", fold=0)
    assert parts.select(card(), config).indices == (0, 1, 6)
    part = parts.select(card(), config, apart=True)
    assert part.indices == (0, 6) and str(part).endswith(", 270 arcsec from any training cutout")
