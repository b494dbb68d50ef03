"""The brightness unit of an image: every spelling of Jy/beam that files hold becomes Jy/beam, mJy/beam or uJy/beam."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from math import isclose
from typing import Any

import astropy.units as u

from ..foreign import mapped
from ..measure import TO_JY_BEAM
from ..schema import CutoutError

INTEGRATED, VELOCITIES = "integrated intensity", "velocity map"
NAMED = {factor: unit for unit, factor in TO_JY_BEAM.items()}
PREFIXES = {
    "": 1.0,
    "m": 1e-3,
    "milli": 1e-3,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "micro": 1e-6,
    "n": 1e-9,
    "nano": 1e-9,
    "p": 1e-12,
    "pico": 1e-12,
    "k": 1e3,
    "kilo": 1e3,
    "mega": 1e6,
}
# Powers of ten as the FITS standard (4.3) and people write them: 10**-3, 10^-3, 10-3, 1e-3, 0.001.
POWER = re.compile(
    r"^[(x×]?\s*10\s*(?:\*\*|\^)?\s*\(?\s*([+-]\d{1,2}|(?<=[*^(])\d{1,2})\s*\)*\s*[*x×.]?\s*(?=\D)"
    r"|^[(x×]?\s*((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?)\)?\s*[*x×]?\s*(?=\D)"
)
FLUX = r"(?P<prefix>milli|micro|nano|pico|kilo|mega|[munpkµμ])?[\s-]*(?:janskys?|jy)"
BEAM = r"\(?\s*(?:clean\s*|dirty\s*|restoring\s*|synth(?:esi[sz]ed)?\s*)?(?:beams?|bm|b)(?:\s*area)?\s*\)?"
INVERSE = rf"{BEAM}\s*(?:\*\*|\^)?\s*\(?\s*-\s*1(?:\.0*)?\s*\)?"
BETWEEN = r"[\s.*·]*"
PER_BEAM = re.compile(
    rf"^\(?{FLUX}\)?\s*(?:(?:/|-?per)[\s-]*{BEAM}|{BETWEEN}{INVERSE}|[\s.*]*beam)$"
    rf"|^{INVERSE}{BETWEEN}{FLUX.replace('prefix', 'last')}$",
    re.IGNORECASE,
)
# What a moment 0 is integrated over; astropy reads CASA's Jy/beam.km/s as Jy / (beam km s).
VELOCITY = re.compile(
    r"(?<![a-z/])k?m\s*(?:/\s*s(?:ec)?(?![a-z])|[\s.*·]*s(?:ec)?\s*(?:\*\*|\^)?\s*\(?\s*-\s*1\)?)", re.IGNORECASE
)
WIDTH = re.compile(r"(?<![a-z/])[kmg]?hz(?!\s*[-^*(\d])", re.IGNORECASE)
AMOUNT = re.compile(rf"^(?:[munkµμ]?K|{FLUX.replace('prefix', 'any')})$", re.IGNORECASE)


def read(header: Mapping[str, Any], notes: list[str]) -> tuple[str | None, float]:
    """Unit of BUNIT, and the factor by which the pixels have to be multiplied to be in it; None: it does not say.

    A brightness a beam is Jy/beam, mJy/beam or uJy/beam; one in other powers of ten has a factor.  Any other unit
    stays as it is written, with a note on one of an integrated intensity.
    """
    text = str(header.get("BUNIT") or "").strip()[:40]
    if not text:
        notes.append("The file names no brightness unit (BUNIT).")
        return None, 1.0
    if moment(text) == INTEGRATED:
        notes.append(f"The unit {text} is that of an integrated intensity (moment 0): it gives no flux density in Jy.")
        return text, 1.0
    scale = jansky_a_beam(text)
    if scale is None or not 1e-30 < scale < 1e30:
        return text, 1.0
    for known, name in NAMED.items():
        if isclose(scale, known, rel_tol=1e-9):
            return name, 1.0
    known, name = (1.0, "Jy/beam") if scale > 1e-6 else (1e-6, "uJy/beam")
    notes.append(f"The brightness is stored in {text}: it was converted to {name}.")
    return name, scale / known


def moment(text: str) -> str | None:
    """The product that a unit with a velocity or a frequency in it tells: integrated intensity or a velocity map."""
    plain = _plain(text)
    for spectral in (VELOCITY, WIDTH):
        if spectral.search(plain):
            amount = spectral.sub(" ", plain, count=1).strip(" .*·()")
            if not amount and spectral is VELOCITY:
                return VELOCITIES
            return INTEGRATED if AMOUNT.match(amount) or jansky_a_beam(amount) is not None else None
    return None


def _plain(text: str) -> str:
    """Without LaTeX, quotes and brackets, and with plain digits and signs for superscripts."""
    text = unicodedata.normalize("NFKC", text).replace("−", "-").replace("_", " ")
    return re.sub(r"\\(?:mathrm|rm|,|;)?|[${}\[\]~]", " ", text).strip(" .,;\"'")


def jansky_a_beam(text: str) -> float | None:
    """How many Jy/beam a unit string is; None where it is no flux density a beam."""
    plain = _plain(text)
    power = POWER.match(plain)
    factor = 1.0
    if power is not None:
        factor = 10.0 ** int(power[1]) if power[1] else float(power[2])
        plain = plain[power.end() :].strip()
    match = PER_BEAM.match(plain)
    if match is not None:
        prefix = match["prefix"] or match["last"] or ""
        # In capitals, as AIPS writes, M is milli; MJy is mega only where the case was kept.
        if prefix == "M" and plain.upper() != plain:
            return factor * 1e6
        return factor * PREFIXES[prefix.lower()]
    return _by_astropy(plain, factor)


def _by_astropy(plain: str, factor: float) -> float | None:
    """Any other unit that is a flux density a beam: W m-2 Hz-1 beam-1."""
    if re.search(r"\d{3}", plain):
        return None  # no unit has such a power, and forged ones cost time
    first, *below = plain.split("/")
    try:
        with mapped(_no_unit):
            unit = u.Unit(f"{first}/({' '.join(below)})" if len(below) > 1 else plain)
            return factor * float(unit.to(u.Jy / u.beam)) if unit.is_equivalent(u.Jy / u.beam) else None
    except CutoutError:
        return None


def _no_unit(error: Exception) -> CutoutError:
    return CutoutError("The unit is none that is known.")
