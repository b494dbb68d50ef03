"""Which part of a noise-free source a pixel belongs to, as far as an image of this beam and noise can show it.

Three rules, each of what noise hides from anyone: an outline runs at a level in units of the noise; a piece of less
than half a beam belongs to the class beside it; and lobes are lobes where the image shows two peaks with a dip between
them, else the source is a compact core, for a pair closer than the beam, or a lone lobe, cannot be told from one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
CORE, LOBE = 1, 2
EIGHT = np.ones((3, 3), bool)
LEAST_BEAMS = 0.5
"""Area of the smallest piece, that of the smallest component of a segmentation."""
DIP = 2.0
"""Depth of a dip between two peaks that shows in noise, in its units."""
STEPS = 24


def told_apart(shares: Array, level: float, beam_pixels: float) -> NDArray[np.intp]:
    """Class (ny, nx) of each pixel; 0 where the sum of the classes is below ``level``.

    ``shares`` (K, ny, nx) is the noise-free brightness of each class in units of the noise, that of the background 0,
    and ``beam_pixels`` the area of the beam.
    """
    image = shares.sum(0)
    mask = np.where(image > level, shares.argmax(0), 0)
    if (mask == LOBE).any() and not _is_double(image, level):
        mask[mask == LOBE] = CORE
    return _merged(mask, LEAST_BEAMS * beam_pixels)


def _is_double(image: Array, level: float) -> bool:
    """True where two islands above some level each rise ``DIP`` above it."""
    peak = float(image.max())
    for low in np.geomspace(level, max(peak, level), STEPS, endpoint=False):
        islands, count = ndimage.label(image > low, structure=EIGHT)
        if count > 1:
            peaks = ndimage.maximum(image, islands, range(1, count + 1))
            if (np.asarray(peaks) > low + DIP).sum() > 1:
                return True
    return False


def _merged(mask: NDArray[np.intp], least: float) -> NDArray[np.intp]:
    """Small pieces given to the nearest class of their island; an island that is small itself is background."""
    small = np.zeros(mask.shape, bool)
    for label in np.unique(mask[mask > 0]):
        pieces, count = ndimage.label(mask == label, structure=EIGHT)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        small |= (sizes < least)[pieces] & (pieces > 0)
    islands, count = ndimage.label(mask > 0, structure=EIGHT)
    large = np.zeros(count + 1, bool)
    large[np.unique(islands[(mask > 0) & ~small])] = True
    large[0] = False
    found = np.where(small & ~large[islands], 0, mask)
    for number in np.unique(islands[small & large[islands]]):
        own = (islands == number) & ~small
        nearest = ndimage.distance_transform_edt(~own, return_distances=False, return_indices=True)
        at = small & (islands == number)
        found[at] = mask[tuple(nearest)][at]
    return found
