"""The beam that imaging tasks leave in the HISTORY of a file: AIPS, Obit, CASA and Miriad."""

from __future__ import annotations

import re

from .numbers import number

NUMBER = r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)"
BREAK = r"[\s>]*"  # CASA continues a line with > on the next
Found = tuple[float, float, float | None, str]
# Each gives major, minor and position angle, and the unit that its axes are in where the text itself names none.
TASKS = (
    # AIPS   CLEAN BMAJ=  1.7778E-03 BMIN=  1.5000E-03 BPA=   5.00; Obit writes the like, AIPS' inputs are in asec.
    (re.compile(rf"BMAJ\s*[=:]?\s*{NUMBER}([^\d]{{0,40}}?)BMIN\s*[=:]?\s*{NUMBER}"
                rf"()(?:[^\d]{{0,40}}?BPA\s*[=:]?\s*{NUMBER})?([^\n]{{0,40}})", re.IGNORECASE), "deg"),
    # imager::clean() [] Fitted beam used in > restoration: 1.34841 by 0.830715 (arcsec) > at pa 82.8827 (deg)
    (re.compile(rf"restoration:{BREAK}{NUMBER}()\s*by{BREAK}{NUMBER}({BREAK}\(?arcsec\)?){BREAK}(?:at{BREAK}pa{BREAK}{NUMBER}())?",
                re.IGNORECASE), "arcsec"),
    # tclean: restoringbeam=["6.5arcsec","6.5arcsec","0deg"]; imsmooth: major="25arcsec", minor="25arcsec", pa="0deg"
    (re.compile(rf"restoringbeam\s*=\s*\[?{BREAK}[\"']{NUMBER}(\s*\w+)[\"']{BREAK}(?:,{BREAK}[\"']{NUMBER}(\s*\w+)[\"'])?{BREAK}(?:,{BREAK}[\"']{NUMBER}(\s*deg)[\"'])?",
                re.IGNORECASE), "arcsec"),
    (re.compile(rf"major\s*=\s*[\"']{NUMBER}(\s*\w+)[\"']{BREAK},{BREAK}minor\s*=\s*[\"']{NUMBER}(\s*\w+)[\"']{BREAK}(?:,{BREAK}pa\s*=\s*[\"']{NUMBER}(\s*deg)[\"'])?",
                re.IGNORECASE), "arcsec"),
    # RESTOR:   fwhm=6.5,6.0 and RESTOR:   pa=0, in arcsec by definition
    (re.compile(rf"(?:RESTOR|CONVOL):\s+fwhm={NUMBER}()(?:,{NUMBER}())?(?:\s+(?:RESTOR|CONVOL):\s+pa={NUMBER}())?"),
     "arcsec"),
)  # fmt: skip
NAMES = ("", "CASA", "CASA", "CASA", "Miriad")
UNITS = {"arcsec": 1.0, "asec": 1.0, "arcmin": 60.0, "deg": 3600.0, "mas": 1e-3}


def last(history: str) -> Found | None:
    """The beam written last: major and minor in arcsec, position angle in degrees or None, and the package if known."""
    found: tuple[int, Found] | None = None
    for (pattern, default), name in zip(TASKS, NAMES, strict=True):
        for match in pattern.finditer(history):
            major, first, minor, second, pa, third = match.groups()
            unit = _unit(f"{first or ''} {second or ''} {third or ''}", default)
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
