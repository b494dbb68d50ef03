"""S/N and size of cutouts behind coverage by bins: those that were simulated, unknown where nothing tells them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from vlass_explorer.calibration import Covered, CoveredBin, binned
from vlass_explorer.datasets import simulated
from vlass_explorer.measure import noise
from vlass_explorer.schema import Cutout


def test_quantities_are_those_of_the_image() -> None:
    cutout = simulated.cutout("Double Lobes", 3, 2)
    found = binned.quantities(cutout)
    y, x = np.mgrid[: cutout.shape[0], : cutout.shape[1]] - np.array(cutout.shape)[:, None, None] // 2
    near = cutout.pixels[np.hypot(y, x) < 40]
    assert found["S/N"] == pytest.approx(near.max() / noise(cutout.pixels).rms) and found["S/N"] > 6
    assert 5 < found["angular size"] < 64


def test_what_cannot_be_known_is_nan() -> None:
    empty = Cutout("a", np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32), unit="Jy/beam")
    empty = replace(empty, noise=noise(empty.pixels))
    found = binned.quantities(empty)
    assert found["S/N"] < 6 and math.isnan(found["angular size"])
    picture = np.zeros((60, 60), np.float32)
    picture[28:32, 20:40] = 200.0
    clipped = Cutout("b", picture, kind="image")
    assert all(math.isnan(value) for value in binned.quantities(clipped).values())
    # 20 pixels side by side: 19 steps from the first to the last, and 3 across
    assert binned.quantities(clipped, 1.8)["angular size"] == pytest.approx(1.8 * math.hypot(19, 3))
    assert math.isnan(binned.quantities(clipped, 1.8)["S/N"])


def test_bins_by_hand() -> None:
    values = np.r_[np.full(40, 5.0), np.full(40, 12.34), np.full(10, np.nan)]
    hits = np.r_[np.ones(30, bool), np.zeros(10, bool), np.ones(50, bool)]
    sizes = np.r_[np.full(40, 2), np.full(50, 1)]
    bins = binned.covered(values, hits, sizes)
    assert bins == (CoveredBin(30, 40, 2.0, 0.0, 8.7), CoveredBin(40, 40, 1.0, 8.7, math.inf))
    assert binned.covered(np.full(200, 5.0), hits[:1].repeat(200), sizes[:1].repeat(200)) == ()
    assert [one.words("S/N") for one in bins] == ["S/N below 8.7", "S/N from 8.7"]
    assert CoveredBin(1, 2, 1.0, 5.8, 75.0).words("angular size") == "angular size 5.8″ to 75″"
    assert isinstance(bins[0], Covered)
    assert binned.alike({"S/N": bins}, {"S/N": 9.0}) == {"S/N": bins[1]}
    assert binned.alike({"S/N": bins}, {"S/N": math.nan}) == {} == binned.alike({"S/N": bins}, {})
