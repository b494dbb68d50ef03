"""Noise of an image as it is correlated from pixel to pixel, measured where the sky is blank.

Noise of an interferometer is correlated over a beam, and over more where the sidelobes of the dirty beam, an
incomplete CLEAN or a mosaic leave structure. Its rms alone gives no error of a sum: the variance of a weighted sum is
the sum over all lags of the autocorrelation of the noise times that of the weights.

Noise is not the same everywhere: around a bright source residual sidelobes raise it. How it is correlated is measured
over all of the blank sky, after the noise has been divided by its local rms; how strong it is, near the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from .geometry import FWHM, distance

REACH = 5.0  # beams (FWHM); real blank sky of FIRST, VLASS and LoTSS shows no correlation beyond that adds to a sum
FEWEST = 30.0  # beams of blank sky below which the autocorrelation is taken from the beam instead
LOCAL = 4.25  # beams (FWHM); scale of the Gaussian weights of local noise: within it lie about 200 beams, 5 % in rms

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blank:
    """Autocorrelation (2n + 1, 2n + 1) of the blank sky around a source, lag 0 in the middle, in squared unit."""

    autocorrelation: Array
    beams: float
    """Area of blank sky that it was measured on, in beams."""
    measured: bool
    """False where too little sky is blank: then white noise seen through the beam is assumed, at the image's rms."""

    def covariance(self, weights: Array) -> Array:
        """Covariance (k, k) in squared unit of k sums of noise times ``weights`` (k, ny, nx)."""
        tight = _tight(weights)
        return np.asarray(np.einsum("iyx,jyx->ij", tight, convolved(tight, self.autocorrelation)))

    def variance(self, weights: Array) -> float:
        """Variance in squared unit of the sum of noise times ``weights`` (ny, nx).

        Never below that of as much uncorrelated noise: an autocorrelation from a small patch can sum to less than 0.
        """
        middle = self.autocorrelation.shape[0] // 2
        least = float(self.autocorrelation[middle, middle] * (weights**2).sum())
        return max(float(self.covariance(weights[None])[0, 0]), least)


