"""Axes of a cutout against astropy's own coordinates."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from figure_cutouts import fits_cutout, noise_image, picture, sky_wcs

from vlass_explorer import cutouts
from vlass_explorer.figures.frame import centre_text, frame, whole
from vlass_explorer.schema import Window


def centre_of(cutout):
    ny, nx = cutout.shape
    return pixel_to_skycoord(nx / 2 - 0.5, ny / 2 - 0.5, cutout.wcs)


def test_offsets_of_pixels_are_those_of_astropy():
    cutout = fits_cutout()
    y, x = frame(cutout).cells(whole(cutout), cutout.shape)
    east, north = centre_of(cutout).spherical_offsets_to(pixel_to_skycoord(50, 20, cutout.wcs))
    assert x[50] == pytest.approx(east.arcsec, abs=2e-3)
    assert y[20] == pytest.approx(north.arcsec, abs=2e-3)
    assert x[0] > 0 > x[-1]  # east is on the left, and the array was not flipped for it


@pytest.mark.parametrize("rotation", [0.0, 25.0, 160.0])
def test_north_and_east_point_where_astropy_says(rotation):
    shape = (60, 80)
    cutout = fits_cutout(noise_image(shape), wcs=sky_wcs(shape, scale=1.5, rotation=rotation))
    axes = frame(cutout)
    for angle, way in ((0.0, axes.north), (90.0, axes.east)):
        there = centre_of(cutout).directional_offset_by(angle * u.deg, 10 * u.arcsec)
        x, y = skycoord_to_pixel(there, cutout.wcs)
        expected = ((y - 29.5) * axes.step[0], (x - 39.5) * axes.step[1])
        np.testing.assert_allclose(np.array(way) * 10, expected, atol=2e-3)


def test_rotated_axes_do_not_claim_right_ascension():
    cutout = fits_cutout(wcs=sky_wcs((60, 80), rotation=25.0))
    assert frame(cutout).titles == ("offset along y (″)", "offset along x (″)")
    assert frame(fits_cutout()).titles == ("ΔDec (″)", "ΔRA (″)")


def test_without_a_wcs_axes_are_pixels_from_the_lower_left():
    axes = frame(picture())
    assert axes.north is None
    assert axes.extent(Window(0, 40, 5, 40)) == (0.0, 40.0, 5.0, 40.0)
    assert centre_text(picture()) is None


def test_wide_fields_are_told_in_degrees():
    wide = fits_cutout(wcs=sky_wcs((60, 80), scale=1800.0))
    axes = frame(wide)
    assert axes.unit == "°"
    assert abs(axes.step[1]) == pytest.approx(0.5, rel=1e-3)


def test_a_window_may_reach_beyond_the_image():
    bottom, top, left, right = frame(fits_cutout()).extent(Window(-10, 70, 0, 80))
    assert (bottom, top) == pytest.approx((-40.0, 40.0), abs=1e-3)
    assert (left, right) == pytest.approx((40.0, -40.0), abs=1e-3)


def test_centre_is_sexagesimal_and_in_degrees():
    text = centre_text(fits_cutout())
    assert text == "10h00m00.00s +30°00′00.0″  (150.00000°, +30.00000°)"


@pytest.mark.parametrize("pattern", ["vlass/VLASS__*", "vlass/NVSS_*", "first/3C194.fits", "lotss/*"])
def test_brightest_pixel_of_real_files_lies_right(data_dir: Path, pattern: str):
    path = next((data_dir / "cutouts").glob(pattern))
    cutout = cutouts.read(path)
    row, column = np.unravel_index(np.nanargmax(cutout.pixels), cutout.shape)
    axes = frame(cutout)
    y, x = axes.cells(whole(cutout), cutout.shape)
    centre = centre_of(cutout)
    here = pixel_to_skycoord(column, row, cutout.wcs)
    placed = SkyCoord(centre.ra, centre.dec).spherical_offsets_by(
        x[column] * axes.arcsec * u.arcsec, y[row] * axes.arcsec * u.arcsec
    )
    # Axes are linear: a gnomonic or slant projection departs from that by far less than a pixel on a cutout.
    assert placed.separation(SkyCoord(here.ra, here.dec)).arcsec < 0.5 * min(cutout.pixel_scale)
