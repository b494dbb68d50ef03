"""What the page interpolates under the cursor is where the pixel lies on the sky."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from figure_cutouts import RMS, fits_cutout, noise_image, picture

from ui.look import cursor
from vlass_explorer.datasets import sky_model
from vlass_explorer.figures.frame import frame, whole
from vlass_explorer.schema import Cutout, Window


@pytest.mark.parametrize("position", [(180.0, 0.0), (0.02, 60.0), (83.6, -36.0)])
def test_positions_between_the_nodes_are_right_to_a_twentieth_of_an_arcsec(position: tuple[float, float]) -> None:
    wcs = sky_model.projected("SIN", position, 1.0, (3722, 3722))
    nodes = cursor.positions(Cutout("a", np.zeros((3722, 3722), np.float32), wcs=wcs))
    assert nodes is not None
    step = 3722 / (cursor.NODES - 1)
    for row, column in np.random.default_rng(0).integers(0, cursor.NODES - 1, (20, 2)):
        ra, dec = (f[row : row + 2, column : column + 2].mean() for f in nodes)  # the middle of a cell is the worst
        place = wcs.pixel_to_world((column + 0.5) * step - 0.5, (row + 0.5) * step - 0.5)
        assert place.separation(SkyCoord(ra, dec, unit="deg")).arcsec < 0.05


def test_a_picture_has_no_place_on_the_sky() -> None:
    assert cursor.positions(picture()) is None
    assert not cursor.on_sky(picture()) and cursor.on_sky(fits_cutout())


def unpacked(tile: dict[str, object]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(str(tile["content"])), "<f4").reshape(tile["shape"])


def test_the_browser_gets_the_brightness_of_every_pixel_after_the_figure() -> None:
    image = noise_image()
    image[3, 5] = np.nan
    cutout = fits_cutout(image)
    told = cursor._brightness(cutout, None)
    (tile,) = told["tiles"]
    np.testing.assert_array_equal(unpacked(tile), (cutout.pixels * np.float32(1e3)))
    assert (told["unit"], told["offsets"]) == ("mJy/beam", "″") and told["rms"] == pytest.approx(1e3 * RMS)
    axes = frame(cutout)
    assert {key: tile[key] for key in ("x0", "dx", "y0", "dy")} == axes.grid(whole(cutout), cutout.shape)


def test_the_brightness_of_a_large_image_is_that_which_is_drawn() -> None:
    pixels = np.random.default_rng(0).normal(0, RMS, (600, 1100)).astype(np.float32)
    coarse, sharp = cursor._brightness(fits_cutout(pixels), Window(280, 320, 480, 520))["tiles"]
    assert coarse["shape"] == (200, 367)
    np.testing.assert_allclose(unpacked(sharp), 1e3 * pixels[260:340, 460:540], rtol=1e-6)


def test_a_picture_has_counts_and_no_signal_to_noise() -> None:
    told = cursor._brightness(picture(), None)
    assert (told["unit"], told["rms"], told["offsets"]) == ("counts", None, "px")
