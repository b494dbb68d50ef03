"""Duplicates: by place, by pixels in any orientation, by likeness, and across the parts of a split."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from vlass_explorer import datasets
from vlass_explorer.datasets import DataSet, Item, duplicates
from vlass_explorer.datasets.items import array_cutout
from vlass_explorer.datasets.splits import Split, near_pairs
from vlass_explorer.datasets.stretched import Stretched, stretched
from vlass_explorer.schema import InputSpec

SPEC = InputSpec(stretch="linear", field_of_view_pixels=40, img_size=32)
RANDOM = np.random.default_rng(0)


def fields(count: int) -> list[np.ndarray]:
    """Extended sources of different shapes."""
    y, x = np.indices((44, 44)) - 21.5
    lobes = [RANDOM.uniform(-12, 12, (4, 2)) for _ in range(count)]
    return [sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 18) for a, b in places) for places in lobes]


def made(
    images: list[np.ndarray], positions: dict[int, tuple[float, float]] | None = None
) -> tuple[DataSet, Stretched]:
    items = tuple(
        Item(f"{n}", n % 2, partial(array_cutout, f"{n}", image), *(positions or {}).get(n, (None, None)))
        for n, image in enumerate(images)
    )
    data_set = DataSet("made", items, ("a", "b"))
    return data_set, stretched(data_set, SPEC)


def test_copies_are_found_in_every_orientation() -> None:
    images = fields(6)
    images += [images[0], np.rot90(images[1]), np.rot90(images[2], 3)[::-1], np.zeros((44, 44)), np.zeros((44, 44))]
    data_set, found = made(images)
    pairs = duplicates.duplicates(data_set, found)
    assert [(p.one, p.other, p.kind) for p in pairs] == [(0, 6, "pixels"), (1, 7, "pixels"), (2, 8, "pixels")]


def test_an_image_saved_again_is_alike() -> None:
    images = fields(8)
    coarse = np.round(images[3] / images[3].max() * 255)  # as an 8-bit picture
    data_set, found = made([*images, coarse])
    [pair] = duplicates.duplicates(data_set, found)
    assert (pair.one, pair.other, pair.kind) == (3, 8, "alike")
    one, other = (image[2:42, 2:42] for image in (images[3], coarse))
    assert pair.amount == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1], abs=1e-3)
    assert not duplicates.duplicates(*made([*images, coarse], {3: (10.0, 5.0), 8: (11.0, 5.0)}))  # known to be two


def test_the_same_place_is_found_with_its_distance() -> None:
    positions = {0: (359.9999, 60.0), 1: (0.0002, 60.0), 2: (0.0, 60.01)}
    data_set, found = made(fields(3), positions)
    [pair] = duplicates.duplicates(data_set, found)
    places = SkyCoord(*np.transpose([positions[0], positions[1]]), unit="deg")
    assert (pair.one, pair.other, pair.kind) == (0, 1, "place")
    assert pair.amount == pytest.approx(places[0].separation(places[1]).arcsec, rel=1e-6)


def test_distances_are_those_of_astropy() -> None:
    ra, dec = RANDOM.uniform(0, 0.1, 60), RANDOM.uniform(89.9, 90, 60)
    pairs, apart = near_pairs(ra, dec, 100.0)
    one, other = (SkyCoord(ra[pairs[:, k]], dec[pairs[:, k]], unit="deg") for k in (0, 1))
    assert len(pairs) > 20 and apart == pytest.approx(one.separation(other).to_value(units.arcsec), rel=1e-6)


def test_only_pairs_across_the_parts_of_a_split_leak() -> None:
    images = fields(6)
    data_set, found = made([*images, images[0], images[1], images[2]])
    split = Split(np.array([0, 1, 6, 3]), np.array([4, 7]), np.array([5]))
    pairs = duplicates.duplicates(data_set, found, split)
    assert [(p.one, p.other) for p in pairs] == [(1, 7)]


def test_the_first_set_holds_no_copies(data_dir: Path) -> None:
    """Every source once; the authors removed copies, and compact sources at known places are not taken for such."""
    root = data_dir / "first-radio-galaxies"
    data_set = datasets.load("first_radio_galaxies", root, count=120)
    assert duplicates.duplicates(data_set, stretched(data_set, InputSpec())) == []
