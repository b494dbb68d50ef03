"""Header values as numbers, and what their units of angle are."""

from __future__ import annotations

import math
from typing import Any

ANGLES = {
    "": "deg",
    "DEGREE": "deg",
    "DEGREES": "deg",
    "DEG": "deg",
    "ARCSEC": "arcsec",
    "ARCSECOND": "arcsec",
    "ARCSECONDS": "arcsec",
    "ASEC": "arcsec",
    "ARCMIN": "arcmin",
    "RAD": "rad",
    "RADIAN": "rad",
    "RADIANS": "rad",
    "MAS": "mas",
    '"': "arcsec",
}
"""Spellings, in capitals, by the name that astropy gives to the unit; degrees where none is given."""


def number(value: Any) -> float | None:
    """A finite float from a header value, also one written as text; None otherwise."""
    if isinstance(value, bool):
        return None
    try:
        read = float(value)
    except (TypeError, ValueError):
        return None
    return read if math.isfinite(read) else None
