"""Flux density of a source with an error that covers the truth: sums over a footprint, and fits of a known shape.

Radio interferometers have no background, so none is subtracted unless it is asked for: a source often sits in a
negative bowl where short spacings are missing, and the depth of the bowl is reported instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..schema import Cutout
from .covariance import Blank, blank_sky, convolved
from .detection import TO_JY_BEAM
from .footprint import EMISSION, NEIGHBOURHOOD, Footprint
from .geometry import FWHM, beam_covariance, distance, sky_covariance, to_sky

RING = 4.0  # beams (FWHM) beyond the footprint in which the background is looked at
LEVEL = 3.0  # sigma above zero from which the level of the sky is one
NOT_KNOWN = 0.25  # share of the flux outside the footprint that counts as an error of the model
# The footprint and its share are drawn from the noisy image and follow its noise; simulated, see
# benchmarks/flux_coverage.py.
FOLLOWS_NOISE = 1.18


@dataclass(frozen=True)
class Flux:
    """Flux density in Jy with its statistical error; the survey's flux scale is a term of its own."""

    value: float
    """Sum over the footprint over the beam area, without the noise that the footprint has gathered, divided by the
    share of the flux that it holds."""
    error: float
    """1 sigma: correlated noise of the sum, and what is not known of the flux outside the footprint."""
    raw: float
    """Sum over the footprint over the beam area."""
    beams: float
    """Area of the footprint in beams."""
    bowl: float | None
    """Median of the blank sky within four beams of the footprint, in the image's unit; None where there is none."""
    bowl_error: float | None
    background: float = 0.0
    """Jy that a sky above zero adds to the sum; 0 where its noise (3 sigma) or the error of the flux covers that."""


def integrate(cutout: Cutout, footprint: Footprint, blank: Blank, beam_area: float, *, local: bool = False) -> Flux:
    """Flux density over a footprint of an image in Jy/beam, mJy/beam or uJy/beam; pixels without data count as 0.

    ``beam_area`` in pixels. With ``local`` the median of the sky around the footprint is taken for its background and
    subtracted, which an interferometer's image needs only where an offset is known to be one.
    """
    image = np.asarray(cutout.pixels[footprint.box], dtype=np.float64)
    weights = (footprint.mask & np.isfinite(image)).astype(np.float64)
    width = FWHM * np.sqrt(beam_area / (2.0 * np.pi))
    ring = footprint.blank & (distance(footprint.mask, (1.0, 1.0)) <= RING * width)
    bowl = bowl_error = None
    above = 0.0
    if ring.sum() > beam_area:
        bowl = float(np.median(image[ring]))
        # The median of Gaussian noise scatters by the root of pi / 2 more than the mean.
        bowl_error = float(np.sqrt(np.pi / 2.0 * blank.variance(ring / ring.sum())))
        # What scatters around the level of the sky, not that level itself, is the error of one that is above zero.
        scatter = replace(blank, autocorrelation=blank.autocorrelation - bowl**2)
        level_error = float(np.sqrt(np.pi / 2.0 * max(scatter.variance(ring / ring.sum()), 0.0)))
        above = bowl if bowl > LEVEL * level_error and not local else 0.0
    offset = bowl if local and bowl is not None else 0.0
    to_jy = TO_JY_BEAM[cutout.unit or ""] / beam_area
    raw = float(np.where(weights > 0, image - offset, 0.0).sum()) * to_jy
    outside = 1.0 - footprint.share
    variance = blank.variance(weights)
    noise = FOLLOWS_NOISE * np.sqrt(variance) * to_jy
    if offset and bowl_error is not None:
        noise = np.hypot(noise, weights.sum() * bowl_error * to_jy)
    value = (raw - _gathered(footprint, blank, weights, variance) * to_jy) / footprint.share
    error = float(np.hypot(noise / footprint.share, NOT_KNOWN * outside * value))
    background = above * float(weights.sum()) * to_jy
    beams = float(footprint.mask.sum() / beam_area)
    return Flux(value, error, raw, beams, bowl, bowl_error, background if background > error else 0.0)


