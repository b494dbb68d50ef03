"""Beam and brightness unit of a FITS header."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ..schema import Beam

# Nominal beams in arcsec. FIRST varies with declination (5.4 to 6.8) and VLASS with the field (2.2 to 3.0).
NOMINAL = {"VLASS": 2.5, "FIRST": 5.4, "NVSS": 45.0, "LoTSS": 6.0, "TGSS": 25.0}
AIPS_CLEAN = re.compile(r"AIPS\s+CLEAN\s+BMAJ=\s*([-+.\dE]+)\s+BMIN=\s*([-+.\dE]+)\s+BPA=\s*([-+.\dE]+)", re.IGNORECASE)
PER_BEAM = re.compile(r"^(m|u|µ|micro|milli)?jy\s*(?:/|\s|\.|\*)?\s*(?:beam|bm)\s*(?:\^?-1|\*\*-1)?$", re.IGNORECASE)
PREFIX = {None: "", "m": "m", "milli": "m", "u": "u", "µ": "u", "micro": "u"}


def number(value: Any) -> float | None:
    """A finite float from a header value, also one written as text; None otherwise."""
    if isinstance(value, bool):
        return None
    try:
        read = float(value)
    except (TypeError, ValueError):
        return None
    return read if math.isfinite(read) else None


def unit(header: Mapping[str, Any], notes: list[str]) -> str | None:
    """BUNIT, with the spellings of Jy, mJy and uJy a beam made one; None where the file does not say."""
    text = str(header.get("BUNIT", "")).strip()[:40]
    if not text:
        notes.append("The file names no brightness unit (BUNIT).")
        return None
    match = PER_BEAM.match(text)
    if match is None:
        return text
    return f"{PREFIX[match[1].lower() if match[1] else None]}Jy/beam"


def beam(header: Mapping[str, Any], survey: str | None, pixel_scale: float | None, notes: list[str]) -> Beam | None:
    """Beam from BMAJ, BMIN, BPA (degrees), else from AIPS HISTORY, else the survey's nominal one, marked assumed."""
    history = AIPS_CLEAN.findall(str(header.get("HISTORY", "")))
    clean = [number(text) for text in history[-1]] if history else [None, None, None]
    source = "header"
    major, minor, pa = (number(header.get(key)) for key in ("BMAJ", "BMIN", "BPA"))
    for key, value in (("BMAJ", major), ("BMIN", minor), ("BPA", pa)):
        if key in header and value is None:
            notes.append(f"{key} is {str(header[key]).strip()[:20]!r}, no finite number: ignored.")
    if major is None and minor is None and clean[0] and clean[1]:
        major, minor, pa, source = clean[0], clean[1], clean[2], "AIPS HISTORY"
        notes.append("The beam was taken from the AIPS HISTORY; the header has no beam keywords.")
    if major is not None and major > 0 and minor is None and "BMIN" not in header:
        minor = major
        notes.append("The header has BMAJ but no BMIN: the beam is taken as round.")
    if major is None or minor is None or major <= 0 or minor <= 0:
        if major is not None and minor is not None:
            notes.append(f"A beam of {major:g} × {minor:g} is none: ignored.")
        return _nominal(survey, notes)
    if pa is None:
        pa = clean[2] or 0.0
        if major != minor:
            notes.append(f"The header gives no beam position angle (BPA): {pa:g}° is taken.")
    if minor > major:
        major, minor, pa = minor, major, pa + 90.0
        notes.append("BMIN is larger than BMAJ: the two were swapped.")
    factor = 3600.0
    if pixel_scale and major * 3600.0 / pixel_scale > 2000.0 and major / pixel_scale >= 1.0:
        factor = 1.0
        notes.append(f"BMAJ = {major:g} cannot be degrees at {pixel_scale:g}″ a pixel: read as arcsec.")
    return Beam(major * factor, minor * factor, pa, source=source)


def _nominal(survey: str | None, notes: list[str]) -> Beam | None:
    if survey not in NOMINAL:
        return None
    size = NOMINAL[survey]
    notes.append(f"The file gives no usable beam: the nominal {size:g}″ of {survey} is assumed.")
    return Beam(size, size, 0.0, assumed=True, source=f"nominal {survey}")
