"""Fits of one Gaussian to a compact source: its peak at the shape of the beam, and its size with the beam removed.

Least squares over the footprint; the errors of the parameters follow from the noise as it is correlated (the
"sandwich" of the design matrix and the covariance of the noise), which for correlated noise is what Condon (1997, PASP
109, 166) approximates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..schema import Cutout
from .covariance import Blank
from .footprint import Footprint
from .geometry import FWHM, axes_of, beam_covariance, box_around, to_sky

RESOLVED = 3.0  # sigma by which a size must exceed that of a point to be one
MISFIT = 5.0  # rms that residuals may reach before the source is no single Gaussian ...
RELATIVE_MISFIT = 0.1  # ... and share of the peak: dynamic range and sampling limit bright sources

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GaussianFit:
    """One elliptical Gaussian; sizes are full widths at half maximum in arcsec with the beam removed."""

    y: float
    x: float
    """Centre in pixels of the whole image."""
    peak: float
    """Peak of the fit in the image's unit."""
    peak_error: float
    position_error: float
    """1 sigma of the centre along its worse axis in arcsec, noise only."""
    major: float = 0.0
    minor: float = 0.0
    pa: float = 0.0
    """Position angle in degrees from north through east, 0 to 180."""
    major_error: float = 0.0
    minor_error: float = 0.0
    limit: float | None = None
    """Upper limit of the major axis (3 sigma) where the source is not resolved; the sizes are then 0."""
    single: bool = True
    """False where residuals show that the source is not one Gaussian."""


def fit_peak(cutout: Cutout, footprint: Footprint, blank: Blank) -> GaussianFit | None:
    """Amplitude and place of the beam fitted to a source, the least noisy peak of an unresolved one."""
    return _fit(cutout, footprint, blank, free=False)


def fit_gaussian(cutout: Cutout, footprint: Footprint, blank: Blank) -> GaussianFit | None:
    """Amplitude, place and shape of one Gaussian fitted to a source, deconvolved from the beam.

    The covariance matrix of the beam is subtracted from that of the fit, so no size depends on how the source lies on
    the grid. None where the fit does not converge.
    """
    return _fit(cutout, footprint, blank, free=True)


