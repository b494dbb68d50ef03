"""FITS files made in memory, for tests."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from vlass_explorer import cutouts
from vlass_explorer.schema import CutoutError

SKY = {
    "CTYPE1": "RA---SIN",
    "CRVAL1": 150.0,
    "CDELT1": -1 / 3600,
    "CRPIX1": 20.0,
    "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN",
    "CRVAL2": 30.0,
    "CDELT2": 1 / 3600,
    "CRPIX2": 16.0,
    "CUNIT2": "deg",
    "BUNIT": "Jy/beam",
    "BMAJ": 3 / 3600,
    "BMIN": 2.5 / 3600,
    "BPA": 10.0,
}
RNG = np.random.default_rng(7)
IMAGE = RNG.normal(0.0, 1e-4, (32, 40)).astype(np.float32)


def packed(*hdus: fits.hdu.base.ExtensionHDU) -> bytes:
    stream = BytesIO()
    fits.HDUList(list(hdus)).writeto(stream)
    return stream.getvalue()


def primary(data: NDArray[np.generic] | None = IMAGE, **cards: object) -> bytes:
    return packed(fits.PrimaryHDU(data, fits.Header({k: v for k, v in {**SKY, **cards}.items() if v is not None})))


def refused(data: bytes, **options: object) -> str:
    with pytest.raises(CutoutError) as error:
        cutouts.read(data, **options)  # type: ignore[arg-type]
    sentence = str(error.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 250
    return sentence
