"""What the axes of a FITS image are, by type: the sky pair wherever it stands, Stokes and frequency of a plane."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..quantities import frequency
from .numbers import number

# Celestial types with their projection: "RA---SIN", "GLAT-CAR-SIP", also misspelt as "ra--sin".
CELESTIAL = re.compile(r"^(RA|DEC|[A-Z]LON|[A-Z]LAT|[A-Z]{2}L[NT])(?:-*-([A-Z]{3})(-SIP)?)?$")
MAX_AXES = 9
MATRIX = re.compile(r"^(PC|CD)(?:(\d{3})(\d{3})|0*(\d{1,2})_0*(\d{1,2}))$")
SPECTRAL = ("FREQ", "SPECLNMF", "VELO", "VRAD", "VOPT", "FELO", "ZOPT", "BETA", "WAVE", "AWAV", "ENER", "WAVN")
A_GHZ = {"": 1e9, "HZ": 1e9, "HERTZ": 1e9, "KHZ": 1e6, "MHZ": 1e3, "GHZ": 1.0, "THZ": 1e-3}
# Reference frames that AIPS, Miriad and others write behind the type; any other suffix is no algorithm of the standard.
SUFFIXES = re.compile(r"^(?:|-(?:LSR|LSRK|LSRD|HEL|BAR|OBS|GEO|TOPO|CMB|GAL|LOG|TAB|[FWAV]2[FWAV]))$")
STOKES = {
    0: "beam",
    1: "I",
    2: "Q",
    3: "U",
    4: "V",
    5: "polarised intensity",
    6: "fractional polarisation",
    7: "polarisation angle",
    8: "alpha",
    9: "optical depth",
    10: "Faraday depth",
    -1: "RR",
    -2: "LL",
    -3: "RL",
    -4: "LR",
    -5: "XX",
    -6: "YY",
    -7: "XY",
    -8: "YX",
}
"""Codes of the STOKES axis: the standard's, and those above 4 as AIPS writes them."""


@dataclass(frozen=True)
class Plane:
    """What the axes beside the sky pair say of one plane."""

    stokes: str | None = None
    """A name of ``STOKES``."""
    frequency_ghz: float | None = None
    channel: int = 0
    """Place on the spectral axis, from 0."""
    polarisation: int = 0
    """Place on the Stokes axis, from 0."""
    channels: int = 1
    """Length of the spectral axis."""


def kind(cards: Mapping[str, Any], axis: int) -> str:
    """Type of an axis in capitals without its projection: RA, DEC, FREQ, STOKES; empty where none is given."""
    text = ctype(cards, axis)
    match = CELESTIAL.match(text)
    return match[1] if match else text


def ctype(cards: Mapping[str, Any], axis: int) -> str:
    """CTYPE of an axis in capitals."""
    return str(cards.get(f"CTYPE{axis}") or "").strip().upper()


def sky_pair(cards: Mapping[str, Any], naxis: int) -> tuple[int, int] | None:
    """FITS numbers (the faster one, the slower one) of longitude and latitude among the axes of an image."""
    found = {kind(cards, axis): axis for axis in range(min(naxis, MAX_AXES), 0, -1)}
    for longitude, latitude in (("RA", "DEC"), *((k, k[:-3] + "LAT") for k in found if k.endswith("LON"))):
        if longitude in found and latitude in found:
            first, second = sorted((found[longitude], found[latitude]))
            return first, second
    return None


def plane(cards: Mapping[str, Any], places: Mapping[int, int], lengths: Mapping[int, int], notes: list[str]) -> Plane:
    """Stokes, frequency and place of the plane at ``places`` (FITS axis → index) of axes that are ``lengths`` long.

    A spectral axis that cannot be used is said in a note. Axes that the image itself lacks count as one pixel long.
    """
    stokes: str | None = None
    frequency: float | None = None
    term = ""
    channel = polarisation = 0
    channels = 1
    for axis in range(1, MAX_AXES + 1):
        what = kind(cards, axis)
        if what == "STOKES":
            value = _value(cards, axis, places.get(axis, 0), lengths.get(axis, 1))
            stokes = STOKES.get(round(value)) if value is not None and abs(value - round(value)) < 1e-3 else None
            polarisation = places.get(axis, 0)
        elif what.startswith(SPECTRAL):
            channel, channels = places.get(axis, 0), lengths.get(axis, 1)
            frequency = _frequency(cards, axis, channel, channels, notes) or frequency
        if what.startswith("SPECLNMF") and (terms := number(cards.get("NTERM"))) is not None and channels > 1:
            # Obit fits a spectrum: flux density at the reference frequency, spectral index, ..., then the channels.
            term = what if 0 < channel < terms else term
            if channel >= terms:
                frequency = (number(cards.get(f"FREQ{int(channel - terms) + 1:04d}")) or 0.0) / 1e9 or None
    return Plane("alpha" if term else stokes, frequency, channel, polarisation, channels)


def _frequency(cards: Mapping[str, Any], axis: int, place: int, length: int, notes: list[str]) -> float | None:
    """Frequency in GHz at a place of a spectral axis, by its unit; None for a velocity."""
    what = ctype(cards, axis)
    unit = str(cards.get(f"CUNIT{axis}") or "").strip()
    is_frequency = what.startswith(("FREQ", "SPECLNMF"))
    start = 8 if what.startswith("SPECLNMF") else 4
    value = _value(cards, axis, place, length)
    is_known = unit.upper() in A_GHZ if is_frequency else unit.upper() != unit or not unit
    ghz = value / A_GHZ[unit.upper()] if is_frequency and is_known and value is not None and value > 0 else None
    if not is_known or (what[start:] and not SUFFIXES.match(what[start:])):
        named = f"{what} in {unit}" if unit else what
        taken = f"its value, {frequency(ghz)}, is taken as it stands" if ghz else "no frequency is taken from it"
        notes.append(f"The spectral axis ({named}) is unusable, its type or unit is not of the FITS standard: {taken}.")
    return ghz


def _value(cards: Mapping[str, Any], axis: int, place: int, length: int) -> float | None:
    """World coordinate at a place (from 0) of a linear axis; where it is one pixel long, CRPIX may be absent."""
    reference = number(cards.get(f"CRVAL{axis}"))
    pixel = number(cards.get(f"CRPIX{axis}"))
    if reference is None or (pixel is None and length <= 1):
        return reference
    step = number(cards.get(f"CD{axis}_{axis}"))
    if step is None:
        step = 1.0 if (given := number(cards.get(f"CDELT{axis}"))) is None else given
        step *= 1.0 if (turn := number(cards.get(f"PC{axis}_{axis}"))) is None else turn
    return number(reference + step * (place + 1 - (pixel or 0.0)))


def matrix(cards: Mapping[str, Any]) -> dict[tuple[str, int, int], float]:
    """Entries of the PC and CD matrices by (name, world axis, pixel axis), in whichever way they are written.

    PC1_2, PC01_02 and PC001002 are one keyword; without leading zeros it counts before the others.
    """
    entries: dict[tuple[str, int, int], float] = {}
    for key in sorted((key for key in cards if key.startswith(("PC", "CD"))), key=len, reverse=True):
        if (match := MATRIX.match(key)) and (value := number(cards[key])) is not None:
            entries[match[1], int(match[2] or match[4]), int(match[3] or match[5])] = value
    return entries


def is_padded(key: str) -> bool:
    """True for a matrix keyword with leading zeros: PC01_02, PC001002."""
    match = MATRIX.match(key)
    return match is not None and key != f"{match[1]}{int(match[2] or match[4])}_{int(match[3] or match[5])}"
