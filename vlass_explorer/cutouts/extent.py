"""Where on the sky a FITS file lies, from its headers alone."""

from __future__ import annotations

from pathlib import Path

from astropy.io import fits as astropy_fits
from astropy.wcs import WCS

from ..foreign import mapped
from ..schema import CutoutError
from . import hdus, sky, structure
from .astropy_notes import collected
from .notes import Notes


def extent(path: Path) -> WCS:
    """Celestial WCS of the image that ``read`` shows of a FITS file, with its ``array_shape``; reads no pixel.

    Raises CutoutError for a file that is no FITS image or has no sky coordinates.
    """
    notes = Notes()
    with mapped(hdus.damaged):
        with path.open("rb") as whole:
            structure.check(whole, path.stat().st_size)
        with collected(notes), astropy_fits.open(path, memmap=False) as opened:
            wcs = sky.celestial(hdus.choose(*hdus.scan(opened), notes), notes)
    if wcs is None:
        raise CutoutError("The file has no usable sky coordinates (WCS).")
    return wcs
