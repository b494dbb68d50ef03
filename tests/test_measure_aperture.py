"""Statistics in a drawn region: against photutils and regions, and errors against draws of known noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_cutouts import fits_cutout, picture, sky_wcs
from photutils.aperture import ApertureStats, CircularAperture, RectangularAperture
from regions import PixCoord, RectanglePixelRegion

from vlass_explorer import measure
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise
from vlass_explorer.measure import Region
from vlass_explorer.schema import Beam, Noise, Origin

BEAM, GRID, RMS = Beam(3.0, 2.4, 30.0), FlatGrid((129, 129), 1.0), 130e-6


def seen(seed, *parts):
    return Observation(parts, BEAM, GRID).cutout(noise(np.random.default_rng(seed), GRID, BEAM, RMS))


@pytest.mark.parametrize("kind", ["circle", "box"])
def test_numbers_are_those_of_photutils(kind):
    cutout = seen(1, Component(0.004, 0.0, 0.0))
    region = Region(kind, 63.3, 64.2, 20.9, 20.9 if kind == "circle" else 13.3)
    at, size = (region.x, region.y), (region.width, region.height)
    aperture = CircularAperture(at, size[0] / 2) if kind == "circle" else RectangularAperture(at, *size)
    there = ApertureStats(cutout.pixels.astype(float), aperture, sum_method="center")
    found = measure.statistics(cutout, region)
    assert found.pixels == there.center_aper_area.value
    for ours, theirs in (("total", "sum"), ("mean", "mean"), ("least", "min"), ("peak", "max")):
        assert getattr(found, ours) == pytest.approx(getattr(there, theirs), rel=1e-6)
    assert found.std == pytest.approx(there.std * np.sqrt(found.pixels / (found.pixels - 1)), rel=1e-6)
    assert found.rms == pytest.approx(np.hypot(there.mean, there.std), rel=1e-6)
    assert found.peak_yx == tuple(np.argwhere(cutout.pixels == np.float32(there.max))[0])
    beam = np.pi * BEAM.major * BEAM.minor / (4 * np.log(2))  # pixels of 1 arcsec
    assert found.beams == pytest.approx(found.pixels / beam, rel=1e-4)
    assert found.flux == pytest.approx(there.sum / beam, rel=1e-4)
    assert found.area == pytest.approx(found.pixels, rel=1e-4)
    assert found.flux == pytest.approx(0.004, abs=4 * found.flux_error)


def test_pixels_whose_centre_is_on_the_edge_count():
    """regions 0.12 leaves them out of ``contains``: 9 of 25; its mask by centres has all that lie within."""
    cutout = fits_cutout()
    assert measure.statistics(cutout, Region("box", 30.0, 40.0, 4.0, 4.0)).pixels == 25
    assert measure.statistics(cutout, Region("circle", 30.0, 40.0, 4.0, 4.0)).pixels == 13
    wide = RectanglePixelRegion(PixCoord(40.2, 30.1), 7.3, 4.4).to_mask("center").data.sum()
    assert measure.statistics(cutout, Region("box", 30.1, 40.2, 4.4, 7.3)).pixels == wide


@pytest.mark.parametrize("size", [6.0, 25.0])
def test_the_error_of_a_sum_is_the_scatter_of_noise(size):
    pulls = []
    for seed in range(120):
        found = measure.statistics(seen(seed), Region("circle", 60.0, 66.0, size, size))
        pulls.append(found.flux / found.flux_error)
    assert np.std(pulls) == pytest.approx(1.0, abs=3 / np.sqrt(2 * 120))
    assert abs(np.mean(pulls)) < 3 / np.sqrt(120)


def test_the_flux_is_that_of_a_source_with_its_survey_scale():
    cutout = replace(seen(3, Component(0.02, 0.0, 0.0)), origin=Origin("FIRST", "total intensity"))
    found, whole = measure.statistics(cutout, Region("circle", 64.0, 64.0, 16.0, 16.0)), measure.measure(cutout)
    assert found.flux == pytest.approx(whole.flux, abs=3 * whole.flux_error)
    assert found.flux_scale_error == pytest.approx(0.05 * found.flux)


def test_blanked_pixels_and_the_edge_are_said():
    image = fits_cutout().pixels.copy()
    image[10:12] = np.nan
    found = measure.statistics(fits_cutout(image), Region("box", 8.0, 8.0, 10.0, 18.0))
    assert (found.pixels, found.blanked) == (9 * 18, 2 * 18)
    assert "36 of 198 pixels" in found.notes[0] and "edge of the image" in found.notes[1]
    assert measure.statistics(fits_cutout(image), Region("box", 10.5, 40.0, 1.0, 9.0)) is None
    assert measure.statistics(fits_cutout(), Region("box", 500.0, 40.0, 3.0, 9.0)) is None


def test_what_a_file_cannot_support_is_off_with_its_reason():
    region = Region("circle", 12.0, 25.0, 6.0, 6.0)
    found = measure.statistics(picture(), region)
    assert found.flux is None and "unknown stretch" in found.off["flux"]
    assert found.beams is None and "no beam" in found.off["beams"] and "no sky" in found.off["area"]
    assert found.total == pytest.approx(picture().pixels[region.mask((slice(0, 40), slice(0, 40)))].sum())
    assert "unit" in measure.statistics(fits_cutout(unit=None), region).off["flux"]
    assert "cut away" in measure.statistics(fits_cutout(noise=None), region).off["flux"]


def test_a_turned_image_has_the_same_flux():
    plain = measure.statistics(fits_cutout(), Region("box", 20.0, 50.0, 14.0, 14.0))
    turned = fits_cutout(wcs=sky_wcs((60, 80), rotation=30.0))
    assert measure.statistics(turned, Region("box", 20.0, 50.0, 14.0, 14.0)).flux == pytest.approx(plain.flux, rel=1e-6)


def test_a_whole_image_as_a_region_has_an_error_from_its_beam():
    cutout = fits_cutout(noise=Noise(2e-4, "given", 4800))
    found = measure.statistics(cutout, Region("box", 29.5, 39.5, 70.0, 90.0))
    assert found.pixels == cutout.pixels.size and found.flux_error > 0 and "beam is assumed" in found.notes[-1]


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan])
def test_a_region_has_a_size(size):
    with pytest.raises(ValueError, match="sides above zero"):
        Region("box", 1.0, 1.0, size, 2.0)
