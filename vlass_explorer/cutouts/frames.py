"""The reference frame of sky coordinates: what RADESYS and EQUINOX mean, also where they are not of the standard."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .numbers import number

STANDARD = {"ICRS": None, "FK5": 2000.0, "FK4": 1950.0, "FK4-NO-E": 1950.0}
"""Frames of the FITS standard that astropy converts, and the equinox that each has where the header gives none."""
SYNONYMS = (
    (re.compile(r"^ICRF\d*$"), "ICRS"),
    (re.compile(r"^(FK5[-/ (]*)?(EQ)?J?2000(\.0*)?\)?$"), "FK5"),
    (re.compile(r"^(FK4[-/ (]*)?(EQ)?B?1950(\.0*)?\)?(_VLA)?$"), "FK4"),
)
FIRST_FK5 = 1984.0  # an equinox from here on is of FK5 where the header names no frame (FITS standard, table 26)


def frame(cards: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """RADESYS and EQUINOX of equatorial coordinates as the standard spells them, with a note where they were not."""
    given = str(cards.get("RADESYS") or cards.get("RADECSYS") or "").strip()
    equinox = _equinox(cards)
    name = given.upper()
    for pattern, meant in SYNONYMS:
        if pattern.match(name):
            name, equinox = meant, equinox if equinox is not None else STANDARD[meant]
    if name not in STANDARD:
        name = "ICRS" if equinox is None else "FK4" if equinox < FIRST_FK5 else "FK5"
    equinox = STANDARD[name] if equinox is None or name == "ICRS" else equinox
    taken = name if equinox is None else f"{name}, equinox {equinox:g}"
    if given and given != name:
        apparent = ", apparent places of the date" if given.upper() == "GAPPT" else ""
        notes.append(f"The frame of the coordinates is given as {given[:20]!r}{apparent}: they are taken as {taken}.")
    elif name.startswith("FK4") or equinox not in (None, 2000.0):
        notes.append(f"The coordinates are of {taken}; positions are shown in ICRS.")
    return {"RADESYS": name} | ({} if equinox is None else {"EQUINOX": equinox})


def _equinox(cards: Mapping[str, Any]) -> float | None:
    """EQUINOX, or EPOCH of older files, as a year; also written as J2000 or B1950."""
    for key in ("EQUINOX", "EPOCH"):
        value = cards.get(key)
        year = number(re.sub(r"^\s*[JB]", "", value, flags=re.IGNORECASE) if isinstance(value, str) else value)
        if year is not None and 1800.0 <= year <= 2100.0:
            return year
    return None
