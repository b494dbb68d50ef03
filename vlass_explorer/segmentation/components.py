"""Connected pieces of a class, and what of them an astronomer joins or leaves out.

Pieces that touch at a corner are one. A piece below half a beam is noise at the edge of another and no component: its
pixels are part of the remainder. Deciding what is one source is not ours: components are joined and left out on
request, and keep their numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..measure import beam_pixels
from ..measure.geometry import EIGHT
from ..schema import Cutout, InputError
from .segmenting import Segmentation

BACKGROUND = 0
NO_SOURCE = ("artefact",)
"""Classes that are part of no source: left out of all sums unless they are asked for."""
LEAST_BEAMS, LEAST_PIXELS = 0.5, 4
"""Area of the smallest component; in pixels where the beam is not known."""
MOST = 2000
"""Components of one image: the brightest of them, for nobody goes through more."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Components as pixels."""

    numbers: NDArray[np.int32]
    """(ny, nx) number of the component, from 1; 0 for none."""
    labels: dict[int, str]
    """Number -> class, the brightest component first; of joined ones all classes."""
    left_out: frozenset[int] = frozenset()
    """Components that are part of no sum."""
    dropped: int = 0
    """Pieces that were too small."""


def find(cutout: Cutout, found: Segmentation, *, least_beams: float = LEAST_BEAMS) -> Pieces:
    """All components of a segmentation of a cutout, numbered from the brightest pixel down."""
    beam = beam_pixels(cutout)
    least = LEAST_PIXELS if beam is None else max(1.0, least_beams * beam)
    boxes: list[tuple[float, int, tuple[slice, slice], NDArray[np.bool_]]] = []
    dropped = 0
    for label in range(len(found.label_names)):
        if label == BACKGROUND:
            continue
        islands, _ = ndimage.label(found.labels == label, structure=EIGHT)
        for number, box in enumerate(ndimage.find_objects(islands), start=1):
            mask = islands[box] == number
            if mask.sum() < least:
                dropped += 1
                continue
            boxes.append((float(cutout.pixels[box][mask].max()), label, box, mask))
    boxes.sort(key=lambda each: -each[0])
    numbers = np.zeros(cutout.shape, np.int32)
    labels: dict[int, str] = {}
    for number, (_, label, box, mask) in enumerate(boxes[:MOST], start=1):
        numbers[box][mask] = number
        labels[number] = found.label_names[label]
    left_out = frozenset(number for number, label in labels.items() if label in NO_SOURCE)
    return Pieces(numbers, labels, left_out, dropped + len(boxes[MOST:]))


def decided(
    pieces: Pieces, *, joined: Sequence[Collection[int]] = (), left_out: Collection[int] | None = None
) -> Pieces:
    """The same with components joined, each group under its smallest number, and others left out of all sums.

    ``left_out`` stands in place of what ``find`` leaves out; None keeps that. A group is left out where all of its
    members are. Raises InputError for a number that is no component, and for one that is in two groups.
    """
    named = [number for group in joined for number in group]
    if wrong := sorted({*named, *(left_out or ())} - pieces.labels.keys()):
        raise InputError(f"There is no component {wrong[0]}; they are 1 to {len(pieces.labels)}.")
    if len(named) != len(set(named)):
        raise InputError("A component is joined with one group only.")
    out = set(pieces.left_out if left_out is None else left_out)
    numbers, labels = pieces.numbers.copy(), dict(pieces.labels)
    for group in joined:
        first, *others = sorted(group)
        numbers[np.isin(numbers, others)] = first
        classes = [labels.pop(number) for number in others]
        labels[first] = " + ".join(dict.fromkeys([labels[first], *classes]))
        is_out = {first, *others} <= out
        out = (out - {first, *others}) | ({first} if is_out else set())
    return Pieces(numbers, labels, frozenset(out), pieces.dropped)
