"""Images of one source on one grid for the eye: square pixels about a position, north up, each at its own beam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import match
from ..cutouts import square_grid
from ..schema import Cutout, PairError
from .checks import Position
from .groups import Shown

MOST = 400  # pixels a side; finer ones are not seen on a page
SMALLEST, LARGEST = 10.0, 7200.0  # arcsec


def aligned(shown: Sequence[Shown], position: Position, side: float) -> list[Cutout]:
    """Each image within a square of ``side`` arcsec on the same grid (SIN), its pixels as fine as the finest one's.

    Brightness stays per the image's own beam, blank where it has no data or does not reach. PairError for a side that
    is none, MatchError where an image's coordinates cannot be followed.
    """
    if not SMALLEST <= side <= LARGEST:
        raise PairError(f"A side of {side:g}″ is none: give {SMALLEST:g}″ to {LARGEST / 60:g}′.")
    scales = [min(one.cutout.pixel_scale) for one in shown if one.cutout.pixel_scale is not None]
    pixel = max(min(scales, default=1.0), side / MOST)
    count = max(8, round(side / pixel))
    wcs = square_grid(position, side / count, count)
    return [match.onto(one.cutout, wcs, (count, count)) for one in shown]


def levels(rms: float, peak: float, count: int = 5) -> list[float]:
    """So many contour levels from 3 rms to nine tenths of the peak, each the same times the one before."""
    low = 3.0 * rms
    high = max(0.9 * peak, 2.0 * low)
    return [float(level) for level in np.geomspace(low, high, count)]
