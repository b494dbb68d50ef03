"""All sources of a large image: islands above 5 rms, brightest first, where a page or a script can go next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..schema import Cutout, PixelShape
from .detection import LINKING, NO_SCALE, SLACK, extent, thresholds
from .geometry import EIGHT, distance

MOST_ISLANDS = 2000  # the brightest of them; a field of sidelobes has more, and nobody goes through those
COMPARABLE = 0.1  # of a source's flux; a neighbour that holds as much may be a part of it


@dataclass(frozen=True)
class Source:
    """One source of an image: islands of emission that belong together."""

    y: float
    """Pixel (from 0) of its centre: the middle of its emission weighted by brightness."""
    x: float
    peak: float
    """Brightest pixel in the cutout's unit."""
    snr: float | None
    """Peak over rms; None for an image without noise."""
    pixels: int
    """Pixels above 3 rms."""
    islands: int = 1
    """How many islands were taken together."""


def sources(cutout: Cutout, most: int = 200) -> tuple[Source, ...]:
    """The sources of a whole image, brightest peak first, at most ``most``; empty where nothing reaches 5 rms.

    Detection is that of ``source_mask``, over the whole image: emission of at least 3 rms in islands that reach 5 rms;
    islands closer than 22 arcsec (or one beam) are one source. Only the brightest 2000 islands are looked at. Memory
    beside the image: five bytes a pixel. NaN is never emission.
    """
    low, high = thresholds(cutout)
    labels, count = ndimage.label(cutout.pixels > low, structure=EIGHT, output=np.int32)
    if count == 0:
        return ()
    boxes = ndimage.find_objects(labels)
    peaks = np.array([_peak(cutout, labels, box, number) for number, box in enumerate(boxes, start=1)])
    order = np.argsort(-peaks, kind="stable")
    order = order[peaks[order] >= high][:MOST_ISLANDS]
    if order.size == 0:
        return ()
    places = [_places(labels, boxes[i], int(i) + 1) for i in order]
    groups = _grouped(cutout, [boxes[i] for i in order], places)
    rms = None if cutout.noise is None else cutout.noise.rms
    found = []
    for group in np.unique(groups):  # islands run from bright to faint, so the first of a group is its brightest
        members = np.flatnonzero(groups == group)
        emission = np.concatenate([places[i] for i in members])
        weights = cutout.pixels[emission[:, 0], emission[:, 1]].astype(np.float64) - min(low, 0.0)
        y, x = weights @ emission / weights.sum()
        peak = float(peaks[order[members[0]]])
        snr = None if rms is None else peak / rms
        found.append(Source(float(y), float(x), peak, snr, len(emission), len(members)))
    return tuple(sorted(found, key=lambda source: -source.peak)[:most])


def other_part(cutout: Cutout, source: NDArray[np.bool_]) -> float | None:
    """Distance in arcsec to another source that may be a part of this one, None where there is none.

    It lies no farther from the edge of ``source`` (ny, nx) than this one is long, and holds a tenth of its flux; the
    nearest is taken. None without a scale. NaN is never emission.
    """
    if cutout.pixel_shape is None or not source.any():
        return None
    height, width = cutout.pixel_shape.scale
    reach = extent(source, cutout.pixel_shape.steps)
    box = tuple(
        slice(max(int(places[0] - reach / step), 0), int(places[-1] + reach / step) + 2)
        for places, step in zip(map(np.flatnonzero, (source.any(1), source.any(0))), (height, width), strict=True)
    )
    image, own = cutout.pixels[box], source[box]
    low, high = thresholds(cutout)
    labels, count = ndimage.label(image > low, structure=EIGHT)
    numbers = np.arange(1, count + 1)
    flux = ndimage.sum_labels(image, labels, numbers)
    other = (flux >= COMPARABLE * float(image[own].sum())) & (ndimage.maximum(image, labels, numbers) >= high)
    other[np.unique(labels[own & (labels > 0)]) - 1] = False
    away = ndimage.minimum(distance(own, (height, width)), labels, numbers[other])
    gap = float(np.min(away, initial=np.inf))
    return gap if gap <= reach else None


def _peak(cutout: Cutout, labels: NDArray[np.int32], box: tuple[slice, slice], number: int) -> float:
    return float(cutout.pixels[box][labels[box] == number].max())


def _places(labels: NDArray[np.int32], box: tuple[slice, slice], number: int) -> NDArray[np.int64]:
    """Pixels (n, 2) of one island."""
    return np.argwhere(labels[box] == number) + [box[0].start, box[1].start]


def _grouped(cutout: Cutout, boxes: list[tuple[slice, slice]], places: list[NDArray[np.int64]]) -> NDArray[np.int32]:
    """Number of the group (n) of each island; islands whose pixels come closer than the linking length share one."""
    # Here and not above: a prediction alone counts no sources.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    shape = cutout.pixel_shape or PixelShape.square(NO_SCALE)
    beam = cutout.beam.major if cutout.beam is not None and cutout.pixel_scale else 0.0
    reach = max(LINKING, beam) * SLACK
    first = np.array([[box[0].start, box[1].start] for box in boxes], float)
    last = np.array([[box[0].stop - 1, box[1].stop - 1] for box in boxes], float)
    # Only islands whose boxes come near each other are compared pixel by pixel. Skew pixels reach a little further.
    near = reach / np.array(shape.scale) * shape.elongation
    close = np.ones((len(boxes), len(boxes)), bool)
    for axis in (0, 1):
        close &= first[:, None, axis] - last[None, :, axis] <= near[axis]
    one, other = np.nonzero(np.triu(close & close.T, 1))
    trees: dict[int, cKDTree] = {}

    def tree(i: int) -> cKDTree:
        if i not in trees:
            trees[i] = cKDTree(places[i] @ shape.steps)
        return trees[i]

    linked = [
        float(tree(i).query(tree(j).data, distance_upper_bound=reach)[0].min()) <= reach
        for i, j in zip(one.tolist(), other.tolist(), strict=True)
    ]
    kept = np.array(linked, bool)
    graph = coo_array((np.ones(int(kept.sum())), (one[kept], other[kept])), shape=(len(boxes), len(boxes)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32)
