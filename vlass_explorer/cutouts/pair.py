"""The header of the sky pair alone: two axes of any number of a FITS file, told to wcslib as axes 1 and 2.

Nothing else of the header goes to wcslib: a broken spectral axis or alternate WCS must not cost the sky coordinates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from . import axes, frames
from .numbers import ANGLES, number

FRAMES = {"RA": "equatorial", "DEC": "equatorial", "GLON": "galactic", "GLAT": "galactic"}
PARAMETER = re.compile(r"^PV0*(\d{1,2})_0*(\d{1,2})$")
SIP = re.compile(r"^(A|B|AP|BP)_(ORDER|\d_\d)$")
HIGHEST_ORDER = 9  # of a polynomial of the SIP convention
TABLES = re.compile(r"^(C[PQ]DIS|D2IMDIS)\d$")
PLAIN = "CAR"  # taken where neither axis names a projection, as casacore does
COPIED = ("LONPOLE", "LATPOLE", "MJD-OBS", "RESTFRQ")


class Unusable(ValueError):
    """Why the header gives no sky coordinates, as half a sentence."""


def header(cards: Mapping[str, Any], pair: tuple[int, int], notes: list[str]) -> dict[str, Any]:
    """Cards of the axes ``pair`` (FITS numbers of x and y); raises Unusable.

    Defaults are the standard's: CRPIX 0, CUNIT deg, PC the identity, CDELT 1 beside a PC matrix. An axis without
    CRVAL, or without any of CDELT, CD and PC, is unusable: the standard's default is a pixel of 1 degree, a size that
    nobody meant and that would turn into a flux and a beam in pixels; without it a size can be given
    (``read(pixel_scale=)``).
    """
    kinds = [axes.kind(cards, axis) for axis in pair]
    if all(kind in FRAMES and axes.ctype(cards, axis) == kind for kind, axis in zip(kinds, pair, strict=True)):
        notes.append(f"CTYPE names no projection ({' and '.join(kinds)}): {PLAIN} is taken, as CASA does.")
    if not all(kind in FRAMES for kind in kinds):
        raise Unusable(f"coordinates of {' and '.join(kinds)} are not read")
    made: dict[str, Any] = {}
    has_sip = _has_sip(cards, notes)
    for new, (old, kind) in enumerate(zip(pair, kinds, strict=True), 1):
        match = axes.CELESTIAL.match(axes.ctype(cards, old))
        suffix = "-SIP" if has_sip else ""  # astropy logs where coefficients and type do not agree
        made[f"CTYPE{new}"] = f"{kind.ljust(5, '-')}{(match and match[2]) or PLAIN}{suffix}"
        made[f"CRVAL{new}"] = _needed(cards, f"CRVAL{old}")
        made[f"CRPIX{new}"] = _needed(cards, f"CRPIX{old}", 0.0)
        unit = str(cards.get(f"CUNIT{old}") or "").strip()
        made[f"CUNIT{new}"] = ANGLES.get(unit.upper(), "deg")
        if unit.upper() not in ANGLES:
            notes.append(f"CUNIT{old} is {unit[:20]!r}, no unit of an angle: degrees are taken.")
    made.update(_matrix(cards, pair))
    for key, value in cards.items():
        parameter = PARAMETER.match(key) if key.startswith("PV") else None
        if parameter and int(parameter[1]) in pair and number(value) is not None:
            made[f"PV{pair.index(int(parameter[1])) + 1}_{int(parameter[2])}"] = number(value)
        elif ((has_sip and SIP.match(key)) or key in COPIED) and number(value) is not None:
            made[key] = int(value) if key.endswith("ORDER") else number(value)
    if any(TABLES.match(key) for key in cards if key.startswith(("CP", "CQ", "D2"))):
        notes.append("A table of distortions of the coordinates is left out: positions are less exact than it allows.")
    if date := re.fullmatch(r"\d{4}-\d\d-\d\d(T[\d:.]{1,30})?", str(cards.get("DATE-OBS", "")).strip(), re.ASCII):
        made["DATE-OBS"] = date[0]
    if FRAMES[kinds[0]] == "equatorial":
        made.update(frames.frame(cards, notes))
    return made


def _has_sip(cards: Mapping[str, Any], notes: list[str]) -> bool:
    """True where the header has a distortion (SIP) of an order that the convention allows."""
    orders = [number(cards[key]) for key in ("A_ORDER", "B_ORDER", "AP_ORDER", "BP_ORDER") if key in cards]
    if not all(order is not None and 0 <= order <= HIGHEST_ORDER for order in orders):
        notes.append("The distortion of the coordinates (SIP) is broken and left out.")
        return False
    return bool(orders)


def _needed(cards: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = number(cards.get(key))
    if value is None and (default is None or key in cards):
        raise Unusable(f"{key} is {'no number' if key in cards else 'absent or unreadable'}")
    return default or 0.0 if value is None else value


def _matrix(cards: Mapping[str, Any], pair: tuple[int, int]) -> dict[str, float]:
    """Pixel sizes and rotation: a CD matrix, else CDELT with PC, else CDELT with CROTA; terms of other axes dropped."""
    entries = axes.matrix(cards)
    cd = {(i, j): entries.get(("CD", pair[i], pair[j]), 0.0) for i in (0, 1) for j in (0, 1)}
    if any(cd.values()):
        if cd[0, 0] * cd[1, 1] == cd[0, 1] * cd[1, 0]:
            raise Unusable("the CD matrix gives pixels no area")
        return {f"CD{i + 1}_{j + 1}": value for (i, j), value in cd.items()}
    has_pc = any(name == "PC" and {world, pixel} <= set(pair) for name, world, pixel in entries)
    if not has_pc and any(f"CDELT{old}" not in cards for old in pair):
        raise Unusable(
            "the header gives no pixel size (CDELT, CD or PC), and the standard's default of 1° is no telescope's: "
            "give the size of a pixel instead"
        )
    made = {}
    for new, old in enumerate(pair, 1):
        made[f"CDELT{new}"] = _needed(cards, f"CDELT{old}", 1.0 if has_pc else None)
        if made[f"CDELT{new}"] == 0.0:
            raise Unusable(f"CDELT{old} is 0")
        if not has_pc and (turn := number(cards.get(f"CROTA{old}"))):
            made[f"CROTA{new}"] = turn
    if has_pc:
        pc = {(i, j): entries.get(("PC", pair[i], pair[j]), float(i == j)) for i in (0, 1) for j in (0, 1)}
        if pc[0, 0] * pc[1, 1] == pc[0, 1] * pc[1, 0]:
            raise Unusable("the PC matrix gives pixels no area")
        made |= {f"PC{i + 1}_{j + 1}": value for (i, j), value in pc.items()}
    return made
