"""How bright an artefact of a bright source may be on a VLASS image: the dynamic range at a distance from it.

NRAO's guide to the Single Epoch images gives a dynamic range of more than 100 at 9 to 15 arcsec and of more than 400 at
180 to 200 arcsec from a bright source, about twice that of the Quick Look images. Between the two it is taken as a
power law of the distance. What the flags of the catalogue of Gordon et al. (2021, ApJS 255, 30) say of that rule is in
``benchmarks/sidelobe_rule.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import quantities
from ..schema import Cutout, PixelShape
from .detection import TO_JY_BEAM, source_mask
from .sources import sources

NEAR, FAR = (15.0, 100.0), (190.0, 400.0)  # arcsec; peak of a source over that of its artefacts, Single Epoch
QUICK_LOOK = 0.5  # of the dynamic range of a Single Epoch image
REACH = 255.0  # arcsec; half the diagonal of the square of 6 arcmin that is fetched around one of 3


def dynamic_range(distance: ArrayLike, *, quick_look: bool) -> NDArray[np.float64]:
    """Peak of a bright source over that of the artefacts at distances in arcsec, any shape; flat beyond both ends."""
    places, ranges = np.log([NEAR[0], FAR[0]]), np.log([NEAR[1], FAR[1]])
    found = np.exp(np.interp(np.log(np.maximum(distance, 1e-3)), places, ranges))
    return np.asarray(found * (QUICK_LOOK if quick_look else 1.0))


def caution(cutout: Cutout) -> str | None:
    """Why the source at the centre of a real VLASS image may be an artefact of a brighter one anywhere in it, or None.

    Peaks are compared, of sources as ``sources`` finds them in the whole cutout, which may be larger than what a model
    sees. None for other surveys, whose dynamic range this is not, and where there is nothing to compare.
    """
    origin = cutout.origin
    if origin.survey != "VLASS" or origin.simulated or cutout.noise is None or cutout.unit not in TO_JY_BEAM:
        return None
    own = source_mask(cutout)
    if not own.any():
        return None
    peak = float(cutout.pixels[own].max())
    # A quick look first: without a pixel this bright there is nothing to find.
    if np.nanmax(cutout.pixels) <= peak * float(dynamic_range(0.0, quick_look=origin.quick_look)):
        return None
    y, x = np.unravel_index(int(np.argmax(np.where(own, cutout.pixels, -np.inf))), own.shape)
    steps = (cutout.pixel_shape or PixelShape.square(1.0)).steps
    worst: tuple[float, float, float] | None = None
    for other in sources(cutout):
        if own[round(other.y), round(other.x)]:
            continue
        away = float(np.hypot(*(np.array([other.y - y, other.x - x]) @ steps)))
        excess = other.peak / peak / float(dynamic_range(away, quick_look=origin.quick_look))
        if excess > 1.0 and (worst is None or excess > worst[0]):
            worst = (excess, other.peak / peak, away)
    return None if worst is None else sentence(worst[1], worst[2], quick_look=origin.quick_look)


def sentence(ratio: float, distance: float, *, quick_look: bool) -> str:
    """Why a source this much fainter than a neighbour (``ratio`` above 1) this far away (arcsec) may be an artefact."""
    kind = "Quick Look" if quick_look else "Single Epoch"
    level = float(dynamic_range(distance, quick_look=quick_look))
    return (
        f"A source {_round(ratio)} times as bright lies {quantities.angle(round(distance))} away: VLASS {kind} images "
        f"have artefacts of 1/{_round(level)} of its peak there, so this may be one."
    )


def _round(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"
