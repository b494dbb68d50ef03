"""Neighbours of a source in two images of one beam and grid: how the second is shifted, and how its flux scale relates.

Each neighbour is fitted in both images by the beam alone. A slightly resolved one is fitted too low in both alike, so
the ratio stays right. Errors of place and peak follow from the noise as it is correlated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .. import measure
from ..measure import Blank, blank_sky
from ..measure.geometry import EIGHT, FWHM, beam_covariance, distance, to_sky
from ..schema import Cutout

FAINTEST = 10.0  # S/N in the mean of both images from which a neighbour tells something
MOST = 200  # brightest sources of a field that are looked at
FEWEST_FOR_SHIFT = 3
FEWEST_FOR_SCALE = 10
OUTLYING = 4.0  # sigma beyond which a neighbour is no measure: it is variable, or two sources
MISFIT, RELATIVE_MISFIT = 5.0, 0.1  # rms and share of the peak that residuals of a compact source reach at most
STEPS = 12
CHI_SQUARE_95 = 5.99  # of two degrees of freedom

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbour:
    """One source seen in both images; ``offset`` (east, north) in arcsec is the second's place less the first's."""

    y: float
    x: float
    peaks: tuple[float, float]
    """Of the beam fitted in each image, in Jy/beam, with errors below."""
    peak_errors: tuple[float, float]
    offset: tuple[float, float]
    offset_errors: tuple[float, float]
    compact: bool
    used: bool = True
    """False where its ratio lies beyond those of the others: it varies itself."""

    @property
    def log_ratio(self) -> float:
        """Natural logarithm of the second peak over the first."""
        return float(np.log(self.peaks[1] / self.peaks[0]))

    @property
    def log_error(self) -> float:
        """1 sigma of ``log_ratio``."""
        first, second = (error / peak for error, peak in zip(self.peak_errors, self.peaks, strict=True))
        return float(np.hypot(first, second))


@dataclass(frozen=True)
class Shift:
    """Where the second image lies on the first: (east, north) in arcsec with errors, from so many neighbours."""

    east: float
    north: float
    east_error: float
    north_error: float
    count: int

    @property
    def is_known(self) -> bool:
        """True where it is beyond 95 % of what its errors alone would make: only then is the image moved."""
        return self.east**2 / self.east_error**2 + self.north**2 / self.north_error**2 > CHI_SQUARE_95


@dataclass(frozen=True)
class Scale:
    """Flux scale of the second image over the first's, from compact neighbours."""

    value: float
    error: float
    """Fraction, 1 sigma."""
    scatter: float
    """Fraction by which single sources scatter beyond their noise: position in the field, primary beam, variability."""
    count: int


def find(first: Cutout, second: Cutout, own: NDArray[np.bool_]) -> list[Neighbour]:
    """Sources of two images (ny, nx) of one beam and grid in Jy/beam that both show, without that in ``own``.

    Sources of several islands are left out, as are those within 22 arcsec (or a beam) of the source itself, and those
    with blanks or the edge of the image within their fit.
    """
    mean = mean_of(first, second)
    matrix = to_sky(first, (first.shape[0] - 1) / 2, (first.shape[1] - 1) / 2)
    if matrix is None or first.beam is None or first.pixel_shape is None:
        return []
    beam = beam_covariance(first.beam, matrix)
    pixel = float(np.sqrt(first.pixel_shape.area))
    near = distance(own, (1.0, 1.0)) * pixel <= max(22.0, 2.0 * first.beam.major)
    blanks = [_blank(image, mean, beam) for image in (first, second)]
    found = []
    for source in measure.sources(mean, MOST):
        if source.snr is None or source.snr < FAINTEST:
            break
        y, x = _brightest(mean.pixels, round(source.y), round(source.x), round(FWHM * np.sqrt(beam.max())))
        if source.islands > 1 or near[y, x]:
            continue
        fits = [_fit(image, y, x, beam, blank) for image, blank in zip((first, second), blanks, strict=True)]
        if fits[0] is None or fits[1] is None:
            continue
        found.append(_both(fits[0], fits[1], matrix))
    return found


