"""What a user says of a picture or array that its file does not: stretch, clip, beam, survey.

A stretch is written NAME or NAME:STRENGTH, for brightness x from 0 to 1 and value v from 0 to 1:

| declared | the picture shows |
|---|---|
| linear | v = x |
| sqrt | v = √x |
| asinh:A | v = asinh(A x) / asinh(A) |
| log:R | v = log(1 + (R − 1) x) / log(R), which is DS9's and astropy's for R − 1 |

A clip LOW,HIGH in mJy/beam says what brightness x = 0 and x = 1 were: the picture then has a unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..schema import Beam, Cutout, CutoutError
from .beams import FINEST, WIDEST
from .origin import NOMINAL_GHZ, SURVEYS
from .products import TOTAL

Array = NDArray[np.float64]
FULL_SCALES = (1.0, 255.0, 65535.0)  # of floats, 8 and 16 bits
STRONGEST = 1e6
USUAL = ("linear", "sqrt", "asinh:10", "log:100")
"""Stretches that pictures are most often made with; the first leaves the values as they are."""
CLIPPED = "mJy/beam"
"""Unit of a declared clip."""

INVERSES: dict[str, Callable[[Array, float], Array]] = {
    "asinh": lambda v, a: np.sinh(v * np.arcsinh(a)) / a,
    "log": lambda v, r: np.expm1(v * np.log(r)) / (r - 1.0),
}


def stretch(text: str) -> tuple[str, float | None]:
    """Name and strength of a declared stretch; raises CutoutError for what is none."""
    name, _, strength = text.strip().lower().partition(":")
    if name in ("linear", "sqrt") and not strength:
        return name, None
    try:
        value = float(strength)
    except ValueError:
        value = np.nan
    if name in INVERSES and (1.0 if name == "log" else 0.0) < value <= STRONGEST:
        return name, value
    raise CutoutError(f"{text!r} is no stretch: give linear, sqrt, asinh:A or log:R, as log:100.")


def linear(pixels: NDArray[np.float32], text: str, clip: tuple[float, float] | None = None) -> NDArray[np.float32]:
    """Brightness (ny, nx) of a picture's values, 1 at its full scale (1, 255 or 65535); zeros and NaN stay.

    Of a declared ``clip`` in mJy/beam where there is one. A linear picture without stays as it is. Raises CutoutError
    for an unknown stretch and for values beyond 65535.
    """
    name, strength = stretch(text)
    if name == "linear" and clip is None:
        return pixels
    top = float(np.nanmax(np.abs(pixels)))
    full = next((scale for scale in FULL_SCALES if top <= scale), None)
    if full is None:
        raise CutoutError(f"Values up to {top:.3g} are none of a stretched picture: declare it as linear.")
    values = pixels.astype(np.float64) / full
    if name == "sqrt":
        values = np.square(values) * np.sign(values)
    elif strength is not None:
        values = INVERSES[name](values, strength)
    if clip is not None:
        values = clip[0] + (clip[1] - clip[0]) * values
    return values.astype(np.float32)


def limits(values: tuple[float, ...]) -> tuple[float, float]:
    """Brightness in mJy/beam of black and white; raises CutoutError where these are none."""
    if len(values) != 2 or not np.isfinite(values).all() or not values[0] < values[1]:
        raise CutoutError(
            "A clip is LOW,HIGH in mJy/beam: the brightness of black and of white, the smaller one first."
        )
    return values[0], values[1]


def beam(axes: tuple[float, ...]) -> Beam:
    """Beam of one width, or of two and a position angle; raises CutoutError where there is none such."""
    major, minor, pa = (*axes, axes[0], 0.0)[:3] if len(axes) == 1 else (*axes, 0.0)[:3]
    if len(axes) > 3 or not (FINEST < minor <= major < WIDEST and np.isfinite(pa)):
        raise CutoutError("A beam is MAJOR or MAJOR,MINOR,PA in arcsec and degrees, the major axis first.")
    return Beam(major, minor, pa, source="declared")


def apply(
    cutout: Cutout,
    stretch: str | None,
    beam: Beam | None,
    survey: str | None,
    clip: tuple[float, float] | None = None,
) -> Cutout:
    """A picture or array with what was declared of it and of ``declared_scale``, noted first of all."""
    origin = cutout.origin
    if survey:
        named = SURVEYS.get(survey.strip().lower(), survey.strip())
        origin = replace(origin, survey=named, product=TOTAL, frequency_ghz=NOMINAL_GHZ.get(named))
    words = [
        f"stretch {stretch}" if stretch else "",
        f"clip at {clip[0]:g} and {clip[1]:g} {CLIPPED}" if clip else "",
        f"beam {beam}" if beam else "",
        survey and f"survey {origin.survey}",
    ]
    if cutout.declared_scale:
        words.append(f"pixels of {cutout.declared_scale:.4g}″")
    note = f"Declared, not read from the file: {', '.join(filter(None, words))}."
    notes = (note, *cutout.notes)
    return replace(
        cutout,
        unit=CLIPPED if clip else cutout.unit,
        origin=origin,
        beam=beam,
        stretch=stretch,
        notes=notes[:5],
        more_notes=(*notes[5:], *cutout.more_notes),
    )
