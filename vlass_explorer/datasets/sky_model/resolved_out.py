"""Resolved-out flux: an interferometer measures no baselines shorter than some, and does not see what they would.

The transmission at a baseline of u wavelengths is 1 - 2^-(u θ)^2: none at zero, one half at u = 1/θ, where θ is the
largest angular scale in radians. The VLA handbook gives θ = 58 arcsec for VLASS (S band, B array), 120 for FIRST, 970
for NVSS. It is the transform of a delta function less a Gaussian, so that what it does to a Gaussian sky is a Gaussian
too. The integral over the whole plane is zero: a source sits in a bowl that is as deep as the source is large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...schema import Beam
from .components import Component, Covariance, beam_covariance


def transmission(baseline: NDArray[np.float64], largest_scale: float) -> NDArray[np.float64]:
    """Share of the visibility that is left at baselines in wavelengths; ``largest_scale`` in arcsec."""
    return 1.0 - np.exp2(-np.square(baseline * np.radians(largest_scale / 3600.0)))


def bowl_covariance(largest_scale: float) -> Covariance:
    """Covariance of the Gaussian whose convolution with the sky is taken off it."""
    return np.eye(2) * np.log(2.0) * (largest_scale / np.pi) ** 2 / 2.0


def kept_fraction(part: Component, beam: Beam, largest_scale: float | None) -> float:
    """Flux over true flux that a fit of the component's own shape, seen by the beam, finds without noise.

    1 for a point in a small beam, towards 0 for what is larger than the largest scale. An aperture of the shape's
    extent finds about as much, the sum over the whole plane nothing.
    """
    if largest_scale is None:
        return 1.0
    seen = 2.0 * (beam_covariance(beam) + part.covariance)
    return float(1.0 - np.sqrt(np.linalg.det(seen) / np.linalg.det(seen + bowl_covariance(largest_scale))))
