"""A picture that does not say how it was stretched: the usual stretches are tried, and whether the label depends on it.

Nothing is guessed: the answer stays the one of the picture as it is, and a reason of its validity says what the label
would be after undoing each of ``cutouts.declared.USUAL``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from . import measure
from .cutouts import declared
from .schema import Cutout, CutoutError


def tried(cutout: Cutout) -> dict[str, Cutout]:
    """The picture with each usual stretch but linear undone, its noise measured again, by name.

    None for FITS and arrays, for pictures whose stretch was declared, and for those in colour, which cannot be undone.
    """
    if cutout.kind != "image" or cutout.stretch is not None or cutout.colour is not None:
        return {}
    if not np.nanmax(cutout.pixels, initial=0.0) > 0.0:
        return {}
    found = {}
    for name in declared.USUAL[1:]:
        try:
            pixels = declared.linear(cutout.pixels, name)
        except CutoutError:
            return {}  # values of no picture, as a TIFF of 32 bits has them
        found[name] = replace(cutout, pixels=pixels, noise=measure.noise(pixels), sha256="")
    return found


def reason(labels: Mapping[str, str]) -> str:
    """What the labels by stretch, linear first, say of a picture: whether its label depends on the stretch."""
    by_label: dict[str, list[str]] = {}
    for stretch, label in labels.items():
        by_label.setdefault(label, []).append(stretch)
    if len(by_label) == 1:
        return f"The label is {next(iter(by_label))} under {_joined(list(labels))} alike."
    parts = [f"{label} under {_joined(stretches)}" for label, stretches in by_label.items()]
    return f"The label depends on the stretch, {', '.join(parts)}: declare the stretch."


def is_reason(text: str) -> bool:
    """Is this what ``reason`` says? It follows from a picture's unknown stretch alone."""
    return text.startswith(("The label is ", "The label depends on the stretch, "))


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
