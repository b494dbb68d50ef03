"""The beam that imaging tasks leave in the HISTORY of a file: AIPS, Obit, CASA, ASKAPsoft, Miriad, WSClean, DDFacet.

A Gaussian that an image was smoothed *with* is no beam: the beam is then a wider one, which nothing tells.
"""

from __future__ import annotations

import re

from .numbers import number

NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
GAP = r"\s{0,20}"
BREAK = r"[\s>]{0,40}"  # CASA continues a line with > on the next
EQUALS = rf"{GAP}[=:]?{GAP}[\"']?"
QUOTED = rf"{GAP}u?[\"']?{NUMBER}{GAP}([a-z]+)[\"']?"
GIVEN = rf"[\"']?{GAP}[=:]{QUOTED}"
ANGLE = r"(arcsec|arcmin|mas|deg|rad)\w{0,4}"
Found = tuple[float, float, float | None, str]
CONTINUED = re.compile(r"\n[ \t]*>")


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


# {'value': 6.5, 'unit': 'arcsec'}, in either order, as CASA writes a quantity.
QUANTITY = _pattern(
    rf"""\{{ {GAP} (?: ["']unit["'] {GAP} : {GAP} u?["'](\w+)["'] {GAP} , {GAP} )? ["']value["'] {GAP} : {GAP} {NUMBER}
    (?: {GAP} , {GAP} ["']unit["'] {GAP} : {GAP} u?["'](\w+)["'] )? {GAP} \}}"""
)
# Each gives the groups major, unit, minor, unit, angle and unit; the unit that counts where the text names none.
AIPS = _pattern(
    rf"""BMAJ {EQUALS} {NUMBER} ([^\d]{{0,40}}?) BMIN {EQUALS} {NUMBER} ()
    (?: [^\d]{{0,40}}? BPA {EQUALS} {NUMBER} )? ([^\n]{{0,40}})"""
)
FITTED = _pattern(
    rf"""restoration: {BREAK} {NUMBER} () {BREAK} by {BREAK} {NUMBER} {BREAK} \(? (arcsec)? \)? {BREAK}
    (?: at {BREAK} pa {BREAK} {NUMBER} () )?"""
)
LOGGED = _pattern(
    rf"""beam [\w ]{{0,30}} : {GAP} (?: \d+ {GAP} : {GAP} )? {NUMBER} {GAP} {ANGLE} {GAP} , {GAP} {NUMBER} {GAP} {ANGLE}
    {GAP} , {GAP} {NUMBER} {GAP} (deg)"""
)
RESTORING = _pattern(
    rf"""(?:(?<!-)restoringbeam|restore\.beam) {GAP} = {BREAK} \[? {QUOTED}
    (?: {BREAK} , {QUOTED} (?: {BREAK} , {QUOTED} )? )?"""
)
SMOOTHED = _pattern(
    rf"""\b major {GIVEN} [\s>,]{{1,40}} ["']?minor {GIVEN}
    (?: [\s>,]{{1,40}} ["']?(?:pa|positionangle) {GIVEN} )?"""
)
MIRIAD = _pattern(
    rf"""(?:RESTOR|CONVOL|SMOOTH): {GAP} fwhm= {NUMBER} () (?: , {NUMBER} () )?
    (?: {GAP} (?:RESTOR|CONVOL|SMOOTH): {GAP} pa= {NUMBER} () )?"""
)
DDFACET = _pattern(
    rf"""Output-RestoringBeam [\s=:]{{1,20}} ["'(\[]{{0,2}} {NUMBER} () (?: {GAP} , {GAP} {NUMBER} ()
    (?: {GAP} , {GAP} {NUMBER} () )? )?"""
)
MIRIAD_BEAM = _pattern(
    rf""":{GAP} Beam {GAP} = {GAP} {NUMBER} () {GAP} x {GAP} {NUMBER} {GAP} {ANGLE}
    (?: {GAP} , {GAP} pa {GAP} = {GAP} {NUMBER} () )?"""
)
TASKS = (
    (AIPS, "deg", ""),  # AIPS   CLEAN BMAJ=  1.7778E-03 BMIN=  1.5000E-03 BPA=   5.00, Obit alike; inputs in asec
    (FITTED, "arcsec", "CASA"),  # clean: Fitted beam used in > restoration: 1.35 by 0.83 (arcsec) > at pa 82.9 (deg)
    (LOGGED, "arcsec", "CASA"),  # tclean: Common Beam for restoration : 6.5 arcsec, 6.5 arcsec, 0 deg
    (RESTORING, "arcsec", "CASA"),  # tclean: restoringbeam=["6.5arcsec","6.5arcsec","0deg"]; ASKAPsoft without quotes
    (SMOOTHED, "arcsec", "CASA"),  # imsmooth: major="25arcsec", minor="25arcsec", pa="0deg"; also in a dictionary
    (DDFACET, "arcsec", "DDFacet"),  # --Output-RestoringBeam 6.0, or 6,5.5,10
    (MIRIAD, "arcsec", "Miriad"),  # RESTOR:   fwhm=6.5,6.0 and RESTOR:   pa=0
    (MIRIAD_BEAM, "arcsec", "Miriad"),  # RESTOR: Beam =  6.500E+00 x  6.500E+00 arcsec, pa =  0.000E+00 degrees
)
# WSClean breaks its command line anywhere: -beam-shape 6.5asec 6asec 0deg, -beam-size 6.5.
WSCLEAN = _pattern(
    rf"""-beam-(?:size|shape) \s{{1,4}} {NUMBER} ([a-z]*)
    (?: \s{{1,4}} {NUMBER} ([a-z]*) \s{{1,4}} {NUMBER} () )?"""
)
UNITS = {"arcsec": 1.0, "asec": 1.0, "arcmin": 60.0, "amin": 60.0, "deg": 3600.0, "mas": 1e-3, "rad": 206264.806247}
NAMED = re.compile(r"arcsec|asec|arcmin|amin|mas|deg|rad|[\"″]", re.IGNORECASE)
LEAST_INPUT = 0.5  # of an AIPS task, in arcsec: no beam of so many degrees
# The Gaussian of these tasks is the kernel, unless they are told that it is what the beam shall become.
SMOOTHERS = re.compile(r"imsmooth|convolve2d|tclean|restoringbeam", re.IGNORECASE)
IS_TARGET = re.compile(r"targetres[\"']?\s*[=:]\s*(?:True|T\b|1)", re.IGNORECASE)
IS_FINAL = re.compile(r"CONVOL:\s*options=[\w,]*\bfinal", re.IGNORECASE)
REACH = 600  # characters before or behind, within which a task's other parameters stand