def _gathered(footprint: Footprint, blank: Blank, weights: NDArray[np.float64], variance: float) -> float:
    """What a sum with ``weights`` (ny, nx) gains in the median since its footprint moves with the noise, in its unit.

    ``variance`` is that of the sum. Noise that puts a pixel into an island adds pixels around it to the footprint, and
    their noise is correlated with it (Stein's lemma: the mean of such a sum is that of all covariances times the
    changes). The part that shows in the sum itself makes the sum skewed, but leaves its median: what counts is the
    covariance for a given sum.
    """
    if variance == 0.0:
        return 0.0
    islands, mask = footprint.islands, footprint.mask
    middle = blank.autocorrelation.shape[0] // 2
    reach = min(int(footprint.growth), middle)
    lags = np.arange(-reach, reach + 1)
    near = (np.hypot(lags[:, None], lags[None, :]) <= footprint.growth).astype(np.float64)
    part = slice(middle - reach, middle + reach + 1)
    with_sum = convolved(weights, blank.autocorrelation)

    def met(changed: NDArray[np.bool_], pixels: NDArray[np.bool_]) -> float:
        """Covariance of a pixel with all that it changes, the mean over pixels."""
        alone = convolved(changed.astype(np.float64), near * blank.autocorrelation[part, part])
        shown = with_sum * convolved(changed * with_sum, near) / variance
        return float((alone - shown)[pixels].mean()) if pixels.any() else 0.0

    once = mask & (convolved(islands.astype(np.float64), near).round() == 1)  # would leave with one island pixel
    inner, outer = islands & ~ndimage.binary_erosion(islands), ndimage.binary_dilation(islands) & ~islands
    return footprint.swing * 0.5 * (met(once, inner) + met(~mask, outer))


@dataclass(frozen=True, eq=False)
class Forced:
    """Flux densities in Jy of sources of known place and size, fitted together."""

    values: NDArray[np.float64]
    """(k), negative ones included."""
    covariance: NDArray[np.float64]
    """(k, k) in Jy squared; the error of a sum of fluxes is the root of the sum over the block of its sources."""

    @property
    def errors(self) -> NDArray[np.float64]:
        """1 sigma of each flux (k)."""
        return np.sqrt(np.diag(self.covariance))


def forced(cutout: Cutout, places: Sequence[tuple[float, float, float]]) -> Forced | None:
    """Flux densities of sources whose place and size are known, whether or not they are seen.

    Each place is (y, x) in pixels and the size in arcsec (FWHM of a circular Gaussian; 0 is a point), seen by the beam.
    Least squares of the amplitudes alone, all at once, so that neighbours do not take each other's flux: unbiased at
    any S/N. The noise is that of the blank sky within 30 beams. None without unit, beam, noise or coordinates, or where
    a source has less than half of its signal on pixels with data.
    """
    middle = np.mean([place[:2] for place in places], axis=0)
    matrix = to_sky(cutout, float(middle[0]), float(middle[1]))
    if matrix is None or cutout.beam is None or cutout.noise is None or cutout.unit not in TO_JY_BEAM:
        return None
    beam = beam_covariance(cutout.beam, matrix)
    box = _box(cutout, places, NEIGHBOURHOOD * FWHM * float(np.linalg.det(beam)) ** 0.25)
    image = np.asarray(cutout.pixels[box], dtype=np.float64)
    finite = np.isfinite(image)
    shapes, back = [], np.linalg.inv(matrix)
    for y, x, size in places:
        wide = beam + back @ sky_covariance(size, size, 0.0) @ back.T
        concentration = np.sqrt(np.linalg.det(beam) / np.linalg.det(wide))
        shape = _gaussian(image.shape, y - box[0].start, x - box[1].start, wide)
        # The integral of the squared Gaussian over the whole plane.
        if (shape[finite] ** 2).sum() < 0.5 * np.pi * np.sqrt(np.linalg.det(wide)):
            return None
        shapes.append(np.where(finite & (shape > 1e-3), shape, 0.0) * concentration)
    design = np.stack(shapes)
    near = np.asarray(design.any(axis=0))
    blank = blank_sky(image, finite & (image < EMISSION * cutout.noise.rms) & ~near, cutout.noise.rms, beam, near)
    weights = np.tensordot(np.linalg.pinv(np.einsum("iyx,jyx->ij", design, design)), design, axes=1)
    to_jy = TO_JY_BEAM[cutout.unit]
    values = np.einsum("iyx,yx->i", weights, np.nan_to_num(image)) * to_jy
    return Forced(values, blank.covariance(weights) * to_jy**2)


def _box(cutout: Cutout, places: Sequence[tuple[float, float, float]], half: float) -> tuple[slice, slice]:
    low_high = []
    for axis, n in enumerate(cutout.shape):
        at = [place[axis] for place in places]
        low_high.append(slice(max(0, int(np.floor(min(at) - half))), min(n, int(np.ceil(max(at) + half)) + 1)))
    return low_high[0], low_high[1]


def _gaussian(shape: tuple[int, ...], y: float, x: float, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Gaussian of peak 1 at (y, x) on a grid (ny, nx); covariance (x, y) in square pixels."""
    (xx, xy), (_, yy) = np.linalg.inv(covariance)
    dy, dx = (np.arange(shape[0]) - y)[:, None], (np.arange(shape[1]) - x)[None, :]
    return np.asarray(np.exp(-0.5 * (xx * dx**2 + 2.0 * xy * dx * dy + yy * dy**2)))
