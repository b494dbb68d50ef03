"""A simulated Quick Look subtile of 3722² pixels that the tests of several modules share: sources in white noise."""

from __future__ import annotations

import io

import numpy as np
from astropy.io import fits
from scipy import ndimage

from vlass_explorer.datasets import sky_model
from vlass_explorer.schema import Beam, Cutout

SIDE, RMS = 3722, 130e-6
BEAM = Beam(3.0, 2.4, 40.0)
# Flux in Jy, offset to the west and north in arcsec: a bright point, a double of S/N 150 a lobe, a faint point.
POINT, DOUBLE, FAINT = (0.06, -1200.5, 800.5), (0.0195, 900.5, -1100.5), (0.004, 300.5, 1500.5)
SECOND = (0.03, 1500.5, 1500.5)


def make() -> Cutout:
    """The image in memory."""
    parts = [sky_model.Component(flux, x, y, 0.0, 0.0) for flux, x, y in (POINT, SECOND, FAINT)]
    flux, x, y = DOUBLE
    parts += [sky_model.Component(flux, x + side, y, 0.0, 0.0) for side in (-7.0, 7.0)]
    grid = sky_model.FlatGrid((SIDE, SIDE), 1.0, (3.5, -9.3))
    # White noise under a filter of the beam's width: as correlated as the sky needs to be here, in half a second.
    noise = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((SIDE, SIDE), np.float32), 1.1)
    return sky_model.Observation(tuple(parts), BEAM, grid).cutout(noise * (RMS / noise.std()))


def written(cutout: Cutout) -> bytes:
    """The image as FITS."""
    header = cutout.wcs.to_header()
    header.update({"BUNIT": "Jy/beam", "BMAJ": 3 / 3600, "BMIN": 2.4 / 3600, "BPA": 40.0, "RESTFRQ": 3e9})
    buffer = io.BytesIO()
    fits.PrimaryHDU(cutout.pixels, header).writeto(buffer)
    return buffer.getvalue()


def expected(x: float, y: float) -> tuple[float, float]:
    """Pixel (y, x) of an offset."""
    return y + (SIDE - 1) / 2, x + (SIDE - 1) / 2
