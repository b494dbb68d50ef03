"""What a header says that no telescope does, said in notes."""

from __future__ import annotations

import numpy as np
from astropy.wcs import WCS

from ..measure import FINEST_BEAM
from ..quantities import angle
from ..schema import Beam, PixelPlace
from . import sky
from .notes import Notes

FREQUENCIES = (0.005, 3000.0)  # GHz, below the lowest of LOFAR and LWA, above the highest of ALMA and APEX
SCALES = (1e-6, 1800.0)  # arcsec a pixel, from VLBI at millimetres to maps of the whole sky
UNLIKE_HEADER = 0.01  # of the pixel size in the header, beyond which that on the sky is told


def is_observed(ghz: float) -> bool:
    """True for a frequency that radio telescopes observe."""
    return FREQUENCIES[0] <= ghz <= FREQUENCIES[1]


def note(beam: Beam | None, wcs: WCS | None, here: PixelPlace | None, side: int, notes: Notes) -> None:
    """Note an impossible pixel at the centre, a beam wider than ``side`` pixels, and odd coordinates."""
    scale = None if here is None else float(np.sqrt(here.shape.area))
    if scale is not None and not SCALES[0] <= scale <= SCALES[1]:
        notes.append(f"Pixels of {angle(scale)} are those of no telescope's image: check CDELT and its unit.")
    if beam is not None and scale is not None:
        if beam.major > side * scale:
            notes.append(f"The beam ({angle(beam.major)}) is wider than the image ({angle(side * scale)}).")
        elif beam.major < FINEST_BEAM * scale:
            notes.append(f"The beam ({angle(beam.major)}) is much finer than a pixel ({angle(scale)}).")
    if wcs is not None and here is not None:
        _note_shape(wcs, here, notes)
    if here is not None and sky.is_mirrored(here):
        notes.append("The image is mirrored, east lies clockwise of north: it is drawn as stored, as its arrows show.")


def _note_shape(wcs: WCS, place: PixelPlace, notes: Notes) -> None:
    """Note pixels that are not, at the centre of the image, what the header says of them at the reference point."""
    here, header = place.shape.scale, place.header
    if any(abs(one / other - 1.0) > UNLIKE_HEADER for one, other in zip(here, header, strict=True)):
        code = wcs.wcs.ctype[wcs.wcs.lng][5:8].strip("-")
        sizes = [f"{angle(width)} × {angle(height)}" for height, width in (here, header)]
        notes.append(
            f"Pixels are {sizes[0]} on the sky here, not {sizes[1]} as at the reference point of the {code} projection."
        )