def _fit(cutout: Cutout, footprint: Footprint, blank: Blank, *, free: bool) -> GaussianFit | None:
    image, box = cutout.pixels[footprint.box], box_around(footprint.mask)
    use = footprint.mask[box] & np.isfinite(image[box])
    if use.sum() < 8:
        return None
    values = image[box][use].astype(np.float64)
    ys, xs = (at + float(side.start) for at, side in zip(np.nonzero(use), box, strict=True))  # in the footprint's box
    top = int(np.argmax(values))
    scale = float(values[top])
    matrix = to_sky(cutout, float(ys[top]) + footprint.box[0].start, float(xs[top]) + footprint.box[1].start)
    if matrix is None or cutout.beam is None:
        return None
    beam = beam_covariance(cutout.beam, matrix)
    shape_of_beam = np.linalg.cholesky(beam)[[0, 1, 1], [0, 0, 1]]
    start = np.array([scale, ys[top], xs[top], *(shape_of_beam if free else ())])
    slope = np.empty((start.size, values.size))

    def shape(p: Array) -> tuple[Array, Array, Array]:
        """Brightness over the peak (n) and the offsets u, v (n) in sigmas along the factor's rows."""
        first, aslant, second = (p[3:] if free else shape_of_beam).tolist()
        u = (xs - float(p[2])) / first
        v = (ys - float(p[1]) - aslant * u) / second
        return np.exp(-0.5 * (u**2 + v**2)), u, v

    def slopes(p: Array) -> Array:
        """Derivatives (k, n) of the residuals by amplitude, y, x and the factor's three numbers, in one array."""
        first, aslant, second = (p[3:] if free else shape_of_beam).tolist()
        height, u, v = shape(p)
        slope[0] = height / scale
        slope[1] = slope[0] * v * (float(p[0]) / second)
        slope[2] = slope[0] * (u - aslant / second * v) * (float(p[0]) / first)
        if free:
            slope[3], slope[4], slope[5] = slope[2] * u, slope[1] * u, slope[1] * v
        return slope

    # Here and not above: a prediction alone fits nothing.
    from scipy import optimize

    try:
        # MINPACK's, as least_squares calls it, without what that looks at before and after.
        p, _, _, _, ended = optimize.leastsq(
            lambda p: (p[0] * shape(p)[0] - values) / scale,
            start,
            Dfun=slopes,
            full_output=True,
            col_deriv=True,
            ftol=1e-8,
            xtol=1e-8,
            gtol=1e-8,
            maxfev=100 * len(start),
            diag=1.0 / np.array([scale, *np.ones(start.size - 1)]),
        )
        design = slopes(p) * scale
        inverse = np.linalg.inv(design @ design.T)
    except (ValueError, np.linalg.LinAlgError, FloatingPointError):
        return None
    if ended not in (1, 2, 3, 4) or not np.isfinite(p).all():
        return None
    y, x = _nearest(p[1:3], image.shape)
    if not ((ys == y) & (xs == x)).any():
        return None
    images = np.zeros((p.size, *use.shape))
    images[:, use] = inverse @ design
    errors = blank.covariance(images)
    spread = matrix @ errors[np.ix_([2, 1], [2, 1])] @ matrix.T
    residual = values - p[0] * shape(p)[0]
    rms = np.sqrt(blank.autocorrelation[(blank.autocorrelation.shape[0] // 2,) * 2])
    single = bool(np.abs(residual).max() < max(MISFIT * rms, RELATIVE_MISFIT * p[0]))
    size: dict[str, Any] = _deconvolved(p[3:], errors[3:, 3:], matrix, beam) if free else {}
    return GaussianFit(
        y=float(p[1]) + footprint.box[0].start,
        x=float(p[2]) + footprint.box[1].start,
        peak=float(p[0]),
        peak_error=float(np.sqrt(errors[0, 0])),
        position_error=float(np.sqrt(max(np.linalg.eigvalsh(spread)[-1], 0.0))),
        single=single,
        **size,
    )


def _nearest(place: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.clip(round(float(at)), 0, n - 1)) for at, n in zip(place, shape, strict=True))


def _deconvolved(lower: Array, errors: Array, matrix: Array, beam: Array) -> dict[str, Any]:
    """Axes of the source without the beam, their errors by the derivative of each squared width, or a limit."""
    first, aslant, second = lower.tolist()
    factor = np.array([[first, 0.0], [aslant, second]])
    values, vectors = np.linalg.eigh(matrix @ (factor @ factor.T - beam) @ matrix.T * FWHM**2)
    # The squared width along a direction (x, y), without the beam's, is that of a row times the factor.
    x, y = matrix.T @ vectors
    along = first * x + aslant * y
    slopes = 2.0 * FWHM**2 * np.stack([along * x, along * y, second * y**2])
    minor_sigma, major_sigma = np.sqrt(np.maximum((slopes * (errors @ slopes)).sum(axis=0), 0.0)).tolist()
    minor2, major2 = values.tolist()
    if major2 < RESOLVED * major_sigma:
        return {"limit": float(np.sqrt(max(major2, 0.0) + 3.0 * major_sigma))}
    major, minor, pa = axes_of(vectors @ np.diag(values / FWHM**2) @ vectors.T)
    # A minor axis that is not resolved has the width that its error allows.
    return {
        "major": major,
        "minor": minor,
        "pa": pa,
        "major_error": major_sigma / (2.0 * major),
        "minor_error": minor_sigma / (2.0 * minor) if minor2 > minor_sigma else float(np.sqrt(minor_sigma)),
    }
