"""Peaks and ends of a source on the sky: which peaks stand out, which one is the core, what the beam adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .geometry import EIGHT, FWHM, rim

CORE = 0.2  # of the extent: how far from the middle a core may lie
UNEQUAL = 2.5  # longer arm over the shorter one from which a core is a knot of the near lobe
MOST = 30  # peaks, the brightest of them
FINE = 0.1  # pixels; steps in which the edge of a contour is looked for

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Place = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Shape:
    """The brightest peak of each side of a source, its core and its ends, in pixels (y, x)."""

    first: Place
    second: Place
    core: Place | None
    ends: tuple[Floats, Floats]
    """Places (2) of both ends of the contour, the one beyond ``first`` first."""
    separation: float
    extent: float
    """Arcsec between the ends, the beam removed."""
    raw_extent: float
    steps: Floats
    beam: Floats | None

    @property
    def ratio(self) -> float:
        """Separation of the peaks over the extent."""
        return self.separation / self.extent

    @property
    def peaks(self) -> tuple[Place, ...]:
        """Both peaks, the core after them."""
        return (self.first, self.second, *(() if self.core is None else (self.core,)))

    @property
    def bending(self) -> float | None:
        """Degrees between the second side and the first one gone on straight through the core; None without a core."""
        if self.core is None:
            return None
        one, other = (np.subtract(peak, self.core) @ self.steps for peak in (self.first, self.second))
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        return float(180.0 - np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))

    def sides(self, size: tuple[int, ...]) -> tuple[Mask, Mask]:
        """Pixels (ny, nx) on the side of each peak, without those within a beam of the core."""
        line = (self.ends[0] - self.ends[1]) @ self.steps
        centre = np.mean(self.ends, axis=0) if self.core is None else np.array(self.core)
        offsets = (np.moveaxis(np.indices(size), 0, -1) - centre) @ self.steps
        along = offsets @ line
        free = np.ones(size, bool)
        if self.core is not None and self.beam is not None:
            free = np.einsum("yxi,ij,yxj->yx", offsets, np.linalg.inv(self.beam), offsets) > FWHM**2
        return (along > 0.0) & free, (along < 0.0) & free


def shape(
    image: Floats, mask: Mask, level: float, least: float, steps: Floats, beam: Floats | None, like: Shape | None = None
) -> Shape | None:
    """The shape of the source ``mask`` (ny, nx) of an image without NaN; None for one peak, or peaks on one side.

    ``level`` is that of the contour, ``least`` the prominence of a peak: how far one has to descend from it before it
    goes up to a higher one. ``steps`` (2, 2): rows are a pixel along y and along x on the sky in arcsec; ``beam`` its
    covariance there, None where nothing is removed. With ``like`` the same peaks are looked for within a beam.
    """
    if not mask.any():
        return None
    ends = _ends(image, mask, level, steps)
    middle, line = (ends[0] + ends[1]) / 2.0, (ends[1] - ends[0]) @ steps
    raw = float(np.linalg.norm(line))
    if raw == 0.0:
        return None
    if like is None:
        chosen = _chosen(image, _peaks(image, mask, least), middle, line, steps)
    else:
        chosen = [_near(image, place, steps, beam) for place in like.peaks]
        if (np.subtract(chosen[0], chosen[1]) @ steps) @ line > 0.0:
            ends = ends[::-1]
    if chosen is None:
        return None
    first, second = (_refined(image, peak) for peak in chosen[:2])
    core = _refined(image, chosen[2]) if len(chosen) > 2 else None
    if core is not None:
        arms = [float(np.linalg.norm(np.subtract(peak, core) @ steps)) for peak in (first, second)]
        if like is None and max(arms) > UNEQUAL * min(arms):
            core = None
    if like is None and (np.subtract(first, middle) @ steps) @ line > 0.0:
        ends = ends[::-1]
    added = sum(
        _beam_adds(image, peak, end, level, steps, beam) for peak, end in zip((first, second), ends, strict=True)
    )
    separation = float(np.linalg.norm(np.subtract(first, second) @ steps))
    if separation == 0.0 or raw - added <= 0.0:
        return None
    return Shape(first, second, core, ends, separation, raw - added, raw, steps, beam)


def _peaks(image: Floats, mask: Mask, least: float) -> list[tuple[int, int]]:
    """Local maxima within the mask that stand out by ``least``, the brightest first."""
    tops = np.argwhere(mask & (image == ndimage.maximum_filter(image, 3)))
    tops = tops[np.argsort(-image[tuple(tops.T)], kind="stable")][:MOST]
    found: list[tuple[int, int]] = []
    for y, x in tops.tolist():
        labels, _ = ndimage.label(image > image[y, x] - least, structure=EIGHT)
        around = image[labels == labels[y, x]]
        taken = any(labels[place] == labels[y, x] for place in found)  # of two equal ones the first
        if not taken and around.max() <= image[y, x]:
            found.append((y, x))
    return found


def _chosen(
    image: Floats, found: list[tuple[int, int]], middle: Floats, line: Floats, steps: Floats
) -> list[tuple[int, int]] | None:
    """The brightest peak of each side, brighter side first, and the core between them if there is one."""
    if len(found) < 2:
        return None
    along = ((np.array(found) - middle) @ steps) @ line / (line @ line)
    centre, core = 0.0, None
    for place in np.argsort(np.abs(along), kind="stable"):
        inner = abs(along[place]) <= CORE
        if inner and (along < along[place]).any() and (along > along[place]).any():
            centre, core = float(along[place]), int(place)
            break
    sides = [[i for i in range(len(found)) if i != core and (along[i] - centre) * sign > 0] for sign in (1.0, -1.0)]
    if not all(sides):
        return None
    both = sorted((min(side) for side in sides), key=lambda i: -image[found[i]])  # found runs from bright to faint
    return [found[i] for i in both] + ([] if core is None else [found[core]])


def _near(image: Floats, place: Place, steps: Floats, beam: Floats | None) -> tuple[int, int]:
    """The brightest local maximum within half a beam of a place, else the pixel there."""
    y, x = (min(max(round(at), 0), n - 1) for at, n in zip(place, image.shape, strict=True))
    width = 3.0 if beam is None else FWHM * float(np.linalg.det(beam)) ** 0.25 / abs(np.linalg.det(steps)) ** 0.5
    reach = max(1, round(width / 2.0))
    box = tuple(slice(max(at - reach, 0), at + reach + 1) for at in (y, x))
    top = np.unravel_index(int(np.argmax(image[box])), image[box].shape)
    return int(top[0]) + box[0].start, int(top[1]) + box[1].start


def _refined(image: Floats, peak: tuple[int, int]) -> Place:
    """Top of the parabola through the pixels around a peak; the pixel itself at an edge or on a plateau."""
    y, x = peak
    if not (0 < y < image.shape[0] - 1 and 0 < x < image.shape[1] - 1):
        return float(y), float(x)
    box = image[y - 1 : y + 2, x - 1 : x + 2]
    slope = np.array([box[2, 1] - box[0, 1], box[1, 2] - box[1, 0]]) / 2.0
    cross = (box[2, 2] - box[2, 0] - box[0, 2] + box[0, 0]) / 4.0
    bend = np.array(
        [
            [box[2, 1] - 2 * box[1, 1] + box[0, 1], cross],
            [cross, box[1, 2] - 2 * box[1, 1] + box[1, 0]],
        ]
    )
    if np.linalg.det(bend) <= 0.0 or bend[0, 0] >= 0.0:
        return float(y), float(x)
    dy, dx = np.clip(-np.linalg.solve(bend, slope), -1.0, 1.0)
    return float(y + dy), float(x + dx)


def _ends(image: Floats, mask: Mask, level: float, steps: Floats) -> tuple[Floats, Floats]:
    """The two places (2) of the contour that lie farthest from each other, to a tenth of a pixel."""
    edge = np.argwhere(rim(mask)).astype(float)
    points = edge @ steps
    angles = np.radians(np.arange(0.0, 360.0, 2.0))
    outer = np.unique(np.argmax(points @ np.array([np.sin(angles), np.cos(angles)]), axis=0))
    apart = np.linalg.norm(points[outer][:, None] - points[outer][None, :], axis=2)
    one, other = np.unravel_index(int(np.argmax(apart)), apart.shape)
    first, second = edge[outer[one]], edge[outer[other]]
    return _edge(image, first, first - second, level), _edge(image, second, second - first, level)


def _edge(image: Floats, end: Floats, outward: Floats, level: float) -> Floats:
    """Where the image falls to the level on the way outward from the last pixel above it; two pixels at most."""
    length = float(np.linalg.norm(outward))
    if length == 0.0 or level <= 0.0:
        return end
    steps = np.arange(0.0, 2.0 + FINE, FINE)
    path = end[:, None] + outward[:, None] / length * steps
    values = ndimage.map_coordinates(image, path, order=1, mode="constant", cval=0.0)
    below = np.flatnonzero(values <= level)
    last = int(below[0]) if below.size else steps.size - 1
    return np.asarray(path[:, last])


def _beam_adds(image: Floats, peak: Place, end: Floats, level: float, steps: Floats, beam: Floats | None) -> float:
    """Arcsec by which the beam lies beyond what a Gaussian at the peak reaches without it, towards an end."""
    if beam is None or level <= 0.0:
        return 0.0
    path = np.subtract(end, peak) @ steps
    reach = float(np.linalg.norm(path))
    top = float(image[tuple(min(max(round(at), 0), n - 1) for at, n in zip(peak, image.shape, strict=True))])
    if reach == 0.0 or top <= level:
        return 0.0
    width = float(np.sqrt(path @ beam @ path)) / reach
    return reach - float(np.sqrt(max(reach**2 - 2.0 * width**2 * np.log(top / level), 0.0)))
