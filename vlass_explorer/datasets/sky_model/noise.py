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

NoiseKind = Literal["beam", "convolved"]
REACH = 6.0  # sigmas of the autocorrelation; beyond it pixels are independent


def noise(random: Generator, grid: Grid, beam: Beam, rms: float, kind: NoiseKind = "beam") -> NDArray[np.float64]:
    """Gaussian noise (ny, nx) of expected ``rms``, in its unit, with the autocorrelation that ``kind`` names.

    The beam is taken in pixels at the centre of the grid. By circulant embedding (Dietrich and Newsam 1997, SIAM J.
    Sci. Comput. 18, 1088): the autocorrelation at whole pixels is exact, also for a beam that the pixels undersample.
    """
    pixels = np.linalg.inv(grid.jacobian)
    own = pixels @ autocorrelation_covariance(beam, kind) @ pixels.T
    sides = tuple(
        next_fast_len(side + int(np.ceil(REACH * np.sqrt(spread))), real=True)
        for side, spread in zip(grid.shape, (own[1, 1], own[0, 0]), strict=True)
    )
    transfer = _transfer((sides[0], sides[1]), tuple(map(float, own.ravel())))
    field = irfft2(rfft2(random.standard_normal(sides)) * transfer, s=sides)
    return np.asarray(rms * field[: grid.shape[0], : grid.shape[1]])


def autocorrelation_covariance(beam: Beam, kind: NoiseKind) -> Covariance:
    """Covariance of the Gaussian that the autocorrelation of the noise is, in square arcsec."""
    return beam_covariance(beam) * {"beam": 1.0, "convolved": 2.0}[kind]


@lru_cache(maxsize=16)
def _transfer(sides: Shape, own: tuple[float, ...]) -> NDArray[np.float64]:
    """Root of the transform (ny, nx // 2 + 1) of the autocorrelation on a torus: what colours white noise on it."""
    row, column = (np.fft.fftfreq(side, 1.0 / side) for side in sides)
    inverse = np.linalg.inv(np.array(own).reshape(2, 2))
    shape = np.zeros(sides)
    for turn_y in (-1, 0, 1):
        for turn_x in (-1, 0, 1):
            dy, dx = (row + turn_y * sides[0])[:, None], (column + turn_x * sides[1])[None, :]
            shape += np.exp(-0.5 * (inverse[0, 0] * dx**2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy**2))
    return np.sqrt(np.maximum(rfft2(shape).real, 0.0))
