"""Simulated noise has the rms and the autocorrelation that it states."""

from __future__ import annotations

import numpy as np
import pytest

from vlass_explorer.augment import beam_noise
from vlass_explorer.datasets.sky_model import FlatGrid, SkyGrid, beam_covariance, noise, projected
from vlass_explorer.schema import Beam

BEAM = Beam(3.4, 2.2, 30.0)
LAGS = [(0, 1), (1, 0), (2, 1), (1, -2), (0, 4), (5, 0)]  # rows, columns


def correlation(fields: list[np.ndarray], lag: tuple[int, int]) -> float:
    """Mean product of pixels a lag apart over many fields."""
    dy, dx = lag
    found = []
    for field in fields:
        ny, nx = field.shape
        one = field[max(0, -dy) : ny - max(0, dy), max(0, -dx) : nx - max(0, dx)]
        other = field[max(0, dy) : ny + min(0, dy), max(0, dx) : nx + min(0, dx)]
        found.append((one * other).mean())
    return float(np.mean(found))


def gaussian(beam: Beam, dx: float, dy: float, wider: float) -> float:
    """A beam, its axes times ``wider``, at an offset to the west and north in arcsec."""
    pa = np.radians(beam.pa)
    along, across = -dx * np.sin(pa) + dy * np.cos(pa), dx * np.cos(pa) + dy * np.sin(pa)
    return float(np.exp(-4 * np.log(2) * ((along / beam.major) ** 2 + (across / beam.minor) ** 2) / wider**2))


@pytest.mark.parametrize(("kind", "wider"), [("beam", 1.0), ("convolved", np.sqrt(2.0))])
def test_the_autocorrelation_is_the_one_that_is_named(kind, wider) -> None:
    random, grid = np.random.default_rng(1), FlatGrid((96, 110), 1.0)
    fields = [noise(random, grid, BEAM, 2.0, kind) for _ in range(400)]
    assert correlation(fields, (0, 0)) == pytest.approx(4.0, rel=0.01)
    assert abs(np.mean(fields)) < 0.02
    for lag in LAGS:
        assert correlation(fields, lag) / 4.0 == pytest.approx(gaussian(BEAM, lag[1], lag[0], wider), abs=0.01)
    assert abs(correlation(fields, (0, 109))) < 0.2  # opposite edges know nothing of each other


def test_pixels_that_undersample_the_beam_change_nothing() -> None:
    random, grid, beam = np.random.default_rng(2), FlatGrid((200, 200), 2.0), Beam(2.4, 2.4)
    fields = [noise(random, grid, beam, 1.0) for _ in range(100)]
    assert correlation(fields, (0, 0)) == pytest.approx(1.0, rel=0.01)
    assert correlation(fields, (0, 1)) == pytest.approx(gaussian(beam, 2.0, 0.0, 1.0), abs=0.003)


def test_noise_lies_on_the_sky_as_the_beam_does() -> None:
    """On turned pixels of another shape the autocorrelation follows position angles on the sky."""
    shape = (128, 128)
    wcs = projected("SIN", (40.0, 50.0), (1.0, 0.6), shape, rotation=35.0)
    random, grid = np.random.default_rng(3), SkyGrid(wcs, shape)
    fields = [noise(random, grid, BEAM, 1.0) for _ in range(200)]
    middle = wcs.pixel_to_world(63.0, 63.0)
    for lag in LAGS:
        there = wcs.pixel_to_world(63.0 + lag[1], 63.0 + lag[0])
        distance, angle = middle.separation(there).arcsec, middle.position_angle(there).rad
        expected = gaussian(BEAM, -distance * np.sin(angle), distance * np.cos(angle), 1.0)
        assert correlation(fields, lag) == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize(("kind", "factor"), [("beam", 1.0), ("convolved", 2.0)])
def test_a_large_aperture_scatters_by_the_number_of_beams(kind, factor) -> None:
    """Variance of the flux in a square of N beams: N rms² or 2 N rms², less an edge that is exact for Gaussians."""
    random, grid, side = np.random.default_rng(4), FlatGrid((60, 60), 1.0), 40
    beam = Beam(3.0, 3.0)
    fluxes = [noise(random, grid, beam, 1.0, kind)[:side, :side].sum() / beam.solid_angle for _ in range(4000)]
    lags = np.arange(-side, side + 1)
    line = ((side - np.abs(lags)) * np.exp(-4 * np.log(2) * lags**2 / (9.0 * factor))).sum()
    assert np.var(fluxes) == pytest.approx((line / beam.solid_angle) ** 2, rel=0.08)
    assert (line / beam.solid_angle) ** 2 == pytest.approx(factor * side**2 / beam.solid_angle, rel=0.12)


def test_without_short_baselines_noise_swings_about_zero() -> None:
    """The power that is missing, against the closed form: the beam less a wider Gaussian of the same integral."""
    beam, random, grid = Beam(3.0, 3.0), np.random.default_rng(5), FlatGrid((150, 150), 1.0)
    fields = [noise(random, grid, beam, 1.0, "beam", largest_scale=20.0) for _ in range(300)]
    bowl = Beam(*[2 * np.log(2) / np.pi * 20.0] * 2)  # half of the power is left at 20 arcsec a wavelength
    wide = np.hypot(3.0, bowl.major)
    depth = (3.0 / wide) ** 2
    for lag in [(0, 0), (0, 2), (3, 4), (0, 9)]:
        far = np.hypot(*lag)
        expected = (gaussian(beam, far, 0, 1) - depth * gaussian(beam, far, 0, wide / 3.0)) / (1 - depth)
        assert correlation(fields, lag) == pytest.approx(expected, abs=0.008)
    plain = [noise(random, grid, beam, 1.0) for _ in range(300)]
    assert np.std([field.sum() for field in fields]) < 0.25 * np.std([field.sum() for field in plain])


def test_noise_of_the_augmentation_is_of_the_convolved_kind() -> None:
    own = beam_covariance(BEAM)
    fields = [beam_noise(np.random.default_rng(seed), (96, 96), own) for seed in range(200)]
    for lag in LAGS:
        assert correlation(fields, lag) == pytest.approx(gaussian(BEAM, lag[1], lag[0], np.sqrt(2.0)), abs=0.015)


def test_noise_follows_from_its_seed() -> None:
    grid = FlatGrid((40, 50), 1.0)
    one, same, other = (noise(np.random.default_rng(seed), grid, BEAM, 1e-4) for seed in (5, 5, 6))
    assert one.shape == (40, 50) and np.array_equal(one, same) and not np.array_equal(one, other)
