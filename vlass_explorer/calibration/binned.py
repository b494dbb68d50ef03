"""Coverage of prediction sets by S/N and angular size: what holds for all cutouts need not hold for faint ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import measure
from ..quantities import angle
from ..schema import Cutout, FloatArray, PixelShape
from .temperature import ENOUGH

SIZE, SNR = "angular size", "S/N"
MOST = 5
"""Bins of as many cutouts each, where each then has 30; fewer otherwise."""
DIGITS = 2


@dataclass(frozen=True)
class Covered:
    """How many of ``count`` cutouts that were not fitted to lie in their set, and how many classes a set holds."""

    hits: int
    count: int
    size: float


@dataclass(frozen=True)
class CoveredBin(Covered):
    """The same of those with ``low`` <= value < ``high``."""

    low: float
    high: float

    def words(self, quantity: str) -> str:
        """The bin in words; the outer ones are open, for cutouts beyond all of those measured."""
        low, high = ((angle if quantity == SIZE else "{:g}".format)(edge) for edge in (self.low, self.high))
        if self.low == 0.0:
            return f"{quantity} below {high}"
        return f"{quantity} from {low}" if self.high == np.inf else f"{quantity} {low} to {high}"


def quantities(cutout: Cutout, pixel_scale: float | None = None) -> dict[str, float]:
    """Peak over rms, and largest extent in arcsec above 3 rms (of a clipped image: above 0), of the central source.

    NaN where it cannot be known: no noise, no source, no scale. ``pixel_scale`` (arcsec) is that of pictures, which
    have none of their own.
    """
    found = measure.measure(cutout, flux=False)
    size = found.angular_size
    if size is None and cutout.pixel_shape is None and pixel_scale and found.source_pixels:
        size = measure.extent(measure.source_mask(cutout), PixelShape.square(pixel_scale).steps)
    return {SNR: _number(found.snr), SIZE: _number(size)}


def table(rows: Iterable[Mapping[str, float]]) -> dict[str, FloatArray]:
    """The quantities (N,) of many cutouts."""
    listed = list(rows)
    return {name: np.array([row[name] for row in listed], np.float64) for name in (SNR, SIZE)}


def covered(values: FloatArray, hits: NDArray[np.bool_], sizes: NDArray[np.int64]) -> tuple[CoveredBin, ...]:
    """Bins of a quantity (N,) of which each holds 30 cutouts; none where there would be one alone.

    ``hits`` (N,) is whether the class is in the set, ``sizes`` (N,) the number of classes in it. Values that are not
    known are in no bin. Edges are quantiles rounded to two digits.
    """
    known = np.isfinite(values)
    for number in range(MOST, 1, -1):
        if known.sum() < number * ENOUGH:
            continue
        inner = np.unique([_rounded(edge) for edge in np.quantile(values[known], np.arange(1, number) / number)])
        edges = [0.0, *inner.tolist(), np.inf]
        place = np.searchsorted(edges, values, side="right") - 1
        rows = [known & (place == k) for k in range(len(edges) - 1)]
        if len(rows) > 1 and min(row.sum() for row in rows) >= ENOUGH:
            return tuple(
                CoveredBin(int(hits[row].sum()), int(row.sum()), float(sizes[row].mean()), low, high)
                for low, high, row in zip(edges[:-1], edges[1:], rows, strict=True)
            )
    return ()


def alike(bins: Mapping[str, tuple[CoveredBin, ...]], found: Mapping[str, float]) -> dict[str, CoveredBin]:
    """The bin of each quantity that a cutout with ``found`` lies in, where it is known."""
    return {name: one for name, some in bins.items() for one in some if one.low <= found.get(name, np.nan) < one.high}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
