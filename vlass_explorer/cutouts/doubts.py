"""What a header says that no telescope does, said in notes."""

from __future__ import annotations

from astropy.wcs import WCS

from ..schema import Beam
from . import sky
from .notes import Notes

FREQUENCIES = (0.005, 3000.0)  # GHz, below the lowest of LOFAR and LWA, above the highest of ALMA and APEX
SCALES = (1e-6, 1800.0)  # arcsec a pixel, from VLBI at millimetres to maps of the whole sky
FINEST_BEAM = 0.5  # pixels


def is_observed(ghz: float) -> bool:
    """True for a frequency that radio telescopes observe."""
    return FREQUENCIES[0] <= ghz <= FREQUENCIES[1]


def note(beam: Beam | None, wcs: WCS | None, scale: float | None, side: int, notes: Notes) -> None:
    """Note an impossible pixel ``scale`` (arcsec), a beam wider than ``side`` pixels, and a mirrored image."""
    if scale is not None and not SCALES[0] <= scale <= SCALES[1]:
        notes.append(f"Pixels of {_angle(scale)} are those of no telescope's image: check CDELT and its unit.")
    if beam is not None and scale is not None:
        if beam.major > side * scale:
            notes.append(f"The beam ({_angle(beam.major)}) is wider than the image ({_angle(side * scale)}).")
        elif beam.major < FINEST_BEAM * scale:
            notes.append(f"The beam ({_angle(beam.major)}) is much finer than a pixel ({_angle(scale)}).")
    if wcs is not None and sky.is_mirrored(wcs):
        notes.append("The image is mirrored, east lies clockwise of north: it is drawn as stored, as its arrows show.")


def hertz(ghz: float) -> str:
    """A frequency with the unit that suits it."""
    for factor, unit in ((1e9, "Hz"), (1e6, "kHz"), (1e3, "MHz")):
        if ghz * factor < 1000.0:
            return f"{ghz * factor:.3g} {unit}"
    return f"{ghz:.3g} GHz"


def _angle(arcsec: float) -> str:
    return f"{arcsec:.3g}″" if arcsec < 3600 else f"{arcsec / 3600:.3g}°"
