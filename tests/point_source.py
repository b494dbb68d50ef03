"""One unresolved source of 50 mJy in noise under a header of any make, for tests."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

HEADER: dict[str, Any] = {
    "CTYPE1": "RA---SIN",
    "CRVAL1": 187.7,
    "CDELT1": -5e-4,
    "CRPIX1": 50.5,
    "CTYPE2": "DEC--SIN",
    "CRVAL2": 12.4,
    "CDELT2": 5e-4,
    "CRPIX2": 50.5,
    "RADESYS": "FK5",
    "EQUINOX": 2000.0,
    "BMAJ": 1.5e-3,
    "BMIN": 1.5e-3,
    "BPA": 0.0,
    "BUNIT": "Jy/beam",
}
PEAK = (187.69667, 12.39875)  # RA, Dec in degrees of the pixel (56, 47)


def sky() -> NDArray[np.float32]:
    """100 x 100 pixels of 1.8 arcsec, beam 5.4 arcsec, noise 0.15 mJy/beam, the source at x = 56, y = 47."""
    y, x = np.mgrid[:100, :100]
    beam = np.exp(-((x - 56) ** 2 + (y - 47) ** 2) / (2 * (3.0 / 2.3548) ** 2))
    return (0.05 * beam + np.random.default_rng(1).normal(0, 1.5e-4, (100, 100))).astype(np.float32)


def file(pixels: NDArray[Any] | None = None, *more: fits.hdu.base.ExtensionHDU, **cards: Any) -> bytes:
    """FITS bytes of the source; cards are values, or values with comments, that replace others; None removes one."""
    image = fits.PrimaryHDU(sky() if pixels is None else pixels)
    for key, value in {**HEADER, **cards}.items():
        if value is not None:
            image.header[key] = value
    stream = BytesIO()
    fits.HDUList([image, *more]).writeto(stream)
    return stream.getvalue()


def beams(*rows: tuple[float, float, float, int, int], unit: str = "arcsec") -> fits.BinTableHDU:
    """CASA's table of beams: major, minor, position angle, channel, polarisation."""
    columns = zip(*rows, strict=True)
    kinds = (("BMAJ", "E", unit), ("BMIN", "E", unit), ("BPA", "E", "deg"), ("CHAN", "J", None), ("POL", "J", None))
    made = [
        fits.Column(name, kind, unit=u, array=list(values))
        for (name, kind, u), values in zip(kinds, columns, strict=True)
    ]
    return fits.BinTableHDU.from_columns(made, name="BEAMS")
