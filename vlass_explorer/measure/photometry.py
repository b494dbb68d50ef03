"""Flux density of a source with an error that covers the truth: sums over a footprint, and fits of a known shape.

Radio interferometers have no background, so none is subtracted unless it is asked for: a source often sits in a
negative bowl where short spacings are missing, and the depth of the bowl is reported instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..schema import Cutout
from .covariance import Blank, blank_sky
from .detection import TO_JY_BEAM
from .footprint import NEIGHBOURHOOD, Footprint
from .geometry import FWHM, beam_covariance, distance, sky_covariance, to_sky

RING = 4.0  # beams (FWHM) beyond the footprint in which the background is looked at
NOT_KNOWN = 0.25  # share of the flux outside the footprint that counts as an error of the model
# The footprint is drawn on the noisy image and follows its noise; simulated, see benchmarks/flux_coverage.py. The
# first number holds for every footprint, the second grows with the flux that lies across its edge.
FOLLOWS_NOISE = (1.05, 1.5)


@dataclass(frozen=True)
class Flux:
    """Flux density in Jy with its statistical error; the survey's flux scale is a term of its own."""

    value: float
    """Sum over the footprint over the beam area, divided by the share of the flux that the footprint holds."""
    error: float
    """1 sigma: correlated noise of the sum, and what is not known of the flux outside the footprint."""
    raw: float
    """Sum over the footprint over the beam area."""
    beams: float
    """Area of the footprint in beams."""
    bowl: float | None
    """Median of the blank sky within four beams of the footprint, in the image's unit; None where there is none."""
    bowl_error: float | None


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
    if ring.sum() > beam_area:
        bowl = float(np.median(image[ring]))
        # The median of Gaussian noise scatters by the root of pi / 2 more than the mean.
        bowl_error = float(np.sqrt(np.pi / 2.0 * blank.variance(ring / ring.sum())))
    offset = bowl if local and bowl is not None else 0.0
    to_jy = TO_JY_BEAM[cutout.unit or ""] / beam_area
    raw = float(np.where(weights > 0, image - offset, 0.0).sum()) * to_jy
    outside = 1.0 - footprint.share
    follows = FOLLOWS_NOISE[0] - FOLLOWS_NOISE[1] * outside * np.log(max(outside, 1e-12))
    noise = follows * np.sqrt(blank.variance(weights)) * to_jy
    if offset and bowl_error is not None:
        noise = np.hypot(noise, weights.sum() * bowl_error * to_jy)
    value = raw / footprint.share
    error = float(np.hypot(noise / footprint.share, NOT_KNOWN * outside * value))
    return Flux(value, error, raw, float(footprint.mask.sum() / beam_area), bowl, bowl_error)


def forced(
    cutout: Cutout, y: float, x: float, size: float = 0.0, blank: Blank | None = None
) -> tuple[float, float] | None:
    """Flux density and its 1 sigma error in Jy of a source of known place and size, whether or not it is seen.

    Least squares of one amplitude: the beam at pixel (y, x), convolved with a circular Gaussian of ``size`` arcsec
    (FWHM; 0 is a point). Unbiased at any S/N, negative values included. The noise is that of the blank sky around the
    place, or ``blank``. None without unit, beam, noise or coordinates, or where half of the beam has no data.
    """
    matrix = to_sky(cutout, y, x)
    if matrix is None or cutout.beam is None or cutout.noise is None or cutout.unit not in TO_JY_BEAM:
        return None
    beam = beam_covariance(cutout.beam, matrix)
    wide = beam + np.linalg.inv(matrix) @ sky_covariance(size, size, 0.0) @ np.linalg.inv(matrix).T
    box = _box(cutout, y, x, NEIGHBOURHOOD * FWHM * float(np.linalg.det(beam)) ** 0.25)
    image = np.asarray(cutout.pixels[box], dtype=np.float64)
    shape = _gaussian(image.shape, y - box[0].start, x - box[1].start, wide)
    finite = np.isfinite(image)
    template = np.where(finite & (shape > 1e-3), shape * np.sqrt(np.linalg.det(beam) / np.linalg.det(wide)), 0.0)
    if (template**2).sum() < 0.5 * (shape**2).sum() * np.linalg.det(beam) / np.linalg.det(wide):
        return None
    if blank is None:
        quiet = finite & (image < 5.0 * cutout.noise.rms) & (shape < 1e-3)
        blank = blank_sky(image, quiet, cutout.noise.rms, beam)
    to_jy = TO_JY_BEAM[cutout.unit] / (template**2).sum()
    return float((template * np.nan_to_num(image)).sum() * to_jy), float(np.sqrt(blank.variance(template)) * to_jy)


def _box(cutout: Cutout, y: float, x: float, half: float) -> tuple[slice, slice]:
    places = zip((y, x), cutout.shape, strict=True)
    low_high = [(max(0, int(np.floor(at - half))), min(n, int(np.ceil(at + half)) + 1)) for at, n in places]
    return slice(*low_high[0]), slice(*low_high[1])


def _gaussian(shape: tuple[int, ...], y: float, x: float, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Gaussian of peak 1 at (y, x) on a grid (ny, nx); covariance (x, y) in square pixels."""
    (xx, xy), (_, yy) = np.linalg.inv(covariance)
    dy, dx = (np.arange(shape[0]) - y)[:, None], (np.arange(shape[1]) - x)[None, :]
    return np.asarray(np.exp(-0.5 * (xx * dx**2 + 2.0 * xy * dx * dy + yy * dy**2)))
