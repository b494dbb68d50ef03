"""Beam of a FITS header: from its keywords in any unit, else from the HISTORY, else the survey's nominal one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from astropy.io.fits import Header

from ..foreign import mapped
from ..schema import Beam, CutoutError
from . import beam_history
from .notes import Notes
from .numbers import number

# Nominal beams in arcsec. FIRST varies with declination (5.4 to 6.8) and VLASS with the field (2.2 to 3.0).
NOMINAL = {"VLASS": 2.5, "FIRST": 5.4, "NVSS": 45.0, "LoTSS": 6.0, "TGSS": 25.0}
# AIPS and Obit write CLEANBMJ; the others are of single pipelines.
KEYWORDS = (
    ("BMAJ", "BMIN", "BPA"),
    ("CLEANBMJ", "CLEANBMN", "CLEANBPA"),
    ("BEAMMAJ", "BEAMMIN", "BEAMPA"),
    ("BEAM_MAJ", "BEAM_MIN", "BEAM_PA"),
    ("BMAJOR", "BMINOR", "BPA"),
    ("RESBMAJ", "RESBMIN", "RESBPA"),
)
FINEST, WIDEST = 1e-9, 1.296e6  # arcsec; what lies beyond is a slip, the whole circle for one
ARCSEC = {"deg": 3600.0, "arcmin": 60.0, "arcsec": 1.0, "mas": 1e-3, "rad": 206264.806247}
UNIT = re.compile(r"(?<![a-z])(deg|arcmin|arcsec|asec|mas\b|rad(?=\b|ian))|(?<=\d)\s*(\"|''|′′|″)", re.IGNORECASE)
VALUE = re.compile(r"^\s*([-+]?\d*\.?\d+(?:[eEdD][-+]?\d+)?)\s*(\S*)\s*$")


def comments(header: Header) -> dict[str, str]:
    """Comments of the cards that may hold a beam: they often name its unit."""
    found = {}
    for keys in KEYWORDS:
        for key in keys[:2]:
            if key in header:
                try:
                    with mapped(lambda error: CutoutError("An unreadable card.")):
                        found[key] = str(header.comments[key])
                except CutoutError:
                    continue
    return found


def beam(
    header: Mapping[str, Any],
    survey: str | None,
    pixel_scale: float | None,
    notes: Notes,
    *,
    width: int | None = None,
    comments: Mapping[str, str] | None = None,
) -> Beam | None:
    """Beam of keywords (degrees unless value or comment name a unit), HISTORY or survey, the last marked assumed.

    ``pixel_scale`` (arcsec) and ``width`` (pixels) tell degrees from other units where the file names none.
    """
    found = _of_keywords(header, comments or {}, notes)
    written = str(header.get("HISTORY", ""))
    source = "header"
    if found is not None and min(found[:2]) <= 0:
        notes.append(f"A beam of {found[0]:g} × {found[1]:g} is none: ignored.")
        found = None
    # Looked for only where it is needed: it takes as long as all the cards.
    history = beam_history.last(written) if found is None or found[2] is None else None
    if found is None and history is not None:
        found, source = history, f"{history[3]} HISTORY".strip()
        notes.append(f"The beam was taken from the {source}; the header has no usable beam keywords.")
    if found is None and beam_history.is_smoothed(written):
        notes.append("The HISTORY tells what the image was smoothed with, not its beam before: no beam is known.")
        return None
    if found is None:
        return _nominal(survey, notes)
    major, minor, pa, unit = found
    if pa is None:
        pa = history[2] if history is not None and history[2] is not None else 0.0
        if major != minor:
            notes.append(f"The header gives no beam position angle (BPA): {pa:g}° is taken.")
    if minor > major:
        major, minor, pa = minor, major, pa + 90.0
        notes.append("BMIN is larger than BMAJ: the two were swapped.")
    if source == "header" and unit is None:
        factor = ARCSEC[meant := _guessed(major, pixel_scale, width)]
        if meant != "deg":
            words = {"arcsec": "arcsec", "arcmin": "arcmin", "rad": "radians"}[meant]
            notes.append(f"BMAJ = {major:g} cannot be degrees at {pixel_scale:g}″ a pixel: read as {words}.")
    else:
        factor = ARCSEC[unit] if source == "header" and unit is not None else 1.0
    if not FINEST < minor * factor <= major * factor < WIDEST:
        notes.append(f"A beam of {major:g} × {minor:g} is none: ignored.")
        return _nominal(survey, notes)
    return Beam(major * factor, minor * factor, pa, source=source)


def _of_keywords(
    header: Mapping[str, Any], comments: Mapping[str, str], notes: Notes
) -> tuple[float, float, float | None, str | None] | None:
    """Major, minor, position angle and unit of the first set of keywords that is there; unit None: not named."""
    for keys in KEYWORDS:
        if not any(key in header for key in keys[:2]):
            continue
        values, units = zip(*(_read(header.get(key), comments.get(key, "")) for key in keys), strict=True)
        for key, value in zip(keys, values, strict=True):
            if key in header and value is None:
                notes.append(f"{key} is {str(header[key]).strip()[:20]!r}, no finite number: ignored.")
        major, minor, pa = values
        if major is not None and major > 0 and minor is None and keys[1] not in header:
            minor = major
            notes.append(f"The header has {keys[0]} but no {keys[1]}: the beam is taken as round.")
        if major is not None and minor is not None:
            in_unit = units[0] or units[1]
            if units[0] and units[1] and units[0] != units[1]:
                minor *= ARCSEC[units[1]] / ARCSEC[units[0]]
            return major, minor, pa, in_unit
    return None


def _read(value: Any, comment: str) -> tuple[float | None, str | None]:
    """Number and unit of a value such as 0.0015, "0.0015" or "5.4 arcsec"; the comment may name the unit, too."""
    told = _unit(comment)
    if isinstance(value, str) and (match := VALUE.match(value)):
        return number(match[1].upper().replace("D", "E")), _unit(value) or told
    return number(value), told


def _unit(text: str) -> str | None:
    """Unit named in a text. Degrees are what everybody means who names none, so they do not count as named."""
    match = UNIT.search(text)
    if match is None:
        return None
    name = "arcsec" if match[2] else {"asec": "arcsec"}.get(match[1].lower(), match[1].lower())
    return None if name == "deg" else name


def _guessed(major: float, pixel_scale: float | None, width: int | None) -> str:
    """Unit of a beam where the file names none: degrees, unless they make no sense and one other unit does."""
    if not pixel_scale:
        return "deg"
    pixels = {unit: major * factor / pixel_scale for unit, factor in ARCSEC.items()}
    if pixels["deg"] > 2000.0 and pixels["arcsec"] >= 1.0:
        return "arcsec"
    if pixels["deg"] > max(150.0, 4.0 * (width or 0)) and 1.5 <= pixels["arcmin"] <= 20.0:
        return "arcmin"
    if pixels["deg"] < 0.15 and 1.5 <= pixels["rad"] <= 50.0:
        return "rad"
    return "deg"


def _nominal(survey: str | None, notes: Notes) -> Beam | None:
    if survey not in NOMINAL:
        return None
    size = NOMINAL[survey]
    notes.append(f"The file gives no usable beam: the nominal {size:g}″ of {survey} is assumed.")
    return Beam(size, size, 0.0, assumed=True, source=f"nominal {survey}")
