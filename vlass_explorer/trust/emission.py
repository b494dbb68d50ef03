"""Does a map lie on the source: share of its relevance on emission above five times the noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import preprocess
from ..schema import Cutout, FloatArray, InputSpec

THRESHOLD = 5.0


def emission_mask(cutout: Cutout, spec: InputSpec) -> NDArray[np.bool_] | None:
    """Pixels above 5 rms in the model's field of view, (ny, nx) at native resolution; None without a known noise.

    NaN is no emission. Raises InputError as ``preprocess.window`` does.
    """
    if cutout.noise is None:
        return None
    return preprocess.crop(cutout.pixels, preprocess.window(cutout, spec)) > THRESHOLD * cutout.noise.rms


def emission_share(relevance: FloatArray, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Share of |relevance| (gy, gx) on the pixels of a mask (ny, nx) over the same field, and the mask's share of it.

    Relevance is spread evenly over each cell, so that both grids may differ. The second number is what a flat map
    reaches. Quantus ``RelevanceMassAccuracy`` (Arras et al. 2022, arXiv:2003.07258) where the grids agree. The first
    is NaN for a map without relevance.
    """
    rows, columns = (_overlap(cells, pixels) for cells, pixels in zip(relevance.shape, mask.shape, strict=True))
    covered = rows @ mask.astype(np.float64) @ columns.T
    values = np.abs(relevance).astype(np.float64)
    total = values.sum()
    return (float((values * covered).sum() / total) if total > 0 else float("nan")), float(covered.mean())


def _overlap(cells: int, pixels: int) -> NDArray[np.float64]:
    """Share of each cell that each pixel covers along one axis, (cells, pixels), rows sum to 1."""
    cell, pixel = (np.arange(count + 1) / count for count in (cells, pixels))
    inner = np.minimum(cell[1:, None], pixel[None, 1:]) - np.maximum(cell[:-1, None], pixel[None, :-1])
    return np.clip(inner, 0.0, None) * cells
