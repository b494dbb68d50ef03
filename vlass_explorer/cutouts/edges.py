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
MOST_FILLED = 0.4  # of an image, beyond which an area that is needed is none that can be asked for
RAREST = 1e-3  # least probability of a repeat that is reckoned with: numbers have few digits
FEW, MANY_TIMES = 3, 10  # an area this many times larger than what noise holds of the value is no noise
COMMONEST = 1.6  # twice the share of equal neighbours, beyond which the image is a mask, not noise in coarse numbers
EITHER_SIDE = 0.05  # least share of the observed pixels below the value, and above it
RIM = 0.25  # most of the observed pixels that lie beside the edge: more is specks
BREAK = 0.1  # least typical step at the edge, relative to a typical observed value's distance
NEAR, NEAREST = 0.3, 1e-3  # of the typical step, within which at least this share of the observed values lies
TYPICAL = 0.25  # least mean rank, among all observed pixels, of those beside the edge: 0.5 if they are like all others
SEEN = 0.3  # least share of the pixels that lies on one side of the value: less is a source on a clipped sky
NEIGHBOURS = np.ones((3, 3), dtype=bool)


class Edge(NamedTuple):
    """Pixels (ny, nx) of a filled edge and the one value that they have."""

    mask: Mask
    value: float


def filled(pixels: NDArray[np.float32]) -> Edge | None:
    """Areas of one value that touch the border (or NaN), larger than noise explains; None where there are none.

    Repeats of noise in coarse numbers (integers, compressed floats) form areas of n pixels of one value that are
    expected ``pixels.size * (4.06 p)**n`` times, p being the probability of a repeat beside such areas. Where noise is
    so coarse that this bounds nothing, an area has to be twice as thick as any of one value inside. What is larger is
    an edge if what was observed is solid, not specks, and breaks off there: around the value, or on one side of it
    with pixels beside the edge that are like all others. What was clipped fades towards its edge.
    """
    finite = np.isfinite(pixels)
    border = _border(finite)
    values, counts = np.unique(pixels[border], return_counts=True)
    if not len(values) or counts.max() < _least_size(pixels.size, RAREST):
        return None
    # The value most often seen there, and that of most flat pixels: coarse noise repeats itself, but not all around.
    flat = border & (ndimage.maximum_filter(pixels, 3) == ndimage.minimum_filter(pixels, 3))
    level, times = np.unique(pixels[flat], return_counts=True)
    candidates = {float(values[counts.argmax()]), *(() if not len(level) else (float(level[times.argmax()]),))}
    found = (_of_value(pixels, finite, border, np.float32(value)) for value in sorted(candidates))
    return next((edge for edge in found if edge is not None), None)


def _border(finite: Mask) -> Mask:
    """Pixels with data beside one without, or at the rim of the image."""
    if not finite.all():
        return finite & ~ndimage.binary_erosion(finite, NEIGHBOURS)
    rim = np.ones(finite.shape, dtype=bool)
    rim[1:-1, 1:-1] = False
    return rim


def _of_value(pixels: NDArray[np.float32], finite: Mask, border: Mask, value: np.float32) -> Edge | None:
    """The filled edge of one value."""
    same = pixels == value
    labels, count = ndimage.label(same)
    touching = np.zeros(count + 1, dtype=bool)
    touching[labels[border]] = True
    touching[0] = False
    inside = finite & ~touching[labels]
    chance = _chance_of_repeat(pixels, inside, same)
    least = _least_size(pixels.size, chance)
    if chance < COMMONEST:
        least = min(least, MANY_TIMES * (FEW + _most_of_noise(pixels, inside, same, value)))
    if least <= MOST_FILLED * pixels.size:
        mask = (touching & (np.bincount(labels.ravel()) >= least))[labels]
    elif chance < COMMONEST:
        mask = _thick(pixels, touching[labels])
    else:
        return None
    observed = finite & ~mask
    if not mask.any() or not observed.any() or not _breaks_off(pixels, mask, observed, float(value)):
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


def _most_of_noise(pixels: NDArray[np.float32], inside: Mask, same: Mask, value: np.float32) -> int:
    """Pixels of the value that noise may hold: those inside, or those of the next lower or higher value if more.

    What noise makes of the value may all touch the border; values beside it are about as common, as noise has one peak.
    """
    counts = [int(same[inside].sum())]
    for beside in (pixels[pixels < value].max(initial=-np.inf), pixels[pixels > value].min(initial=np.inf)):
        counts.append(int((pixels == beside).sum()))
    return max(counts)


def _least_size(count: int, chance: float) -> float:
    """Pixels that an area needs to be beyond chance; infinite where repeats are common enough to join everywhere."""
    growth = ANIMALS * chance
    return float(np.log(CHANCE / count) / np.log(growth)) if growth < 1.0 else np.inf


def _thick(pixels: NDArray[np.float32], areas: Mask) -> Mask:
    """The thick parts of ``areas`` of one value, without the thin ones that noise joins to them."""
    level = np.ones(pixels.shape, dtype=bool)  # the pixel begins a square of two by two that have one value
    level[-1], level[:, -1] = False, False
    for step in ((1, 0), (0, 1), (1, 1)):
        level &= pixels == np.roll(pixels, (-step[0], -step[1]), (0, 1))
    depth = _depth(areas)
    inside = _depth(level & ~areas).max(initial=0)
    wide = depth > inside + 1
    labels, count = ndimage.label(ndimage.binary_dilation(wide, NEIGHBOURS, iterations=inside + 1, mask=areas))
    deepest = ndimage.maximum(depth, labels, np.arange(count + 1)) if count else np.zeros(1)
    return np.asarray((np.arange(count + 1) > 0) & (np.asarray(deepest) > 2 * inside + 2))[labels]


def _depth(areas: Mask) -> NDArray[np.int32]:
    """Distance of each pixel to the nearest one outside of the areas or of the image, 0 outside."""
    return np.asarray(ndimage.distance_transform_cdt(np.pad(areas, 1), "chessboard")[1:-1, 1:-1])


def _breaks_off(pixels: NDArray[np.float32], mask: Mask, observed: Mask, value: float) -> bool:
    """True where the observed part is solid and ends at the mask without approaching its value."""
    rim = observed & ndimage.binary_dilation(mask, NEIGHBOURS)
    if rim.sum() > RIM * observed.sum():
        return False
    offsets, beside = (pixels[part].astype(np.float64) - value for part in (observed, rim))
    distances, step = np.abs(offsets), float(np.median(np.abs(beside)))
    is_around = min((offsets < 0.0).mean(), (offsets > 0.0).mean()) >= EITHER_SIDE
    if is_around and (distances < NEAR * step).mean() >= NEAREST:
        return bool(step >= BREAK * float(np.median(distances)))
    if observed.sum() < SEEN * (observed | mask).sum():
        return False
    distances.sort()
    ranks = [np.searchsorted(distances, np.abs(beside), side) for side in ("left", "right")]
    return bool(np.mean(ranks) >= TYPICAL * distances.size)
