"""Matching against radio-beam and spectral-cube, on the ground where those are right."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u

from vlass_explorer import match
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise
from vlass_explorer.measure.geometry import axes_of, sky_covariance
from vlass_explorer.schema import Beam

PARTS = (
    Component(30e-3, -14.0, 9.0, 4.0, 2.0, 60.0),
    Component(20e-3, 15.0, -8.0),
    Component(5e-3, 0.0, 0.0, 20.0, 9.0),
)
FLAT = FlatGrid((121, 131), 1.0)


@pytest.mark.parametrize("pa", [0.0, 22.0, 45.0, 90.0, 133.0])
def test_the_kernel_is_radio_beams(pa: float) -> None:
    radio_beam = pytest.importorskip("radio_beam")
    native, target = Beam(3.0, 2.2, pa), Beam(6.4, 5.4, 160.0)
    own, other = (radio_beam.Beam(b.major * u.arcsec, b.minor * u.arcsec, b.pa * u.deg) for b in (native, target))
    kernel = other.deconvolve(own)
    covariances = (sky_covariance(b.major, b.minor, b.pa) for b in (target, native))
    major, minor, angle = axes_of(np.subtract(*covariances))
    assert (major, minor) == pytest.approx((kernel.major.to_value("arcsec"), kernel.minor.to_value("arcsec")), rel=1e-6)
    assert np.cos(2 * (np.radians(angle) - kernel.pa.to_value("rad"))) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("pa", [0.0, 22.0, 45.0, 90.0, 133.0])
def test_the_image_is_spectral_cubes(pa: float) -> None:
    """An unturned grid without blanks; on others spectral-cube turns the beam with the grid and fills the blanks."""
    spectral_cube = pytest.importorskip("spectral_cube")
    radio_beam = pytest.importorskip("radio_beam")
    native, target = Beam(3.0, 2.2, pa), Beam(6.4, 5.4, 160.0)
    cutout = Observation(PARTS, native, FLAT).cutout(noise(np.random.default_rng(1), FLAT, native, 1e-4))
    own, other = (radio_beam.Beam(b.major * u.arcsec, b.minor * u.arcsec, b.pa * u.deg) for b in (native, target))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plane = spectral_cube.Projection(cutout.pixels.astype(float) * u.Jy / u.beam, wcs=cutout.wcs, beam=own)
        theirs = plane.convolve_to(other).value
    inner = np.s_[20:-20, 20:-20]  # they take the sky beyond the image for dark
    found = match.smooth(cutout, target).pixels
    np.testing.assert_allclose(found[inner], theirs[inner], rtol=2e-3, atol=1e-2 * 1e-4)
