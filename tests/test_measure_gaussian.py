"""Fits of one Gaussian: deconvolved sizes at every orientation, their errors against scatter, limits of points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vlass_explorer import measure
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, SkyGrid, noise, projected
from vlass_explorer.schema import Beam, Cutout

BEAM = Beam(3.0, 2.4, 30.0)
GRID = FlatGrid((101, 101), 1.0)
RMS = 1e-4


def seen(part: Component, seed: int | None = 0, grid: FlatGrid | SkyGrid = GRID) -> Cutout:
    sky = Observation((part,), BEAM, grid)
    return sky.cutout(0.0 if seed is None else noise(np.random.default_rng(seed), grid, BEAM, RMS))


@pytest.mark.parametrize("pa", [0.0, 25.0, 45.0, 90.0, 150.0])
def test_sizes_do_not_depend_on_the_orientation(pa: float) -> None:
    found = measure.measure(seen(Component(0.1, 0.3, -0.2, 8.0, 4.0, pa)))
    assert found.major == pytest.approx(8.0, abs=4 * found.major_error)  # type: ignore[operator]
    assert found.minor == pytest.approx(4.0, abs=4 * found.minor_error)  # type: ignore[operator]
    assert found.major_error < 0.1  # type: ignore[operator]
    assert abs((found.pa - pa + 90.0) % 180.0 - 90.0) < 2.0  # type: ignore[operator]
    assert found.size_limit is None and found.peak_fit is None


@pytest.mark.parametrize("rotation", [0.0, 40.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_position_angles_are_those_on_the_sky(rotation: float, mirrored: bool) -> None:
    wcs = projected("SIN", (150.0, 40.0), 1.0, (101, 101), rotation=rotation)
    if mirrored:
        wcs.wcs.cdelt = [-wcs.wcs.cdelt[0], wcs.wcs.cdelt[1]]
    found = measure.measure(seen(Component(0.1, 0.0, 0.0, 8.0, 4.0, 65.0), grid=SkyGrid(wcs, (101, 101))))
    assert found.pa == pytest.approx(65.0, abs=2.0)
    assert found.major == pytest.approx(8.0, rel=0.03) and found.minor == pytest.approx(4.0, rel=0.05)


def test_the_quoted_error_of_a_size_and_of_a_peak_is_their_scatter() -> None:
    sizes, errors, peaks, peak_errors = [], [], [], []
    for seed in range(150):
        size = measure.measure(seen(Component(0.02, 0.0, 0.0, 6.0, 6.0), seed))
        point = measure.measure(seen(Component(20 * RMS, 0.2, 0.1), seed))
        sizes.append(np.sqrt(size.major * size.minor))  # type: ignore[operator]
        errors.append(size.major_error)
        if point.peak_fit is not None:
            peaks.append(point.peak_fit)
            peak_errors.append(point.peak_error)
    assert np.median(sizes) == pytest.approx(6.0, rel=0.02)
    # The mean of two axes scatters by about the root of two less than one axis.
    assert np.std(sizes) * np.sqrt(2.0) == pytest.approx(np.median(errors), rel=0.3)
    assert len(peaks) > 140 and np.median(peaks) == pytest.approx(20 * RMS, rel=0.02)
    assert np.std(peaks) == pytest.approx(np.median(peak_errors), rel=0.2)


@pytest.mark.parametrize("snr", [8, 20, 100, 1000])
def test_a_point_has_a_limit_and_no_size(snr: int) -> None:
    limits = []
    for seed in range(20):
        found = measure.measure(seen(Component(snr * RMS, 0.4, 0.1), seed))
        if found.major is None and found.flux is not None:
            assert found.size_limit is not None
            limits.append(found.size_limit)
    assert len(limits) >= 18  # 3 sigma: a few of a thousand are called resolved
    assert np.median(limits) == pytest.approx(3.0 * np.sqrt(10.0 / snr), rel=0.7)  # shrinks as the root of S/N


def test_a_double_is_no_gaussian_and_a_blank_footprint_no_fit() -> None:
    sky = Observation((Component(0.02, -7.0, 0.0), Component(0.02, 7.0, 0.0)), BEAM, GRID)
    cutout = sky.cutout(noise(np.random.default_rng(0), GRID, BEAM, RMS))
    found = measure.measure(cutout)
    assert found.major is None and found.size_limit is None
    assert found.off == {"major": "The source is not one Gaussian: only its largest angular size is given."}
    without = replace(cutout, wcs=None)
    assert measure.measure(without).off["major"].startswith("The file has no sky coordinates")
