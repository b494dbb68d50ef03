"""Cutouts made in memory for the tests of figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.wcs import WCS

from vlass_explorer.schema import Beam, Cutout, Noise

RMS = 2e-4


def sky_wcs(shape: tuple[int, int], scale: float = 1.0, rotation: float = 0.0) -> WCS:
    """Gnomonic WCS with the centre of the image at RA 150°, Dec +30°; ``rotation`` in degrees, ``scale`` in arcsec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 30.0]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    angle = np.radians(rotation)
    wcs.wcs.cd = np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale / 3600
    wcs.wcs.set()
    return wcs


def noise_image(shape: tuple[int, int] = (60, 80)) -> np.ndarray[Any, Any]:
    """Noise of RMS with a source of 100 rms at row 20, column 50."""
    image = np.random.default_rng(1).normal(0, RMS, shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image += 100 * RMS * np.exp(-((y - 20) ** 2 + (x - 50) ** 2) / 8.0)
    return image.astype(np.float32)


def fits_cutout(image: np.ndarray[Any, Any] | None = None, **more: Any) -> Cutout:
    """A cutout as from a FITS file: Jy/beam, WCS with pixels of 1″, noise and a beam of 5″ by 3″."""
    pixels = noise_image() if image is None else image.astype(np.float32)
    known: dict[str, Any] = {
        "unit": "Jy/beam",
        "wcs": sky_wcs(pixels.shape),
        "noise": Noise(RMS, "given", pixels.size),
        "beam": Beam(5.0, 3.0, 30.0),
        "sha256": "ab" * 32,
        "row0": "south",
    }
    return Cutout("cutout.fits", pixels, **(known | more))


def picture() -> Cutout:
    """A cutout as from a PNG: counts, no coordinates, no noise left."""
    image = np.zeros((40, 40), np.float32)
    image[10:14, 20:30] = np.arange(40, dtype=np.float32).reshape(4, 10) + 200
    return Cutout("picture.png", image, "count", kind="image", sha256="cd" * 32)
