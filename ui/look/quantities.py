"""Measured quantities in words: a unit that fits their size, and no more digits than their error supports."""

from __future__ import annotations

import math

JANSKY = ((1.0, "Jy"), (1e-3, "mJy"), (1e-6, "µJy"))


def flux(value: float, error: float | None = None) -> str:
    """``flux(0.3662, 0.0062)`` is ``366 ± 6 mJy``; a flux density in Jy with its error in Jy."""
    size = max(abs(value), error or 0.0)
    factor, unit = next((pair for pair in JANSKY if size >= pair[0]), JANSKY[-1])
    return f"{rounded(value / factor, None if error is None else error / factor)} {unit}"


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