def shift(found: Sequence[Neighbour]) -> Shift | None:
    """The weighted mean offset of neighbours, those that lie apart left out; None for fewer than three."""
    if len(found) < FEWEST_FOR_SHIFT:
        return None
    offsets, errors = (np.array([getattr(one, key) for one in found]) for key in ("offset", "offset_errors"))
    keep = np.ones(len(found), bool)
    for _ in range(10):
        middle = np.median(offsets[keep], axis=0)
        away = np.abs(offsets - middle) / errors
        usual = np.maximum(1.4826 * np.median(away[keep], axis=0), 1.0)
        inside = (away <= OUTLYING * usual).all(axis=1)
        if (inside == keep).all():
            break
        keep = inside
    if keep.sum() < FEWEST_FOR_SHIFT:
        return None
    weights = 1.0 / errors[keep] ** 2
    mean = (weights * offsets[keep]).sum(axis=0) / weights.sum(axis=0)
    wide = (weights * (offsets[keep] - mean) ** 2).sum(axis=0) / (keep.sum() - 1)
    error = np.sqrt(np.maximum(wide, 1.0) / weights.sum(axis=0))
    return Shift(float(mean[0]), float(mean[1]), float(error[0]), float(error[1]), int(keep.sum()))


def scale(found: Sequence[Neighbour]) -> tuple[Scale | None, list[Neighbour]]:
    """Weighted mean ratio of the compact neighbours, and all of them with those marked that it leaves out.

    Their scatter beyond the noise after DerSimonian and Laird (1986, Control. Clin. Trials 7, 177). None for fewer than
    ten.
    """
    compact = [place for place, one in enumerate(found) if one.compact and min(one.peaks) > 0.0]
    if len(compact) < FEWEST_FOR_SCALE:
        return None, list(found)
    ratios, errors = (np.array([getattr(found[i], key) for i in compact]) for key in ("log_ratio", "log_error"))
    keep = np.ones(len(compact), bool)
    scatter = mean = 0.0
    for _ in range(10):
        middle = np.median(ratios[keep])
        usual = np.maximum(1.4826 * np.median(np.abs(ratios[keep] - middle) / errors[keep]), 1.0)
        inside = np.abs(ratios - middle) / errors <= OUTLYING * usual
        mean, scatter = _pooled(ratios[inside], errors[inside])
        if (inside == keep).all():
            break
        keep = inside
    told = list(found)
    for place, is_used in zip(compact, keep, strict=True):
        told[place] = replace(told[place], used=bool(is_used))
    if keep.sum() < FEWEST_FOR_SCALE:
        return None, told
    weights = 1.0 / (errors[keep] ** 2 + scatter**2)
    return Scale(float(np.exp(mean)), float(1.0 / np.sqrt(weights.sum())), float(scatter), int(keep.sum())), told


def _pooled(ratios: Array, errors: Array) -> tuple[float, float]:
    """Mean of logarithms with errors, and their scatter beyond these."""
    weights = 1.0 / errors**2
    mean = float((weights * ratios).sum() / weights.sum())
    spread = float((weights * (ratios - mean) ** 2).sum())
    left = float(weights.sum() - (weights**2).sum() / weights.sum())
    scatter = float(np.sqrt(max((spread - (len(ratios) - 1)) / left, 0.0))) if left > 0 else 0.0
    weights = 1.0 / (errors**2 + scatter**2)
    return float((weights * ratios).sum() / weights.sum()), scatter


def mean_of(first: Cutout, second: Cutout, scale: float = 1.0) -> Cutout:
    """Mean (ny, nx) of two images of one grid, the second over ``scale``; blank where either is."""
    pixels = ((first.pixels + second.pixels / np.float32(scale)) / 2.0).astype(np.float32)
    return replace(first, pixels=pixels, noise=measure.noise(pixels), sha256="", native=None)