def convolved(image: Array, kernel: Array) -> Array:
    """Images (..., ny, nx) convolved with a kernel of odd sides, zero beyond their edges; NaN spreads everywhere.

    scipy.signal has it, too, but brings scipy.stats, which takes longer to import than a prediction to make.
    """
    size = [fft.next_fast_len(n + k - 1, real=True) for n, k in zip(image.shape[-2:], kernel.shape, strict=True)]
    whole = fft.irfft2(fft.rfft2(image, size) * fft.rfft2(kernel, size), size)
    part = tuple(slice(k // 2, k // 2 + n) for n, k in zip(image.shape[-2:], kernel.shape, strict=True))
    return np.asarray(whole[(..., *part)])


def _tight(weights: Array) -> Array:
    """The smallest box (k, ny, nx) that holds all weights that are not zero."""
    used = (weights != 0.0).any(axis=0)
    ys, xs = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    return weights[:, ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] if ys.size else weights


def blank_sky(
    image: Array, blank: NDArray[np.bool_], rms: float, covariance: Array, near: NDArray[np.bool_] | None = None
) -> Blank:
    """Autocorrelation of the noise of an image (ny, nx) over its ``blank`` pixels, which must be finite.

    ``covariance`` is that of the beam in square pixels. The mean of the noise is zero: an interferometer has no
    background. Lags reach to five beams; each is divided by the number of pairs of blank pixels at that lag. With
    ``near`` (ny, nx), the pixels of a source, the strength of the noise is that of the sky around them.
    """
    width = FWHM * float(np.linalg.det(covariance)) ** 0.25
    reach = int(np.ceil(REACH * width))
    beam = float(2.0 * np.pi * np.sqrt(np.linalg.det(covariance)))
    beams = float(blank.sum() / beam)
    if beams < FEWEST:
        return Blank(rms**2 * _through_beam(covariance, reach), beams, measured=False)
    noise, strength = np.where(blank, image, 0.0), 1.0
    if near is not None and near.any():
        noise, strength = _local(noise, blank, near, LOCAL * width, beam)
    products, pairs = _autocorrelations(np.stack([noise, blank]), reach)
    return Blank(strength * products / np.maximum(pairs.round(), 1.0), beams, measured=True)


def _local(
    noise: Array, blank: NDArray[np.bool_], near: NDArray[np.bool_], scale: float, beam: float
) -> tuple[Array, float]:
    """Noise (ny, nx) over its local rms, and its mean square around ``near``; ``scale`` and ``beam`` in pixels.

    The mean square of all blank sky counts as much as ``FEWEST`` beams around the source: one found on little sky
    scatters, and must not make an error.
    """
    squares = noise**2
    sky, level = _smoothed(np.stack([blank, squares]), scale)
    flat = np.divide(
        noise, np.sqrt(np.maximum(level, 0.0) / np.maximum(sky, 1e-9)), out=np.zeros_like(noise), where=level > 0.0
    )
    weights = blank * np.exp(-0.5 * (distance(near, (1.0, 1.0)) / scale) ** 2)
    total, pixels = float(weights.sum()), np.count_nonzero(blank)
    beams = total**2 / max(float((weights**2).sum()), 1e-300) / beam
    around = float((weights * squares).sum()) / max(total, 1e-300)
    everywhere = float(squares.sum() / pixels)
    strength = (beams * around + FEWEST * everywhere) / (beams + FEWEST)
    return flat, strength / max(float((flat**2).sum() / pixels), 1e-300)


def _through_beam(covariance: Array, reach: int) -> Array:
    """Autocorrelation of white noise convolved with a beam, 1 at lag 0: a Gaussian wider by the root of two."""
    lags = np.arange(-reach, reach + 1, dtype=np.float64)
    (xx, xy), (_, yy) = np.linalg.inv(2.0 * covariance)
    dy, dx = lags[:, None], lags[None, :]
    return np.asarray(np.exp(-0.5 * (xx * dx**2 + 2.0 * xy * dx * dy + yy * dy**2)))


def _smoothed(images: Array, scale: float) -> Array:
    """Images (..., ny, nx) convolved with a Gaussian of that sigma, cut at three of them, zero beyond their edges.

    A Gaussian as wide as this one costs less by the spectra of the images than pixel by pixel; seven digits are more
    than the noise has.
    """
    radius = int(3.0 * scale + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / scale) ** 2)
    weights /= weights.sum()
    size = [fft.next_fast_len(n + radius, real=True) for n in images.shape[-2:]]
    spectra = fft.rfft2(images.astype(np.float32), size)
    across = fft.rfft(_around_zero(weights, size[1])).real.astype(np.float32)
    along = fft.fft(_around_zero(weights, size[0])).real.astype(np.float32)
    whole = fft.irfft2(spectra * (along[:, None] * across), size)
    return np.asarray(whole[..., : images.shape[-2], : images.shape[-1]])


def _around_zero(weights: Array, size: int) -> Array:
    """Weights of odd length with their middle at the first place of a period of ``size``."""
    radius = len(weights) // 2
    found = np.zeros(size)
    np.add.at(found, np.arange(-radius, radius + 1) % size, weights)
    return found


def _autocorrelations(images: Array, reach: int) -> Array:
    """Sums of products of images (..., ny, nx) with themselves at lags -reach to reach, zero beyond their edges.

    From spectra in single precision: a millionth of the noise at lag 0.
    """
    shape = images.shape[-2:]
    size = [fft.next_fast_len(n + reach, real=True) for n in shape]
    spectra = fft.rfft2(images.astype(np.float32), size)
    power = (spectra.real**2 + spectra.imag**2).astype(np.complex64)
    lags = np.arange(-reach, reach + 1)
    # An image narrower than the reach wraps around itself: lags beyond its width have no pairs.
    inside = [np.abs(lags) < n for n in shape]
    # As ``irfft2``, of the rows of those lags alone.
    rows = fft.ifft(power, axis=-2, norm="forward", overwrite_x=True)[..., lags, :]
    found = fft.irfft(rows, size[1], norm="forward")[..., lags] * np.float32(1.0 / (size[0] * size[1]))
    return np.where(inside[0][:, None] & inside[1][None, :], found.astype(np.float64), 0.0)
