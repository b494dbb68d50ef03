"""Edges that were filled with one value where nothing was observed: found, so that they can become no data.

An image of the sky holds noise, and noise repeats no value. What is cut off by a mosaic's border, a primary beam or a
regridding is often written as 0 (or another constant) in place of NaN, and then lowers every rms, MAD included. Zeros
of a clipped picture look alike and are data: there they are the lower end of all values, and what stands out of them
are specks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

CHANCE = 1e-6  # expected number, in one image, of areas of repeated noise that are taken for an edge
ANIMALS = 4.06  # shapes of n pixels that touch by their sides grow as 4.06 to the n (OEIS A001168)
RAREST = 1e-3  # least probability of a repeat that is reckoned with: numbers have few digits
EITHER_SIDE = 0.05  # least share of the observed pixels below the value, and above it
RIM = 0.25  # most of the observed pixels that lie beside the edge: more is specks
BREAK = 0.1  # least typical step at the edge, relative to a typical observed value's distance
NEAR, NEAREST = 0.3, 1e-3  # of the typical step, within which at least this share of the observed values lies
JUMP = 30.0  # times the spread of the observed pixels, by which a value apart from all of them differs
NEIGHBOURS = np.ones((3, 3), dtype=bool)


class Edge(NamedTuple):
    """Pixels (ny, nx) of a filled edge and the one value that they have."""

    mask: Mask
    value: float


def filled(pixels: NDArray[np.float32]) -> Edge | None:
    """Areas of one value that touch the border (or NaN), larger than noise explains; None where there are none.

    Repeats of noise in coarse numbers (integers, compressed floats) form areas of n pixels of one value that are
    expected ``pixels.size * (4.06 p)**n`` times, p being the probability of a repeat beside such areas; larger ones are
    an edge if what was observed is solid, not specks, breaks off there and lies on both sides of the value and close to
    it (nothing was cut away around it), or all of it so far away that the value stands for nothing measured.
    """
    finite = np.isfinite(pixels)
    border = finite & ~ndimage.binary_erosion(finite, NEIGHBOURS)
    values, counts = np.unique(pixels[border], return_counts=True)
    if not len(values) or counts.max() < _least_size(pixels.size, RAREST):
        return None
    value = values[counts.argmax()]
    same = pixels == value
    labels, count = ndimage.label(same)
    touching = np.zeros(count + 1, dtype=bool)
    touching[labels[border]] = True
    touching[0] = False
    inside = finite & ~touching[labels]
    chance = _chance_of_repeat(pixels, inside, same)
    large = np.bincount(labels.ravel()) >= _least_size(pixels.size, chance)
    mask = (touching & large)[labels]
    observed = finite & ~mask
    if not mask.any() or not observed.any() or not _breaks_off(pixels, mask, observed, float(value), chance):
        return None
    return Edge(mask, float(value))


def _chance_of_repeat(pixels: NDArray[np.float32], inside: Mask, same: Mask) -> float:
    """Probability that noise inside has the value, or that of its neighbour, again."""
    other = inside & ~same
    pairs = repeats = 0
    for one, two in (((slice(1, None),), (slice(-1),)), ((..., slice(1, None)), (..., slice(-1)))):
        both = other[one] & other[two]
        pairs += int(both.sum())
        repeats += int((pixels[one] == pixels[two])[both].sum())
    # The commonest value of a Gaussian is 1.4 times as common as a pair of equal ones.
    return max(RAREST, 2.0 * repeats / max(pairs, 1), float(same[inside].mean()) if inside.any() else 1.0)


def _least_size(count: int, chance: float) -> float:
    """Pixels that an area needs to be beyond chance; infinite where repeats are common enough to join everywhere."""
    growth = ANIMALS * chance
    return float(np.log(CHANCE / count) / np.log(growth)) if growth < 1.0 else np.inf


def _breaks_off(pixels: NDArray[np.float32], mask: Mask, observed: Mask, value: float, chance: float) -> bool:
    """True where the observed part is solid and ends at the mask without approaching its value."""
    rim = observed & ndimage.binary_dilation(mask, NEIGHBOURS)
    if rim.sum() > RIM * observed.sum():
        return False
    offsets = pixels[observed].astype(np.float64) - value
    middle = float(np.median(offsets))
    spread = 1.4826 * float(np.median(np.abs(offsets - middle)))
    if chance <= RAREST and abs(middle) > JUMP * spread > 0.0:
        return True
    step = float(np.median(np.abs(pixels[rim].astype(np.float64) - value)))
    distances = np.abs(offsets)
    is_around = min((offsets < 0.0).mean(), (offsets > 0.0).mean()) >= EITHER_SIDE
    is_whole = (distances < NEAR * step).mean() >= NEAREST
    return bool(is_around and is_whole and step >= BREAK * float(np.median(distances)))
