"""Measured quantities in words: a unit that fits their size, and no more digits than their error supports."""

from __future__ import annotations

import math

Units = tuple[tuple[float, str], ...]
JANSKY: Units = ((1.0, "Jy"), (1e-3, "mJy"), (1e-6, "µJy"), (1e-9, "nJy"))
HERTZ: Units = ((1.0, "GHz"), (1e-3, "MHz"), (1e-6, "kHz"), (1e-9, "Hz"))  # in GHz
ANGLE: Units = ((3600.0, "°"), (600.0, "′"), (0.1, "″"), (1e-4, "mas"), (1e-6, "µas"))  # where each begins, in arcsec
IN_ARCSEC = {"°": 3600.0, "′": 60.0, "″": 1.0, "mas": 1e-3, "µas": 1e-6}
IN_JANSKY = {"Jy/beam": 1.0, "mJy/beam": 1e-3, "uJy/beam": 1e-6}


def flux(value: float, error: float | None = None) -> str:
    """``flux(0.3662, 0.0062)`` is ``366 ± 6 mJy``; a flux density in Jy with its error in Jy."""
    factor, unit = _fitting(max(abs(value), error or 0.0), JANSKY)
    return f"{rounded(value / factor, None if error is None else error / factor)} {unit}"


def brightness(value: float, unit: str | None, error: float | None = None) -> str:
    """A pixel in the cutout's unit with its error: Jy/beam, mJy/beam or µJy/beam by size, any other unit as it is."""
    if unit in IN_JANSKY:
        factor = IN_JANSKY[unit]
        return f"{flux(value * factor, None if error is None else error * factor)}/beam"
    name = {None: "(unit not stated)", "count": "counts"}.get(unit, str(unit))
    return f"{rounded(value, error)} {name}"


def frequency(ghz: float) -> str:
    """``frequency(0.144)`` is ``144 MHz``; three digits."""
    factor, unit = _fitting(abs(ghz), HERTZ)
    return f"{_short(ghz / factor)} {unit}"


def angle(arcsec: float) -> str:
    """``angle(0.0021)`` is ``2.1 mas``: an angle in arcsec, three digits, in °, ′ (from 10), ″, mas or µas by size."""
    _, unit = _fitting(abs(arcsec), ANGLE)
    return f"{_short(arcsec / IN_ARCSEC[unit])}{' ' if unit.endswith('as') else ''}{unit}"


def rounded(value: float, error: float | None = None) -> str:
    """A number with its error, both at the error's second digit where that begins with 1 or 2, else at its first.

    Without an error three digits, never as a power of ten; digits above the decimal point all stand.
    """
    if error is None or not error > 0.0 or not math.isfinite(error):
        places = 2 - math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0
        return f"{value:.{max(places, 0)}f}"
    exponent = math.floor(math.log10(error))
    first = error / 10.0**exponent
    places = max((1 if first < 2.95 else 0) - exponent, 0)
    return f"{value:.{places}f} ± {error:.{places}f}"


def _fitting(size: float, units: Units) -> tuple[float, str]:
    """The first unit that is no larger, a size that rounds up to it counting; else the last."""
    return next((pair for pair in units if size * 1.0005 >= pair[0]), units[-1])


def _short(value: float) -> str:
    """Three digits without zeros at their end, never as a power of ten."""
    text = rounded(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
