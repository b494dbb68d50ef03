"""Where an image comes from, read from its file name and its header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..quantities import frequency
from ..schema import Origin
from . import doubts, products
from .axes import Plane
from .numbers import number

# CIRADA writes VLASS__3.1.ql…, NRAO VLASS3.1.ql…; headers carry the same name in pieces (FILNAM01…) and in HISTORY.
VLASS_NAME = re.compile(
    r"VLASS_*(?P<epoch>\d\.\d)(?:v\d)?\.(?P<kind>ql|se|cc)\.(?P<tile>T\d{2}t\d{2})\.J[\d.+-]+\.\d\d\.\d+\.(?P<version>v\d+)",
    re.IGNORECASE,
)
NOMINAL_GHZ = {"VLASS": 3.0, "FIRST": 1.4, "NVSS": 1.4, "LoTSS": 0.144, "TGSS": 0.15, "SUMSS": 0.843}
SURVEYS = {
    "vlass": "VLASS",
    "first": "FIRST",
    "vla first": "FIRST",
    "nvss": "NVSS",
    "lotss": "LoTSS",
    "tgss": "TGSS",
    "tgssadr": "TGSS",
    "sumss": "SUMSS",
    "racs": "RACS",
    "wise": "WISE",
    "allwise": "WISE",
    "unwise": "WISE",
    "2mass": "2MASS",
    "sdss": "SDSS",
    "dss": "DSS",
}
INFRARED = re.compile(r"\b(WISE|2MASS|Spitzer|UKIRT|VISTA|JWST)\b", re.IGNORECASE)
OPTICAL = re.compile(
    r"\b(SDSS|DSS|UK 48-inch|Schmidt|PS1|Pan-?STARRS|HST|WFPC2|P48|DECam|CFHT|MegaCam)\b", re.IGNORECASE
)
FREQUENCY_KEYS = ("RESTFRQ", "RESTFREQ", "OBSFREQ", "REFFREQ", "CENTFREQ", "FREQ")


def origin(
    name: str,
    header: Mapping[str, Any],
    unit: str | None,
    plane: Plane | None = None,
    notes: list[str] | None = None,
    *,
    shown: tuple[str, str] = ("", ""),
) -> Origin:
    """Origin from a base name and FITS cards, with a note on an impossible frequency.

    ``plane`` tells Stokes and frequency of the plane shown, ``shown`` the types of the axes x and y.
    """
    plane = plane or Plane()
    history = re.sub(r"\n[ \t]*>", "", f"{header.get('HISTORY', '')}\n{header.get('COMMENT', '')}")
    vlass = VLASS_NAME.search(name) or VLASS_NAME.search(products.in_pieces(header)) or VLASS_NAME.search(history)
    survey = "VLASS" if vlass else _survey(name, header, history)
    return Origin(
        survey=survey,
        product=products.product(name, header, unit, plane.stokes, shown) or _intensity(header, unit, survey),
        frequency_ghz=_frequency(header, plane, survey, notes if notes is not None else []),
        vlass_epoch=vlass["epoch"] if vlass else None,
        tile=vlass["tile"] if vlass else _text(header, "FIELDNAM"),
        version=vlass["version"] if vlass else None,
        date=_date(_text(header, "DATE-OBS") or _text(header, "DATEOBS1")),
        quick_look=vlass is not None and vlass["kind"].lower() == "ql",
        simulated=_simulated(name, header),
    )


def _frequency(header: Mapping[str, Any], plane: Plane, survey: str | None, notes: list[str]) -> float | None:
    """Frequency in GHz of the plane, else of the header's keywords (Hz), else the survey's nominal one."""
    told = [plane.frequency_ghz, *((number(header.get(key)) or 0.0) / 1e9 for key in FREQUENCY_KEYS)]
    for ghz in filter(None, told):
        if doubts.is_observed(ghz):
            return ghz
        if ghz > 0 and not any(note.startswith("A frequency of") for note in notes):
            notes.append(f"A frequency of {frequency(ghz)} is none that radio telescopes observe: left out.")
    return NOMINAL_GHZ.get(survey or "")


def by_name(name: str) -> Origin:
    """Origin of a picture or array, which has no header: a product only where the name also tells a survey."""
    told = origin(name, {}, None)
    return told if told.survey else replace(told, product="unknown")


def _text(header: Mapping[str, Any], key: str) -> str | None:
    return str(header.get(key, "")).strip() or None


def _survey(name: str, header: Mapping[str, Any], history: str) -> str | None:
    for key in ("SURVEY", "DATASET", "PROPCODE"):
        if known := SURVEYS.get((_text(header, key) or "").lower()):
            return known
    if re.search(r"The (FIRST VLA|VLA FIRST) Survey", history):
        return "FIRST"
    if re.search(r"^survey\s*=\s*NVSS|NVSS GRP", f"{history}\n{_text(header, 'OBSERVER')}", re.MULTILINE):
        return "NVSS"
    if "Molonglo Sky Survey" in history:
        return "SUMSS"
    who = " ".join(_text(header, key) or "" for key in ("TELESCOP", "OBSERVER", "INSTRUME"))
    if re.search(r"LoTSS", who, re.IGNORECASE):
        return "LoTSS"
    if re.search(r"\bWISE\b", who):
        return "WISE"
    if re.search(r"Vlass Scientist", who, re.IGNORECASE):
        return "VLASS"
    # FIRST and WISE are words, too: in a file name they count in capitals only.
    token = re.search(r"(?<![A-Za-z])(FIRST|WISE)(?![A-Za-z])|^(FIRST)(?=J\d{6})", name) or re.search(
        r"(?<![a-z])(vlass|nvss|lotss|tgssadr|tgss|sumss|racs|allwise|unwise|2mass|sdss|dss)(?![a-z])", name.lower()
    )
    return SURVEYS[(token[1] or token[2]).lower()] if token else None


def _intensity(header: Mapping[str, Any], unit: str | None, survey: str | None) -> str:
    """What an image is that no header or name calls anything but an intensity: radio, infrared, optical or unknown."""
    who = " ".join(_text(header, key) or "" for key in ("TELESCOP", "INSTRUME", "SURVEY", "DATASET", "ORIGIN"))
    if survey in ("WISE", "2MASS") or INFRARED.search(who):
        return "infrared"
    if survey in ("SDSS", "DSS") or OPTICAL.search(who):
        return "optical"
    if (unit or "").endswith("Jy/beam") or (unit is None and header and survey in NOMINAL_GHZ):
        return products.TOTAL
    return "unknown"


def _simulated(name: str, header: Mapping[str, Any]) -> bool:
    if any(header.get(key) is True for key in ("SIMULATE", "SIMULATD", "SIMUL")):
        return True
    who = [_text(header, key) or "" for key in ("ORIGIN", "TELESCOP", "OBSERVER", "CREATOR", "SURVEY", "OBJECT")]
    return "simulat" in " ".join([name, *who]).lower()


def has_old_date(header: Mapping[str, Any]) -> bool:
    """True where the date of observation is written in a form that the FITS standard has given up."""
    text = _text(header, "DATE-OBS") or _text(header, "DATEOBS1")
    return _date(text) is not None and not re.match(r"\d{4}-", text or "")


def _date(text: str | None) -> str | None:
    """ISO date of the forms found in headers: 2023-03-26T…, 19970301, 200002, 11/03/76; other text is left out."""
    if text is None:
        return None
    if match := re.match(r"(\d{4})-(\d\d)-(\d\d)", text):
        return match[0]
    if match := re.fullmatch(r"(\d{4})(\d\d)(\d\d)?", text):
        return "-".join(part for part in match.groups() if part)
    if match := re.fullmatch(r"(\d\d)/(\d\d)/(\d\d)", text):  # day/month/year of the first FITS standard
        return f"19{match[3]}-{match[2]}-{match[1]}"
    return None
