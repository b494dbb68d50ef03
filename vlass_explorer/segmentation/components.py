"""Connected pieces of a class, and what of them an astronomer joins or leaves out.

Pieces that touch at a corner are one. A piece below half a beam is noise at the edge of another and no component: its
pixels are part of the remainder. Deciding what is one source is not ours: components are joined and left out on
request, and keep their numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..cutouts import mosaics
from ..measure import beam_pixels
from ..measure.geometry import EIGHT
from ..schema import Cutout, InputError
from .segmenting import Segmentation

BACKGROUND = 0
NO_SOURCE = ("artefact",)
"""Classes that are part of no source: left out of all sums unless they are asked for."""
LEAST_BEAMS, LEAST_PIXELS = 0.5, 4
"""Area of the smallest component; in pixels where the beam is not known."""
AT_ONCE = 8
"""Components of a mosaic that are gone through before its memory is given back."""
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
    scores: NDArray[np.float32] | None = None
    """(ny, nx) score of the class that a pixel was given; 0 where there is none."""

    @cached_property
    def boxes(self) -> dict[int, tuple[slice, slice]]:
        """Number -> the part (y, x) of the image that holds the component; nobody looks through a mosaic for each."""
        found: dict[int, tuple[slice, slice]] = {}
        for strip in mosaics.strips((self.numbers.shape[0], self.numbers.shape[1])):
            for number, box in enumerate(ndimage.find_objects(self.numbers[strip]), start=1):
                if box is not None and number in self.labels:
                    rows, columns = slice(box[0].start + strip.start, box[0].stop + strip.start), box[1]
                    if number in found:
                        old = found[number]
                        rows = slice(old[0].start, rows.stop)
                        columns = slice(min(old[1].start, columns.start), max(old[1].stop, columns.stop))
                    found[number] = rows, columns
            mosaics.release(self.numbers)
        return found

    def in_turn(self, *others: NDArray[Any]) -> Iterator[int]:
        """The numbers in order; what a mosaic holds of numbers, scores and ``others`` is given back now and then."""
        for count, number in enumerate(sorted(self.boxes), start=1):
            yield number
            if count % AT_ONCE == 0 or count == len(self.boxes):
                mosaics.release(self.numbers, *others, *(() if self.scores is None else (self.scores,)))

    def mask(self, number: int) -> NDArray[np.bool_]:
        """Pixels of a component within its box."""
        mask: NDArray[np.bool_] = self.numbers[self.boxes[number]] == number
        return mask


def find(cutout: Cutout, found: Segmentation, *, least_beams: float = LEAST_BEAMS) -> Pieces:
    """All components of a segmentation of a cutout, numbered from the brightest pixel down."""
    beam = beam_pixels(cutout)
    least = LEAST_PIXELS if beam is None else max(1.0, least_beams * beam)
    classes = [label for label in range(len(found.label_names)) if label != BACKGROUND]
    each = {label: _Islands.of(cutout, found, label) for label in classes}
    large = [
        (float(islands.peaks[place]), label, int(place))
        for label, islands in each.items()
        for place in np.flatnonzero(islands.pixels >= least)
    ]
    dropped = sum(len(islands.pixels) for islands in each.values()) - len(large[:MOST])
    large.sort(key=lambda one: -one[0])
    labels: dict[int, str] = {}
    for number, (_, label, place) in enumerate(large[:MOST], start=1):
        each[label].numbers[place] = number
        labels[number] = found.label_names[label]
    numbers = mosaics.zeros(cutout.shape, np.int32)
    for place, rows in enumerate(mosaics.strips(cutout.shape)):
        for islands in each.values():
            numbers[rows] += islands.numbered(found, place, rows)
        mosaics.release(numbers, found.labels)
    left_out = frozenset(number for number, label in labels.items() if label in NO_SOURCE)
    return Pieces(numbers, labels, left_out, dropped, found.scores)


@dataclass(frozen=True, eq=False)
class _Islands:
    """Connected pieces of one class, found strip by strip and joined where they touch across two."""

    label: int
    pixels: NDArray[np.int64]
    """Of each piece (N)."""
    peaks: NDArray[np.float32]
    numbers: NDArray[np.int32]
    """Number of each piece as a component (N), 0 for none; filled in by ``find``."""
    pieces: tuple[NDArray[np.int64], ...]
    """Of each strip, the piece that each of its islands is part of; the first entry is for no island."""

    @classmethod
    def of(cls, cutout: Cutout, found: Segmentation, label: int) -> _Islands:
        """The pieces of a class."""
        counts: list[int] = []
        pixels, peaks = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        touching = [np.zeros((2, 0), np.int64)]
        above: NDArray[np.int64] | None = None
        for rows in mosaics.strips(cutout.shape):
            islands, count = ndimage.label(found.labels[rows] == label, structure=EIGHT)
            first = sum(counts)
            if above is not None:
                touching.append(_pairs(above, np.where(islands[0] > 0, islands[0] + first, 0)))
            above = np.where(islands[-1] > 0, islands[-1] + first, 0).astype(np.int64)
            counts.append(int(count))
            if count:
                pixels.append(np.bincount(islands.ravel(), minlength=count + 1)[1:])
                peaks.append(np.asarray(ndimage.maximum(cutout.pixels[rows], islands, np.arange(1, count + 1))))
            mosaics.release(cutout.pixels, found.labels)
        a, b = np.concatenate(touching, axis=1) - 1
        size = sum(counts)
        joined = coo_array((np.ones(len(a)), (a, b)), shape=(size, size))
        kinds, piece = connected_components(joined, directed=False) if size else (0, np.zeros(0, np.int64))
        highest = np.full(kinds, -np.inf, np.float32)
        np.maximum.at(highest, piece, np.concatenate(peaks))
        area = np.bincount(piece, np.concatenate(pixels), minlength=kinds).astype(np.int64)
        ends = np.cumsum([0, *counts])
        whole = tuple(np.concatenate([[0], piece[a:b]]) for a, b in zip(ends, ends[1:], strict=False))
        return cls(label, area, highest, np.zeros(kinds, np.int32), whole)

    def numbered(self, found: Segmentation, place: int, rows: slice) -> NDArray[np.int32]:
        """Numbers of the components in the rows of a strip, 0 elsewhere."""
        islands, _ = ndimage.label(found.labels[rows] == self.label, structure=EIGHT)
        own = np.zeros(len(self.pieces[place]), np.int32)
        own[1:] = self.numbers[self.pieces[place][1:]]
        numbers: NDArray[np.int32] = own[islands]
        return numbers


def _pairs(above: NDArray[np.int64], below: NDArray[np.int64]) -> NDArray[np.int64]:
    """Islands (2, n) of a row and of the next one that touch, also at a corner."""
    wide = np.pad(above, 1)
    found = np.concatenate([np.stack([wide[shift : shift + len(below)], below]) for shift in range(3)], axis=1)
    return found[:, (found > 0).all(0)]


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
    if not named:
        return replace(pieces, left_out=frozenset(out))
    numbers, labels = pieces.numbers.copy(), dict(pieces.labels)
    for group in joined:
        first, *others = sorted(group)
        for number in others:
            numbers[pieces.boxes[number]][pieces.mask(number)] = first
        classes = [labels.pop(number) for number in others]
        labels[first] = " + ".join(dict.fromkeys([labels[first], *classes]))
        is_out = {first, *others} <= out
        out = (out - {first, *others}) | ({first} if is_out else set())
    return replace(pieces, numbers=numbers, labels=labels, left_out=frozenset(out))
