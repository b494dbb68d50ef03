"""Splits: folds partition the data set, keep neighbours on the sky together and spread the classes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.wcs import WCS
from sklearn.model_selection import train_test_split

from vlass_explorer import datasets
from vlass_explorer.datasets import DataSet, Item, splits
from vlass_explorer.schema import Cutout, DatasetError


def no_image() -> Cutout:
    return Cutout("none", np.zeros((10, 10), np.float32))


def made(labels: list[int], **columns: list[object]) -> DataSet:
    items = tuple(
        Item(f"{n}", label, no_image, **{key: values[n] for key, values in columns.items()})
        for n, label in enumerate(labels)
    )
    return DataSet("made", items, tuple("abcd"[: max(labels) + 1]))


@pytest.fixture(scope="module")
def first(data_dir: Path) -> DataSet:
    return datasets.load("class_folders", data_dir / "first-radio-galaxies")


@pytest.mark.parametrize("kind", ["authors", "sky", "random"])
def test_folds_partition_the_set_and_spread_its_classes(kind: str, first: DataSet) -> None:
    held = []
    for fold in range(5):
        train, validation, test = splits.split(first, kind, fold, seed=2)
        assert not len(test)
        assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(1758))
        assert np.array_equal(train, np.sort(train)) and np.array_equal(validation, np.sort(validation))
        counts = np.bincount(first.labels[validation], minlength=4)
        assert counts == pytest.approx(np.bincount(first.labels) / 5, abs=3.5)
        held.append(validation)
    assert np.array_equal(np.sort(np.concatenate(held)), np.arange(1758))


@pytest.mark.parametrize("kind", ["sky_test", "random_test"])
def test_the_kept_test_part_is_a_stratified_sixth_and_the_same_for_every_fold(kind: str, first: DataSet) -> None:
    found = [splits.split(first, kind, fold, seed=2) for fold in range(5)]
    for parts in found:
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1758))
        assert np.array_equal(parts.test, found[0].test)
        for part in (parts.validation, parts.test):
            counts = np.bincount(first.labels[part], minlength=4)
            assert counts == pytest.approx(np.bincount(first.labels) / 6, abs=3.5)
    assert len(np.unique(np.concatenate([parts.validation for parts in found]))) == 1758 - len(found[0].test)
    assert not np.array_equal(splits.split(first, kind, 0, seed=3).test, found[0].test)


def test_folds_of_shipped_checkpoints_stay_as_they_were(first: DataSet) -> None:
    """First items and sums of the validation folds that the first release drew."""
    drawn = {
        ("sky", 0, 0): ([0, 1, 2, 3], 312799),
        ("sky", 1, 0): ([5, 12, 15, 25], 308071),
        ("random", 0, 0): ([3, 4, 12, 16], 307620),
        ("authors", 0, 0): ([8, 12, 14, 20], 312007),
    }
    for (kind, fold, seed), (start, total) in drawn.items():
        validation = splits.split(first, kind, fold, seed).validation
        assert (validation[:4].tolist(), int(validation.sum())) == (start, total)


@pytest.mark.parametrize("field_of_view", [0.0, 900.0])
def test_no_sources_of_one_field_in_two_parts(field_of_view: float, first: DataSet) -> None:
    """Every pair that astropy finds closer than the field of view, never below 270 arcsec, lies in one part."""
    part = np.empty(1758, dtype=int)
    for number, indices in enumerate(splits.split(first, "sky_test", 1, 0, field_of_view)):
        part[indices] = number
    places = SkyCoord([item.ra for item in first.items], [item.dec for item in first.items], unit="deg")
    one, other, _, _ = search_around_sky(places, places, max(270.0, field_of_view) * units.arcsec)
    assert (one < other).sum() >= (60 if field_of_view else 20)
    assert (part[one] == part[other]).all() and set(part) == {0, 1, 2}


def test_surveys_and_vlass_epochs_of_one_source_stay_together() -> None:
    random = np.random.default_rng(1)
    ra, dec = random.uniform(0, 360, 60), random.uniform(-30, 60, 60)
    wobble = random.normal(0, 1 / 3600, (3, 60))
    thrice = made([0, 1] * 90, ra=[*np.tile(ra, 3)], dec=[*(dec + wobble).ravel()])
    for parts in (splits.split(thrice, kind, fold) for kind in ("sky", "sky_test") for fold in range(5)):
        sources = [set(part % 60) for part in parts]
        assert sum(map(len, sources)) == len(set.union(*sources)) == 60


def test_neighbours_of_a_declared_test_item_are_not_trained_on() -> None:
    column = ["test", *[""] * 20]
    near = made([0, 1] * 10 + [0], ra=[50.0, 50.01, *range(100, 119)], dec=[0.0] * 21, split=column)
    parts = splits.split(near, "sky", 0)
    assert parts.test.tolist() == [0]
    assert np.sort(np.concatenate(parts)).tolist() == [0, *range(2, 21)]
    assert 1 in np.concatenate(splits.split(near, "random", 0)[:2])


def test_the_80_20_split_of_vlass_vision_is_that_of_scikit_learn() -> None:
    labels = np.random.default_rng(0).choice(4, 6135, p=[0.21, 0.42, 0.27, 0.10])
    parts = splits.split(made(labels.tolist()), "vlass_vision")
    _, rows, _, held = train_test_split(
        np.arange(6135), labels, test_size=0.2, random_state=42, shuffle=True, stratify=labels
    )
    assert parts.validation.tolist() == sorted(rows) and not len(parts.test)
    assert np.bincount(labels[parts.validation]).tolist() == np.bincount(held).tolist()
    assert len(parts.train) == 6135 - 1227


def test_no_pair_closer_than_270_arcsec_across_sky_folds(first: DataSet) -> None:
    fold = np.empty(1758, dtype=int)
    authors = np.array([item.fold for item in first.items])
    for number in range(5):
        fold[splits.split(first, "sky", number)[1]] = number
    places = SkyCoord([item.ra for item in first.items], [item.dec for item in first.items], unit="deg")
    one, other, _, _ = search_around_sky(places, places, 270 * units.arcsec)
    pairs = one < other
    assert pairs.sum() == 20  # measured on this set
    assert (fold[one] == fold[other]).all()
    assert (authors[one] != authors[other])[pairs].sum() == 17  # what the authors' folds let through


def test_apart_are_those_without_a_neighbour_on_the_other_side(first: DataSet) -> None:
    parts = splits.split(first, "authors", 0)
    found = splits.exclude_near(first.items, parts.validation, parts.train)
    places = SkyCoord([item.ra for item in first.items], [item.dec for item in first.items], unit="deg")
    nearest = places[parts.validation].match_to_catalog_sky(places[parts.train])[1]
    assert found.tolist() == parts.validation[nearest > 270 * units.arcsec].tolist()
    assert len(parts.validation) - len(found) == 7  # measured on this set
    few = made([0, 1, 0, 1], ra=[0.0] * 4, dec=[0.0, 1.0, 1.05, 3.0]).items
    assert splits.exclude_near(few, np.array([0, 1]), np.array([2, 3])).tolist() == [0]
    assert splits.exclude_near(few, np.array([0, 1]), np.array([3])).tolist() == [0, 1]


def test_chains_of_neighbours_stay_together() -> None:
    step = 200 / 3600
    dec = [step * n for n in range(6)] + [10.0, 20.0]
    found = splits.groups(list(made([0] * 8, ra=[0.0] * 8, dec=dec).items))
    assert len(set(found[:6])) == 1 and len(set(found)) == 3


def test_neighbours_are_found_across_the_meridian_and_at_the_pole() -> None:
    across = made([0, 0, 0, 0], ra=[359.99, 0.01, 0.0, 180.0], dec=[0.0, 0.0, 89.99, 89.99])
    found = splits.groups(list(across.items))
    assert found[0] == found[1] != found[2] == found[3]


@pytest.mark.parametrize("kind", ["sky", "random"])
def test_folds_follow_the_seed(kind: str, first: DataSet) -> None:
    one, same, other = (splits.split(first, kind, 0, seed)[1] for seed in (7, 7, 8))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_positions_come_from_the_cutout_where_the_table_has_none() -> None:
    def at(ra: float) -> Cutout:
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ["RA---SIN", "DEC--SIN"], [ra, 5.0]
        wcs.wcs.cdelt, wcs.wcs.crpix = [-1 / 3600, 1 / 3600], [5.5, 5.5]
        return Cutout("x", np.zeros((10, 10), np.float32), wcs=wcs)

    items = tuple(Item(f"{n}", n % 2, partial(at, 20.0 + n)) for n in range(10))
    assert splits.position(items[3]) == pytest.approx((23.0, 5.0), abs=1e-9)
    assert len(splits.split(DataSet("x", items, ("a", "b")), "sky", 0)[1]) == 2


def test_a_split_column_replaces_folds_and_test_rows_are_the_test_part() -> None:
    column = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    train, validation, test = splits.split(made([0, 1] * 5, split=column), "authors", 0)
    assert train.tolist() == [0, 1, 2, 3, 4, 5] and validation.tolist() == [6, 7] and test.tolist() == [8, 9]
    for kind in ("random", "random_test"):
        parts = splits.split(made([0, 1] * 5, split=column), kind, 0)
        assert np.sort(np.concatenate(parts[:2])).tolist() == list(range(8)) and parts.test.tolist() == [8, 9]


def test_small_classes_are_spread() -> None:
    data_set = made([0] * 20 + [1] * 5)
    for fold in range(5):
        validation = splits.split(data_set, "random", fold, seed=3)[1]
        assert np.bincount(data_set.labels[validation]).tolist() == [4, 1]


@pytest.mark.parametrize(
    ("data_set", "kind", "fold", "reason"),
    [
        (made([0, 0, 0]), "random", 0, "has only the class a: a classifier needs at least two classes"),
        (made([0, 0, 1]), "random", 0, "has one item of b: each class needs at least two"),
        (made([0, 1] * 5), "authors", 0, "has no fold for every item"),
        (made([0, 1] * 5), "sky", 0, "0 has no position"),
        (made([0, 1] * 5), "holdout", 0, "Unknown split 'holdout'; known are authors, sky, random, sky_test"),
        (made([0, 1] * 5), "random", 5, "Fold 5 is not among the folds 0, 1, 2, 3, 4"),
        (made([0, 1] * 2, fold=[0] * 4), "authors", 0, "Fold 0 is not among the folds 0 to hold out"),
        (made([0, 1] * 2), "vlass_vision", 0, "4 items are too few for 80/20"),
        (made([0, 1] * 2, split=["test"] * 4), "authors", 0, "has no items to train on"),
    ],
)
def test_what_cannot_be_split_is_refused_with_its_reason(data_set: DataSet, kind: str, fold: int, reason: str) -> None:
    with pytest.raises(DatasetError) as error:
        splits.split(data_set, kind, fold)
    assert reason in str(error.value)


@pytest.mark.parametrize(("kind", "share"), [("sky", 0.2), ("authors", 0.1)])
def test_what_is_set_aside_keeps_fields_together_and_classes_in_proportion(
    kind: str, share: float, first: DataSet
) -> None:
    train = splits.split(first, kind, 1).train
    rest, aside = splits.set_aside(first, train, share, kind, 0, 180.0)
    assert np.array_equal(np.sort(np.concatenate([rest, aside])), train)
    wanted = np.floor(share * np.bincount(first.labels[train])).astype(int)
    assert (
        np.bincount(first.labels[aside]) == pytest.approx(wanted, abs=1)
        and (np.bincount(first.labels[aside]) <= wanted).all()
    )
    places = SkyCoord([splits.position(item) for item in first.items], unit="deg")
    assert not len(search_around_sky(places[rest], places[aside], 270 * units.arcsec)[0])
    assert np.array_equal(aside, splits.set_aside(first, train, share, kind, 0, 180.0)[1])
    assert not np.array_equal(aside, splits.set_aside(first, train, share, kind, 1, 180.0)[1])


def test_without_positions_cutouts_are_set_aside_one_by_one() -> None:
    labels = [0] * 20 + [1] * 9
    rest, aside = splits.set_aside(made(labels), np.arange(29), 0.25, "random", 0, 0.0)
    assert np.bincount(np.array(labels)[aside]).tolist() == [5, 2] and len(rest) == 22
    assert len(splits.set_aside(made(labels), np.arange(0), 0.25, "random", 0, 0.0)[1]) == 0
    with pytest.raises(DatasetError, match="has no position"):
        splits.set_aside(made(labels), np.arange(29), 0.25, "sky", 0, 0.0)
