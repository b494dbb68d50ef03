"""Correlated noise: its autocorrelation against closed forms, errors of sums against the scatter of many draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from vlass_explorer.datasets.sky_model import FlatGrid, noise
from vlass_explorer.datasets.sky_model.noise import NoiseKind
from vlass_explorer.measure.covariance import Blank, blank_sky, convolved
from vlass_explorer.measure.geometry import sky_covariance
from vlass_explorer.schema import Beam

BEAM = Beam(4.0, 3.0, 20.0)
# Covariance (x, y) of the beam in pixels of one arcsec: x runs west, so against east.
COVARIANCE = sky_covariance(4.0, 3.0, 20.0) * np.array([[1, -1], [-1, 1]])
AREA = BEAM.solid_angle


@pytest.mark.parametrize("kind", ["beam", "convolved"])
def test_the_autocorrelation_of_blank_sky_is_that_of_the_noise(kind: NoiseKind) -> None:
    grid = FlatGrid((512, 512), 1.0)
    image = noise(np.random.default_rng(1), grid, BEAM, 2.0, kind)
    found = blank_sky(image, np.ones(image.shape, bool), 2.0, COVARIANCE)
    middle = found.autocorrelation.shape[0] // 2
    wide = COVARIANCE * (2.0 if kind == "convolved" else 1.0)
    for dy, dx in ((0, 0), (1, 0), (0, 2), (2, 1), (-2, 1)):
        expected = 4.0 * np.exp(-0.5 * np.array([dx, dy]) @ np.linalg.inv(wide) @ np.array([dx, dy]))
        assert found.autocorrelation[middle + dy, middle + dx] == pytest.approx(expected, abs=0.12)
    assert found.measured and found.beams == pytest.approx(512**2 / AREA)


@pytest.mark.parametrize("kind", ["beam", "convolved"])
def test_the_error_of_a_sum_is_the_scatter_of_such_sums(kind: NoiseKind) -> None:
    random, grid = np.random.default_rng(2), FlatGrid((128, 128), 1.0)
    yy, xx = np.indices(grid.shape)
    disc = np.hypot(yy - 64, xx - 64) <= 8.0
    weights = np.stack([disc, np.where(disc, xx - 64.0, 0.0)]).astype(float)
    sums, predicted = [], []
    for _ in range(400):
        image = noise(random, grid, BEAM, 1.0, kind)
        sums.append(np.einsum("iyx,yx->i", weights, image))
        predicted.append(blank_sky(image, ~disc, 1.0, COVARIANCE).covariance(weights))
    mean = np.mean(predicted, axis=0)
    assert np.diag(mean) == pytest.approx(np.var(sums, axis=0), rel=0.2)
    assert abs(mean[0, 1]) < 0.1 * np.sqrt(mean[0, 0] * mean[1, 1])  # a sum and a gradient are independent
    # Condon 1997: a large aperture scatters by rms times the root of its beams, and of twice that if convolved.
    beams = disc.sum() / AREA
    assert np.sqrt(mean[0, 0]) / AREA == pytest.approx(np.sqrt(beams * (1.0 if kind == "beam" else 2.0)), rel=0.12)


def test_noise_is_as_strong_as_around_the_source_and_correlated_as_in_all_of_the_image() -> None:
    image = noise(np.random.default_rng(4), FlatGrid((256, 256), 1.0), BEAM, 1.0)
    left, right = np.zeros((2, *image.shape), bool)
    left[118:138, 54:74] = right[118:138, 182:202] = True
    blank = ~left & ~right
    even = {name: blank_sky(image, blank, 1.0, COVARIANCE, near) for name, near in (("left", left), ("all", None))}
    loud = image * np.where(np.arange(256) < 128, 3.0, 1.0)
    rms = {}
    for name, near in (("left", left), ("right", right), ("all", None)):
        found = blank_sky(loud, blank, 1.0, COVARIANCE, near).autocorrelation
        middle = found.shape[0] // 2
        rms[name] = float(np.sqrt(found[middle, middle]))
        assert found[middle, middle + 2] / found[middle, middle] == pytest.approx(
            even["all"].autocorrelation[middle, middle + 2] / even["all"].autocorrelation[middle, middle], abs=0.05
        )
    assert rms["left"] == pytest.approx(3.0, rel=0.12) and rms["right"] == pytest.approx(1.0, rel=0.2)
    assert rms["all"] == pytest.approx(np.sqrt(5.0), rel=0.1)  # what counted for both before
    assert even["left"].variance(left.astype(float)) == pytest.approx(even["all"].variance(left.astype(float)), rel=0.2)


def test_blanked_pixels_and_sources_stay_out() -> None:
    image = noise(np.random.default_rng(3), FlatGrid((256, 256), 1.0), BEAM, 1.0)
    blank = np.ones(image.shape, bool)
    blank[100:160, 100:160] = False
    whole = blank_sky(image, blank, 1.0, COVARIANCE)
    image[100:160, 100:160] = 1e6
    assert np.array_equal(blank_sky(image, blank, 1.0, COVARIANCE).autocorrelation, whole.autocorrelation)


def test_too_little_blank_sky_takes_noise_seen_through_the_beam() -> None:
    image = np.zeros((40, 40))
    blank = np.zeros(image.shape, bool)
    blank[:4] = True
    found = blank_sky(image, blank, 3.0, COVARIANCE)
    middle = found.autocorrelation.shape[0] // 2
    assert not found.measured and found.autocorrelation[middle, middle] == 9.0
    assert found.autocorrelation.sum() == pytest.approx(9.0 * 2.0 * AREA, rel=1e-3)


def test_a_variance_is_never_below_that_of_white_noise() -> None:
    wrong = np.full((5, 5), -1.0)
    wrong[2, 2] = 1.0
    assert Blank(wrong, 50.0, measured=True).variance(np.ones((6, 6))) == 36.0
    assert Blank(wrong, 50.0, measured=True).variance(np.zeros((6, 6))) == 0.0


@pytest.mark.parametrize(("shape", "kernel"), [((2, 20, 31), (7, 5)), ((3, 4), (9, 11)), ((1, 1), (3, 3))])
def test_convolved_is_that_of_scipy(shape: tuple[int, ...], kernel: tuple[int, int]) -> None:
    rng = np.random.default_rng(8)
    image, weights = rng.normal(size=shape), rng.normal(size=kernel)
    expected = [signal.convolve2d(plane, weights, mode="same") for plane in image.reshape(-1, *shape[-2:])]
    if all(n >= k for n, k in zip(shape[-2:], kernel, strict=True)):
        assert np.allclose(convolved(image, weights), np.reshape(expected, shape), atol=1e-12)
    whole = [signal.convolve2d(plane, weights) for plane in image.reshape(-1, *shape[-2:])]
    y, x = kernel[0] // 2, kernel[1] // 2
    cut = [plane[y : y + shape[-2], x : x + shape[-1]] for plane in whole]
    assert np.allclose(convolved(image, weights), np.reshape(cut, shape), atol=1e-12)