def _blank(image: Cutout, mean: Cutout, beam: Array) -> Blank:
    """Noise of the whole image, away from the emission of both."""
    assert image.noise is not None
    low, high = measure.thresholds(mean)
    islands, _ = ndimage.label(mean.pixels > low, structure=EIGHT)
    bright = np.unique(islands[mean.pixels >= high])
    emission = np.isin(islands, bright[bright > 0])
    width = FWHM * float(np.linalg.det(beam)) ** 0.25
    away = np.isfinite(image.pixels) & (distance(emission, (1.0, 1.0)) > 1.5 * width)
    return blank_sky(image.pixels.astype(np.float64), away, image.noise.rms, beam)


@dataclass(frozen=True)
class _Fit:
    peak: float
    y: float
    x: float
    errors: Array
    """Covariance (3, 3) of peak, y, x."""
    compact: bool


def _fit(image: Cutout, y: int, x: int, beam: Array, blank: Blank) -> _Fit | None:
    """The beam fitted to a source around its brightest pixel: peak and place; None where it does not settle there."""
    half = int(np.ceil(1.1 * FWHM * np.sqrt(np.diag(beam).max())))
    if min(y, x) < half or y + half >= image.shape[0] or x + half >= image.shape[1]:
        return None
    stamp = image.pixels[y - half : y + half + 1, x - half : x + half + 1].astype(np.float64)
    if not np.isfinite(stamp).all():
        return None
    (xx, xy), (_, yy) = np.linalg.inv(beam)
    grid = np.arange(-half, half + 1, dtype=np.float64)
    peak, at = float(stamp[half, half]), np.zeros(2)
    design, residual, near = np.empty((0, 3)), np.empty(0), np.zeros(stamp.shape, bool)
    for _ in range(STEPS):
        dy, dx = (grid - at[0])[:, None], (grid - at[1])[None, :]
        height = np.exp(-0.5 * (xx * dx**2 + 2.0 * xy * dx * dy + yy * dy**2))
        near = height > 0.15
        slopes = (yy * dy + xy * dx) * height, (xx * dx + xy * dy) * height
        design = np.stack([height[near], peak * slopes[0][near], peak * slopes[1][near]], axis=1)
        residual = (stamp - peak * height)[near]
        step = np.linalg.lstsq(design, residual, rcond=None)[0]
        peak, at = peak + float(step[0]), at + np.clip(step[1:], -1.0, 1.0)
        if peak <= 0.0 or np.abs(at).max() > half / 2:
            return None
        if np.abs(step[1:]).max() < 1e-5:
            break
    weights = np.zeros((3, *stamp.shape))
    weights[:, near] = np.linalg.pinv(design)
    middle = blank.autocorrelation.shape[0] // 2
    rms = float(np.sqrt(blank.autocorrelation[middle, middle]))
    compact = bool(np.abs(residual).max() <= max(MISFIT * rms, RELATIVE_MISFIT * peak))
    return _Fit(peak, y + float(at[0]), x + float(at[1]), blank.covariance(weights), compact)


def _both(first: _Fit, second: _Fit, matrix: Array) -> Neighbour:
    """A neighbour from its two fits."""
    offset = matrix @ np.array([second.x - first.x, second.y - first.y])
    places = sum(fit.errors[np.ix_([2, 1], [2, 1])] for fit in (first, second))
    spread = np.sqrt(np.diag(matrix @ places @ matrix.T))
    return Neighbour(
        y=first.y,
        x=first.x,
        peaks=(first.peak, second.peak),
        peak_errors=(float(np.sqrt(first.errors[0, 0])), float(np.sqrt(second.errors[0, 0]))),
        offset=(float(offset[0]), float(offset[1])),
        offset_errors=(float(spread[0]), float(spread[1])),
        compact=first.compact and second.compact,
    )


def _brightest(image: NDArray[np.float32], y: int, x: int, reach: int) -> tuple[int, int]:
    """The brightest pixel within a reach of a place."""
    y0, x0 = max(y - reach, 0), max(x - reach, 0)
    part = image[y0 : y + reach + 1, x0 : x + reach + 1]
    row, column = np.unravel_index(int(np.nanargmax(part)), part.shape)
    return y0 + int(row), x0 + int(column)
