"""Footprint of a source for photometry: islands above 3 rms, grown until they hold nearly all of the flux.

Below 3 rms lies 3/7 of a source of S/N 7, and 3 % of one of S/N 100. How far an island has to grow follows from the
isophotal area A and flux I above the threshold t, as in the isophotal correction of Maddox, Efstathiou & Sutherland
(1990, MNRAS 246, 433): for a Gaussian profile A t / I depends only on the ratio of t to the peak. Source and beam
alike are taken for Gaussians in this step; what the grown footprint still leaves out is a few per cent, and the
error counts a quarter of it as not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..schema import Cutout
from .detection import LINKING, thresholds
from .geometry import FWHM, distance

HELD = 0.95  # share of a Gaussian source that its grown island holds at least
LEAST_GROWTH = 0.5  # beams (FWHM) by which every island grows
ASSOCIATED = 4.5  # rms; a peak this bright within the linking length belongs to the source and is summed with it
EMISSION = 5.0  # rms; as in detection
NEIGHBOURHOOD = 30.0  # beams around the source in which the noise is measured
MANY = 64  # islands, as on a mosaic of the Galactic plane, whose overlaps are not looked at one by one
EIGHT = np.ones((3, 3))  # pixels that touch at a corner are one island

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Footprint:
    """Pixels over which the flux of a source is summed, within a box of the image around it."""

    box: tuple[slice, slice]
    """Part (y, x) of the image that the masks cover."""
    mask: Mask
    """Pixels that are summed (ny, nx) of the box; may hold NaN."""
    blank: Mask
    """Finite pixels of the box away from all emission and from the footprint: the sky that the noise is measured on."""
    share: float
    """Part of the flux that the mask holds if the islands are Gaussians, 0.95 to 1."""
    blanked: int
    """Pixels of the mask without data."""
    at_edge: bool
    """True where the mask touches the edge of the image, so that flux may lie beyond it."""


def grow(cutout: Cutout, source: Mask, beam_area: float) -> Footprint:
    """Footprint of ``source`` (ny, nx, not empty) on an image with noise; ``beam_area`` in pixels.

    Other emission above 3 rms, and what lies nearer to it than to the source, is left out. Islands of at least 4.5 rms
    within the linking length (22 arcsec or a beam) are summed with the source, though detection asks for 5.
    """
    scale = cutout.pixel_scale or (1.0, 1.0)
    pixel = float(np.sqrt(scale[0] * scale[1]))
    step = (scale[0] / pixel, scale[1] / pixel)
    sigma = float(np.sqrt(beam_area / (2.0 * np.pi)))  # of the beam, in pixels
    box = _around(source, NEIGHBOURHOOD * FWHM * sigma)
    image, own = np.asarray(cutout.pixels[box], dtype=np.float64), source[box]
    low, high = thresholds(cutout)
    rms = (high - low) / (EMISSION - 3.0)
    islands, _ = ndimage.label(image > low, structure=EIGHT)
    emission = _reaching(islands, image, high) | own
    linking = LINKING if cutout.beam is None else max(LINKING, cutout.beam.major)
    own = own | _linked(_reaching(islands, image, low + (ASSOCIATED - 3.0) * rms), own, linking / pixel, step)
    mask, share = _grown(image, own, low, sigma, step)
    other = emission & ~own
    if other.any():
        mask &= ~other & (distance(own, step) < distance(other, step))
    finite = np.isfinite(image)
    blank = finite & ~mask & (distance(emission | own, step) > FWHM * sigma)
    edge = np.zeros(cutout.shape, bool)
    edge[[0, -1]], edge[:, [0, -1]] = True, True
    return Footprint(box, mask, blank, share, int((mask & ~finite).sum()), bool((mask & edge[box]).any()))


def _around(mask: Mask, margin: float) -> tuple[slice, slice]:
    """The smallest box around a mask with a margin in pixels, inside the image."""
    grown = []
    for axis in (0, 1):
        places = np.flatnonzero(mask.any(axis=1 - axis))
        first, last = places[0] - int(np.ceil(margin)), places[-1] + int(np.ceil(margin)) + 1
        grown.append(slice(max(0, int(first)), min(mask.shape[axis], int(last))))
    return grown[0], grown[1]


def _reaching(islands: NDArray[np.int32], image: NDArray[np.float64], level: float) -> Mask:
    """Pixels of islands whose brightest pixel reaches a level."""
    enough = np.zeros(int(islands.max()) + 1, bool)
    enough[islands[image >= level]] = True
    enough[0] = False
    return np.asarray(enough[islands])


def _linked(emission: Mask, own: Mask, length: float, step: tuple[float, float]) -> Mask:
    """Emission that hangs together with the source when gaps of a length in pixels are closed."""
    groups, _ = ndimage.label(distance(emission | own, step) <= length / 2.0, structure=EIGHT)
    return emission & np.isin(groups, np.unique(groups[own]))


def _grown(
    image: NDArray[np.float64], own: Mask, low: float, sigma: float, step: tuple[float, float]
) -> tuple[Mask, float]:
    """Each island of a source grown by its own profile, and the share of the flux that all of them hold together."""
    islands, count = ndimage.label(own, structure=EIGHT)
    mask = np.zeros(own.shape, bool)
    grown = []
    for number, where in enumerate(ndimage.find_objects(islands), 1):
        island = islands[where] == number
        area, flux = float(island.sum()), float(image[where][island].sum())
        spread = max(np.sqrt(area / (2.0 * np.pi * np.log(1.0 / _depth(area * low / flux)))), sigma)
        radius = np.sqrt(area / np.pi)
        growth = max(spread * np.sqrt(2.0 * np.log(1.0 / (1.0 - HELD))) - radius, LEAST_GROWTH * FWHM * sigma)
        margin = int(np.ceil(2.0 * growth / min(step))) + 1
        wide = (_widened(where[0], margin), _widened(where[1], margin))
        part = distance(islands[wide] == number, step) <= growth
        mask[wide] |= part
        outside = float(np.exp(-0.5 * ((radius + growth) / spread) ** 2))
        grown.append((wide, part, islands[wide] == number, spread, flux, outside))
    held = total = 0.0
    for wide, part, island, spread, flux, outside in grown:
        # What an island leaves out may lie within the footprint of its neighbour, as between the lobes of a double.
        others = mask[wide] & ~part
        if others.any() and count <= MANY:
            ys, xs = np.nonzero(island)
            dy = (np.arange(island.shape[0]) - ys.mean())[:, None] * step[0]
            dx = (np.arange(island.shape[1]) - xs.mean())[None, :] * step[1]
            profile = np.exp(-0.5 * (dy**2 + dx**2) / spread**2) * step[0] * step[1] / (2.0 * np.pi * spread**2)
            outside = max(outside - float(profile[others].sum()), 0.0)
        held, total = held + flux, total + flux / (1.0 - outside)
    return mask, float(held / total)


def _widened(part: slice, margin: int) -> slice:
    return slice(max(0, part.start - margin), part.stop + margin)


def _depth(ratio: float) -> float:
    """Threshold over peak, 0 to 1, of a Gaussian whose isophotal area times threshold over flux is ``ratio``."""
    depths = np.linspace(1e-4, 0.9999, 2000)
    return float(np.interp(ratio, -depths * np.log(depths) / (1.0 - depths), depths))
