"""What extended sources are built of: lobes with hotspots, jets that widen and fade, tails and filaments along curves.

Each is a list of Gaussians that share out a given flux; chains are dense enough to look smooth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .components import Component, Generator, turned

Profile = Callable[[NDArray[np.float64]], NDArray[np.float64]]
STEP = 0.7  # between neighbours of a chain over their width: ripples stay below a percent


def lobe(flux: float, tip: tuple[float, float], size: float, pa: float, hotspot: float) -> list[Component]:
    """A body of full width ``size`` that ends at ``tip``, where a compact hotspot holds a share of the flux.

    ``pa`` points from the core to the tip.
    """
    x, y = turned(-0.5 * size, 0.0, pa)
    body = Component((1 - hotspot) * flux, tip[0] + x, tip[1] + y, size, 0.7 * size, pa, False, "lobe")
    return [body, Component(hotspot * flux, *tip, 0.12 * size, 0.06 * size, pa + 90.0, True, "hotspot")]


def jet(
    flux: float, curve: ArrayLike, widths: tuple[float, float], fading: float, part: str = "jet"
) -> list[Component]:
    """A jet along a Bézier curve (n, 2) that widens from one full width to another.

    Its flux per length falls by e every ``fading`` of the curve; negative values brighten it towards the end.
    """
    return chain(flux, curve, widths, lambda t: np.exp(-t / fading), part)


def filament(random: Generator, flux: float, curve: ArrayLike, width: float) -> list[Component]:
    """A thread of one full width along a Bézier curve (n, 2), its flux per length uneven by a third."""
    places, knots = np.linspace(0, 1, 12), np.exp(random.normal(0.0, 1 / 3, 12))
    return chain(flux, curve, (width, width), lambda t: np.interp(t, places, knots), "filament")


def chain(flux: float, curve: ArrayLike, widths: tuple[float, float], profile: Profile, part: str) -> list[Component]:
    """Round Gaussians along the Bézier curve of 2 or 3 points (n, 2), full widths from first to last.

    ``profile`` is the relative flux per length at 0 to 1 along the curve.
    """
    points, t = np.asarray(curve, float), np.linspace(0.0, 1.0, 513)[:, None]
    if len(points) == 2:
        points = np.array([points[0], points.mean(axis=0), points[1]])
    line = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    share = along / along[-1]
    width = widths[0] + (widths[1] - widths[0]) * share
    steps = np.concatenate([[0.0], np.cumsum(np.diff(along) / (width[1:] + width[:-1]) * 2 / STEP)])
    chosen = np.interp(np.linspace(0.0, steps[-1], int(np.ceil(steps[-1])) + 1), steps, share)
    own = np.interp(chosen, share, width)
    weights = profile(chosen) * own  # each stands for a length in proportion to its width
    weights *= flux / weights.sum()
    x, y = (np.interp(chosen, share, line[:, axis]) for axis in (0, 1))
    return [
        Component(float(f), float(px), float(py), float(w), float(w), 0.0, False, part)
        for f, px, py, w in zip(weights, x, y, own, strict=True)
    ]
