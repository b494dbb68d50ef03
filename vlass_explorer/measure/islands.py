"""Islands of emission: pixels above one level that hang together and somewhere reach a higher one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .geometry import EIGHT, box_around, places

MARGIN = 16  # pixels around the brightest ones within which their islands are looked for first

Integers = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Islands:
    """The pixels (n) of some islands of an image in the order of its rows, and the number of the island of each."""

    ys: Integers
    xs: Integers
    numbers: Integers

    def mask(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Their pixels in an image (ny, nx)."""
        found = np.zeros(shape, bool)
        found[self.ys, self.xs] = True
        return found

    def reaching(self, image: NDArray[np.floating], level: float) -> Islands:
        """Those whose brightest pixel reaches a level."""
        return self._of(self.numbers[image[self.ys, self.xs] >= level])

    def _of(self, numbers: Integers) -> Islands:
        wanted = np.zeros(int(self.numbers.max(initial=0)) + 1, bool)
        wanted[numbers] = True
        wanted[0] = False
        kept = wanted[self.numbers]
        return Islands(self.ys[kept], self.xs[kept], self.numbers[kept])


def bright_islands(image: NDArray[np.floating], low: float, high: float) -> Islands:
    """Islands of an image (ny, nx) above ``low`` that reach ``high``; pixels that touch at a corner are one island.

    NaN is in none.
    """
    bright = image >= high
    if not bright.any():
        none = np.zeros(0, np.intp)
        return Islands(none, none, none)
    rows, columns = box_around(bright, MARGIN)
    found = _labelled(image[rows, columns], low, bright[rows, columns])
    ys, xs = found.ys + rows.start, found.xs + columns.start
    for at, part, side in zip((ys, xs), (rows, columns), image.shape, strict=True):
        # An island that meets the edge of the part may go on beyond it.
        if (part.start > 0 and (at == part.start).any()) or (part.stop < side and (at == part.stop - 1).any()):
            return _labelled(image, low, bright)
    return Islands(ys, xs, found.numbers)


def _labelled(image: NDArray[np.floating], low: float, bright: NDArray[np.bool_]) -> Islands:
    labels, _ = ndimage.label(image > low, structure=EIGHT)
    ys, xs = places(labels)
    return Islands(ys, xs, labels[ys, xs])._of(labels[bright])
