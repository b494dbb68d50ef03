"""Footprint of a source for photometry: islands above 3 rms, grown until they hold nearly all of the flux.

Below 3 rms lies 3/7 of a source of S/N 7, and 3 % of one of S/N 100. How far an island has to grow follows from the
isophotal area A and flux I above the threshold t, as in the isophotal correction of Maddox, Efstathiou & Sutherland
(1990, MNRAS 246, 433): for a Gaussian profile A t / I depends only on the ratio of t to the peak. Source and beam
alike are taken for Gaussians in this step; what the grown footprint still leaves out is a few per cent, and the
error counts a quarter of it as not known. A Gaussian of variance s**2 holds 1 - exp(-A / 2 pi s**2) within an isophote
of area A, whatever its axes; A is counted in pixels, for on a grid an island grows by less than it is asked to.

Where noise lifts the edge of an island, the footprint moves out and takes up noise: at the threshold t an isophote
gains 2 pi s**2 / t pixels for each unit of brightness. ``swing`` carries this to where the flux is summed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..schema import Cutout
from .detection import LINKING, thresholds
from .geometry import EIGHT, FWHM, box_around, distance, within
from .islands import bright_islands

HELD = 0.95  # share of a Gaussian source that its grown island holds at least
LEAST_GROWTH = 0.5  # beams (FWHM) by which every island grows
ASSOCIATED = 4.5  # rms; a peak this bright within the linking length belongs to the source and is summed with it
EMISSION = 5.0  # rms; as in detection
NEIGHBOURHOOD = 30.0  # beams around the source in which the noise is measured
MANY = 64  # islands, as on a mosaic of the Galactic plane, whose overlaps are not looked at one by one
DEPTHS = np.linspace(1e-4, 0.9999, 2000)
RATIOS = -DEPTHS * np.log(DEPTHS) / (1.0 - DEPTHS)

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
    """Part of the flux that the mask holds if the islands are Gaussians, about 0.9 to 1."""
    islands: Mask
    """Pixels of the mask above 3 rms, from which it has grown."""
    swing: float
    """Pixels that the islands gain for each unit of the image by which noise lifts their edges."""
    growth: float
    """Pixels by which the islands were grown, their mean weighted by their swing."""
    blanked: int
    """Pixels of the mask without data."""
    at_edge: bool
    """True where the mask touches the edge of the image, so that flux may lie beyond it."""


def grow(cutout: Cutout, source: Mask, beam_area: float, *, around: Mask | None = None) -> Footprint:
    """Footprint of ``source`` (ny, nx, not empty) on an image with noise; ``beam_area`` in pixels.

    Other emission above 3 rms, and what lies nearer to it than to the source, is left out. Islands of at least 4.5 rms
    within the linking length (22 arcsec or a beam) are summed with the source, though detection asks for 5. The box
    holds ``around`` (ny, nx), too.
    """
    scale = cutout.pixel_scale or (1.0, 1.0)
    pixel = float(np.sqrt(scale[0] * scale[1]))
    step = (scale[0] / pixel, scale[1] / pixel)
    sigma = float(np.sqrt(beam_area / (2.0 * np.pi)))  # of the beam, in pixels
    box = box_around(source if around is None else source | around, NEIGHBOURHOOD * FWHM * sigma)
    image, own = np.asarray(cutout.pixels[box], dtype=np.float64), source[box]
    low, high = thresholds(cutout)
    rms = (high - low) / (EMISSION - 3.0)
    found = bright_islands(image, low, low + (ASSOCIATED - 3.0) * rms)
    emission = found.reaching(image, high).mask(own.shape) | own
    linking = LINKING if cutout.beam is None else max(LINKING, cutout.beam.major)
    associated = found.mask(own.shape)
    if (associated & ~own).any():
        own = own | _linked(associated, own, linking / pixel, step)
    mask, share, swing, growth = grown_islands(image, own, low, sigma, step)
    _leave(mask, own, emission & ~own, step)
    finite = np.isfinite(image)
    blank = finite & ~mask & ~within(emission | own, FWHM * sigma, step)
    edge = np.zeros(cutout.shape, bool)
    edge[[0, -1]], edge[:, [0, -1]] = True, True
    return Footprint(
        box, mask, blank, share, own, swing, growth, int((mask & ~finite).sum()), bool((mask & edge[box]).any())
    )


def _leave(mask: Mask, own: Mask, other: Mask, step: tuple[float, float]) -> None:
    """Take from a mask that has grown from ``own`` what lies no farther from other emission."""
    if not (other.any() and mask.any()):
        return
    part = box_around(mask)
    far = distance(own[part], step)
    # Other emission farther away than the mask has grown takes nothing of it.
    wide = box_around(mask, float(far[mask[part]].max()) / min(step) + 1.0)
    inside = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, wide, strict=True))
    mask[part] &= ~other[part] & (far < distance(other[wide], step)[inside])


def fixed(cutout: Cutout, mask: Mask, beam_area: float) -> Footprint:
    """Footprint of pixels (ny, nx, not empty) that were chosen otherwise: they are all of it, and hold all of the flux.

    ``beam_area`` in pixels. Emission is what reaches 5 rms, as for ``grow``; the mask does not follow the noise.
    """
    sigma = float(np.sqrt(beam_area / (2.0 * np.pi)))
    box = box_around(mask, NEIGHBOURHOOD * FWHM * sigma)
    image, own = np.asarray(cutout.pixels[box], dtype=np.float64), mask[box]
    low, high = thresholds(cutout)
    near = distance(bright_islands(image, low, high).mask(own.shape) | own, (1.0, 1.0))
    finite = np.isfinite(image)
    edge = np.zeros(cutout.shape, bool)
    edge[[0, -1]], edge[:, [0, -1]] = True, True
    blank = finite & (near > FWHM * sigma)
    none, at_edge = np.zeros(own.shape, bool), bool((own & edge[box]).any())
    return Footprint(box, own, blank, 1.0, none, 0.0, 0.0, int((own & ~finite).sum()), at_edge)


def _linked(emission: Mask, own: Mask, length: float, step: tuple[float, float]) -> Mask:
    """Emission that hangs together with the source when gaps of a length in pixels are closed."""
    groups, _ = ndimage.label(distance(emission | own, step) <= length / 2.0, structure=EIGHT)
    return emission & np.isin(groups, np.unique(groups[own]))


def grown_islands(
    image: NDArray[np.float64], own: Mask, low: float, sigma: float, step: tuple[float, float]
) -> tuple[Mask, float, float, float]:
    """Each island of a source grown by its own profile; the share of the flux that all hold, their swing and growth."""
    box = box_around(own)
    labels, count = ndimage.label(own[box], structure=EIGHT)
    mask = np.zeros(own.shape, bool)
    grown, swings, growths = [], [], []
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        island, where = labels[place] == number, _within_box(place, box)
        area, flux = float(island.sum()), float(image[where][island].sum())
        implied = np.sqrt(area / (2.0 * np.pi * np.log(1.0 / _depth(area * low / flux))))
        # No source is narrower than the beam, but the noise of the share is then even about the truth.
        spread = max(implied, sigma)
        radius = np.sqrt(area / np.pi)
        growth = max(spread * np.sqrt(2.0 * np.log(1.0 / (1.0 - HELD))) - radius, LEAST_GROWTH * FWHM * sigma)
        margin = int(np.ceil(growth / min(step))) + 1
        whole = distance(np.pad(island, margin), step) <= growth  # also what would lie beyond the image
        wide, inside = _widened(where, margin, own.shape)
        mask[wide] |= whole[inside]
        held = float(whole.sum())
        swings.append(2.0 * np.pi * spread**2 / low)
        growths.append(growth)
        ys, xs = np.nonzero(whole[inside])
        grown.append(
            (wide, whole[inside], (ys.mean(), xs.mean()), spread, flux, np.exp(-held / (2.0 * np.pi * implied**2)))
        )
    held = total = 0.0
    for wide, part, (y, x), spread, flux, outside in grown:
        # What an island leaves out may lie within the footprint of its neighbour, as between the lobes of a double.
        others = mask[wide] & ~part
        if others.any() and count <= MANY:
            dy = (np.arange(part.shape[0]) - y)[:, None] * step[0]
            dx = (np.arange(part.shape[1]) - x)[None, :] * step[1]
            profile = np.exp(-0.5 * (dy**2 + dx**2) / spread**2) * step[0] * step[1] / (2.0 * np.pi * spread**2)
            outside = max(outside - float(profile[others].sum()), 0.0)
        held, total = held + flux, total + flux / (1.0 - outside)
    return mask, float(held / total), float(np.sum(swings)), float(np.average(growths, weights=swings))


def _within_box(part: tuple[slice, ...], box: tuple[slice, slice]) -> tuple[slice, slice]:
    """A part of a box of an image as one of the image."""
    rows, columns = (slice(a.start + b.start, a.stop + b.start) for a, b in zip(part, box, strict=True))
    return rows, columns


def _widened(
    part: tuple[slice, slice], margin: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """A part of an image widened on all sides and clipped to the image, and the clipped part within the widened one."""
    wide, inside = [], []
    for side, n in zip(part, shape, strict=True):
        first, last = max(0, side.start - margin), min(n, side.stop + margin)
        wide.append(slice(first, last))
        inside.append(slice(first - side.start + margin, last - side.start + margin))
    return (wide[0], wide[1]), (inside[0], inside[1])


def _depth(ratio: float) -> float:
    """Threshold over peak, 0 to 1, of a Gaussian whose isophotal area times threshold over flux is ``ratio``."""
    return float(np.interp(ratio, RATIOS, DEPTHS))