def last(history: str) -> Found | None:
    """The beam written last: major and minor in arcsec, position angle in degrees or None, and the package if known.

    None as well where the last Gaussian is one that the image was smoothed with, see ``is_smoothed``.
    """
    found = _last(history)
    return None if found is None or found[1] else found[0]


def is_smoothed(history: str) -> bool:
    """True where the last Gaussian of the HISTORY is one that the image was smoothed with: its beam is unknown."""
    found = _last(history)
    return found is not None and found[1]


def _last(history: str) -> tuple[Found, bool] | None:
    """The last Gaussian, and whether it is a kernel."""
    history = QUANTITY.sub(lambda found: f"'{found[2]}{found[1] or found[3] or ''}'", CONTINUED.sub("", history))
    found: tuple[int, Found, bool] | None = None
    for pattern, default, name in TASKS:
        for match in pattern.finditer(history):
            line = history[history.rfind("\n", 0, match.start()) + 1 : match.start()]
            is_input = pattern is AIPS and "CLEAN" not in line.upper() and (number(match[1]) or 0.0) >= LEAST_INPUT
            told = _beam(match, "arcsec" if is_input else default, has_last_unit=pattern is AIPS)
            if told is not None and (found is None or match.start() > found[0]):
                writer = name or next((word for word in ("AIPS", "Obit") if word in line), "")
                found = match.start(), (*told, writer), _is_kernel(pattern, match, history)
    if found is not None:
        return found[1:]
    joined = history.replace("\n", "")
    for pattern, name in ((WSCLEAN, "WSClean"), (DDFACET, "DDFacet")):
        if matches := list(pattern.finditer(joined)):
            told = _beam(matches[-1], "arcsec", has_last_unit=False)
            return None if told is None else ((*told, name), False)
    return None


def _is_kernel(pattern: re.Pattern[str], match: re.Match[str], history: str) -> bool:
    """True for the Gaussian that CASA's imsmooth or Miriad's CONVOL and SMOOTH convolved an image with."""
    if pattern is MIRIAD:
        behind = history[match.start() : match.end() + REACH]
        task = match[0][:6].upper()
        return task == "SMOOTH" or (task == "CONVOL" and IS_FINAL.search(behind) is None)
    if pattern is not SMOOTHED:
        return False
    start = max(0, match.start() - REACH)
    tasks = list(SMOOTHERS.finditer(history, start, match.start()))
    if not tasks or tasks[-1][0].lower() not in ("imsmooth", "convolve2d"):
        return False
    return IS_TARGET.search(history, tasks[-1].end(), match.end() + REACH) is None


def _beam(match: re.Match[str], default: str, *, has_last_unit: bool) -> tuple[float, float, float | None] | None:
    major, first, minor, second, pa, third = match.groups()
    behind = re.sub("deg", "", third or "", flags=re.IGNORECASE) if has_last_unit else ""  # degrees are the angle's
    named = NAMED.search(f"{first or ''} {second or ''} {behind}")
    factor = UNITS.get(named[0].lower(), 1.0) if named else UNITS[default]
    longer = (number(major) or 0.0) * factor
    shorter = (number(minor) or 0.0) * factor if minor else longer
    return (longer, shorter, number(pa)) if longer > 0 and shorter > 0 else None
