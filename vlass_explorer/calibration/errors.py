"""How far scores are from the shares that come true: calibration errors, the Brier score in parts, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..schema import FloatArray
from .temperature import ENOUGH, checked

BINS = 15
Binning = Literal["equal width", "equal mass"]


@dataclass(frozen=True)
class BrierParts:
    """Brier score = reliability - resolution + uncertainty + within: exactly, for any bins."""

    score: float
    reliability: float
    """Mean squared gap of score and share that came true, bin by bin: 0 is calibrated."""
    resolution: float
    """How far the shares of the bins are from the overall share: more is better."""
    uncertainty: float
    """Of the labels alone."""
    within: float
    """What varies inside the bins."""


@dataclass(frozen=True)
class ClassBin:
    """One bin of one class: mean score and share of the cutouts that are of this class, with its 95 % interval."""

    count: int
    score: float
    share: float
    interval: tuple[float, float]
    """Wilson 1927."""


def calibration_error(
    labels: ArrayLike, scores: ArrayLike, *, binning: Binning = "equal mass", bins: int = BINS
) -> float:
    """Expected calibration error of the top score: the gap of mean score and accuracy, weighted by a bin's cutouts.

    Labels (N,), scores (N, K). Equal width: bin m of M holds ((m - 1) / M, m / M] (Guo et al. 2017, ICML, equation 3).
    Equal mass: the scores in order, cut into M parts whose sizes differ by one at most; equal scores stay in one bin
    (Nixon et al. 2019, arXiv:1904.01685). Both are biased upwards where cutouts are few: see ``null_band``.
    """
    table, truth = np.asarray(scores, np.float64), np.asarray(labels, np.int64)
    top, right = table.max(axis=1), table.argmax(axis=1) == truth
    return float(_gap(_numbers(top, binning, bins), top, right.astype(np.float64)))


def null_band(
    scores: ArrayLike,
    *,
    binning: Binning = "equal mass",
    bins: int = BINS,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Median and ``level`` quantile of the calibration error if scores (N, K) were calibrated exactly.

    Labels are drawn from the scores themselves, so that this is what the estimator gives where there is no error.
    Bröcker and Smith 2007, doi:10.1175/WAF993.1.
    """
    table = np.asarray(scores, np.float64)
    top = table.max(axis=1)
    numbers = _numbers(top, binning, bins)
    right = np.random.default_rng(seed).random((draws, len(top))) < top
    found = [_gap(numbers, top, row.astype(np.float64)) for row in right]
    return float(np.median(found)), float(np.quantile(found, level))


def brier_parts(labels: ArrayLike, scores: ArrayLike, bins: int = BINS) -> BrierParts:
    """The Brier score of labels (N,) and scores (N, K), summed over classes, in its parts over equal-mass bins.

    Murphy 1973, doi:10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2; the terms inside the bins by Stephenson et al.
    2008, doi:10.1175/2007WAF2006116.1.
    """
    table, truth = np.asarray(scores, np.float64), np.asarray(labels, np.int64)
    sums = np.zeros(5)
    for k in range(table.shape[1]):
        score, is_class = table[:, k], (truth == k).astype(np.float64)
        weight, mean, share = _binned(_numbers(score, "equal mass", bins), score, is_class)
        base = is_class.mean()
        brier = ((score - is_class) ** 2).mean()
        parts = (weight @ (mean - share) ** 2, weight @ (share - base) ** 2, base * (1 - base))
        sums += (brier, *parts, brier - parts[0] + parts[1] - parts[2])
    return BrierParts(*sums.tolist())


def classwise(
    labels: ArrayLike, scores: ArrayLike, label_names: Sequence[str], bins: int = 10
) -> dict[str, tuple[ClassBin, ...]]:
    """Reliability of each class of labels (N,) and scores (N, K) in equal-mass bins; classes of few cutouts left out.

    A class needs 30 cutouts. Kull et al. 2019, arXiv:1910.12656 (classwise calibration).
    """
    table, truth = checked(scores, labels)
    found = {}
    for k, name in enumerate(label_names):
        is_class = truth == k
        if is_class.sum() < ENOUGH:
            continue
        numbers = _numbers(table[:, k], "equal mass", bins)
        rows = []
        for number in np.unique(numbers):
            inside = numbers == number
            share = float(is_class[inside].mean())
            rows.append(ClassBin(int(inside.sum()), float(table[inside, k].mean()), share, wilson(share, inside.sum())))
        found[name] = tuple(rows)
    return found


def wilson(share: float, count: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share of ``count`` draws. Wilson 1927, doi:10.1080/01621459.1927.10502953."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def _numbers(values: FloatArray, binning: Binning, bins: int) -> NDArray[np.int64]:
    """Bin (N,) of each value; equal values share one."""
    if binning == "equal width":
        return np.asarray(np.ceil(values * bins).astype(np.int64).clip(1, bins) - 1)
    order = np.sort(values)
    first = np.searchsorted(order, values, side="left")  # rank of the first of equal values
    return np.asarray(first * bins // len(values))


def _binned(
    numbers: NDArray[np.int64], values: FloatArray, hits: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weight, mean value and share of hits of each bin that holds something."""
    counts = np.bincount(numbers)
    held = counts > 0
    sums = (np.bincount(numbers, weights=one)[held] for one in (values, hits))
    mean, share = (total / counts[held] for total in sums)
    return counts[held] / len(values), mean, share


def _gap(numbers: NDArray[np.int64], values: FloatArray, hits: FloatArray) -> float:
    weight, mean, share = _binned(numbers, values, hits)
    return float(weight @ np.abs(mean - share))
