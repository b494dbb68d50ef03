"""Noise of stated autocorrelation.

"beam": the autocorrelation is the beam, as in an image of naturally weighted visibilities: weights of 1/variance are
the power spectrum of the noise, and their transform is the beam. "convolved": white noise convolved with the beam, as
a smoothed image has it; the autocorrelation is the beam convolved with itself, root two wider. An aperture of many
beams scatters by rms √N in the first case and √2 rms √N in the second, for N beams (after Condon 1997, PASP 109, 166).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from ...schema import Beam
from .components import Covariance, Generator, beam_covariance
from .grids import Grid, Shape
from .resolved_out import bowl_covariance

NoiseKind = Literal["beam", "convolved"]
REACH = 6.0  # sigmas of the autocorrelation; beyond it pixels are independent


def noise(
    random: Generator,
    grid: Grid,
    beam: Beam,
    rms: float,
    kind: NoiseKind = "beam",
    largest_scale: float | None = None,
) -> NDArray[np.float64]:
    """Gaussian noise (ny, nx) of expected ``rms``, in its unit, with the autocorrelation of ``autocorrelation``.

    The beam is taken in pixels at the centre of the grid. By circulant embedding (Dietrich and Newsam 1997, SIAM J.
    Sci. Comput. 18, 1088): the autocorrelation at whole pixels is exact, also for a beam that the pixels undersample.
    """
    turn = np.linalg.inv(grid.jacobian)
    terms = [(weight, turn @ own @ turn.T) for weight, own in autocorrelation(beam, kind, largest_scale)]
    widest = np.diag(terms[-1][1])[::-1]
    height, width = (
        next_fast_len(side + int(np.ceil(REACH * np.sqrt(spread))), real=True)
        for side, spread in zip(grid.shape, widest, strict=True)
    )
    key = tuple((weight, *map(float, own[np.triu_indices(2)])) for weight, own in terms)
    colour = _colour((height, width), key)
    field = irfft2(rfft2(random.standard_normal((height, width))) * colour, s=(height, width))
    return np.asarray(rms * field[: grid.shape[0], : grid.shape[1]])


def autocorrelation(
    beam: Beam, kind: NoiseKind, largest_scale: float | None = None
) -> tuple[tuple[float, Covariance], ...]:
    """Autocorrelation of the noise as a sum of Gaussians of unit peak: weight and covariance in square arcsec of each.

    1 where they add up at no distance. With a ``largest_scale`` in arcsec the power on short baselines is missing as
    in the sky: the noise swings about zero, and large apertures scatter less.
    """
    own = beam_covariance(beam) * {"beam": 1.0, "convolved": 2.0}[kind]
    if largest_scale is None:
        return ((1.0, own),)
    wide = own + bowl_covariance(largest_scale)
    depth = float(np.sqrt(np.linalg.det(own) / np.linalg.det(wide)))
    return (1.0 / (1.0 - depth), own), (-depth / (1.0 - depth), wide)


@lru_cache(maxsize=16)
def _colour(sides: Shape, terms: tuple[tuple[float, ...], ...]) -> NDArray[np.float64]:
    """Root of the transform (ny, nx // 2 + 1) of the autocorrelation on a torus: what colours white noise on it."""
    row, column = (np.fft.fftfreq(side, 1.0 / side) for side in sides)
    found = np.zeros(sides)
    for weight, xx, xy, yy in terms:
        (pxx, pxy), (_, pyy) = np.linalg.inv([[xx, xy], [xy, yy]])
        for turn_y in (-1, 0, 1):
            for turn_x in (-1, 0, 1):
                dy, dx = (row + turn_y * sides[0])[:, None], (column + turn_x * sides[1])[None, :]
                found += weight * np.exp(-0.5 * (pxx * dx**2 + 2 * pxy * dx * dy + pyy * dy**2))
    return np.sqrt(np.maximum(rfft2(found).real, 0.0))
