"""The beam that imaging tasks leave in the HISTORY of a file: AIPS, Obit, CASA and Miriad."""

from __future__ import annotations

import re

from .numbers import number

NUMBER = r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)"
GAP = r"\s{0,20}"
BREAK = r"[\s>]{0,40}"  # CASA continues a line with > on the next
EQUALS = rf"{GAP}[=:]?{GAP}"
QUOTED = rf"{GAP}[\"']{NUMBER}{GAP}(\w+)[\"']"
Found = tuple[float, float, float | None, str]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


# Each gives the groups major, unit, minor, unit, angle and unit; the unit that counts where the text names none.
AIPS = _pattern(
    rf"""BMAJ {EQUALS} {NUMBER} ([^\d]{{0,40}}?) BMIN {EQUALS} {NUMBER} ()
    (?: [^\d]{{0,40}}? BPA {EQUALS} {NUMBER} )? ([^\n]{{0,40}})"""
)
FITTED = _pattern(
    rf"""restoration: {BREAK} {NUMBER} () {BREAK} by {BREAK} {NUMBER} {BREAK} \(? (arcsec)? \)? {BREAK}
    (?: at {BREAK} pa {BREAK} {NUMBER} () )?"""
)
RESTORING = _pattern(rf"restoringbeam {GAP} = {BREAK} \[? {QUOTED} (?: {BREAK} , {QUOTED} (?: {BREAK} , {QUOTED} )? )?")
SMOOTHED = _pattern(
    rf"major {GAP} = {QUOTED} {BREAK} , {BREAK} minor {GAP} = {QUOTED} (?: {BREAK} , {BREAK} pa {GAP} = {QUOTED} )?"
)
MIRIAD = _pattern(
    rf"""(?:RESTOR|CONVOL): {GAP} fwhm= {NUMBER} () (?: , {NUMBER} () )?
    (?: {GAP} (?:RESTOR|CONVOL): {GAP} pa= {NUMBER} () )?"""
)
TASKS = (
    (AIPS, "deg", ""),  # AIPS   CLEAN BMAJ=  1.7778E-03 BMIN=  1.5000E-03 BPA=   5.00, Obit alike; inputs in asec
    (FITTED, "arcsec", "CASA"),  # clean: Fitted beam used in > restoration: 1.35 by 0.83 (arcsec) > at pa 82.9 (deg)
    (RESTORING, "arcsec", "CASA"),  # tclean: restoringbeam=["6.5arcsec","6.5arcsec","0deg"]
    (SMOOTHED, "arcsec", "CASA"),  # imsmooth: major="25arcsec", minor="25arcsec", pa="0deg"
    (MIRIAD, "arcsec", "Miriad"),  # RESTOR:   fwhm=6.5,6.0 and RESTOR:   pa=0
)
UNITS = {"arcsec": 1.0, "asec": 1.0, "arcmin": 60.0, "deg": 3600.0, "mas": 1e-3}


def last(history: str) -> Found | None:
    """The beam written last: major and minor in arcsec, position angle in degrees or None, and the package if known."""
    found: tuple[int, Found] | None = None
    for pattern, default, name in TASKS:
        for match in pattern.finditer(history):
            major, first, minor, second, pa, third = match.groups()
            unit = _unit(f"{first or ''} {second or ''} {third or '' if pattern is AIPS else ''}", default)
            major_arcsec = (number(major) or 0.0) * UNITS[unit]
            minor_arcsec = (number(minor) or 0.0) * UNITS[unit] if minor else major_arcsec
            if major_arcsec > 0 and minor_arcsec > 0 and (found is None or match.start() > found[0]):
                line = history[history.rfind("\n", 0, match.start()) + 1 : match.start()]
                writer = name or next((word for word in ("AIPS", "Obit") if word in line), "")
                found = match.start(), (major_arcsec, minor_arcsec, number(pa), writer)
    return found[1] if found else None


def _unit(text: str, default: str) -> str:
    match = re.search(r"arcsec|asec|arcmin|mas|deg", text, re.IGNORECASE)
    return match[0].lower() if match else default
