"""Prediction sets of a stated coverage by split conformal prediction: which classes a cutout may be."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..schema import FloatArray
from .temperature import ENOUGH, checked

Method = Literal["lac", "aps"]


@dataclass(frozen=True)
class Sets:
    """Thresholds fitted to labelled cutouts: a class is in the set where its nonconformity is at most its threshold.

    Holds for cutouts that are exchangeable with those fitted to: drawn alike, and not seen by the model.
    """

    method: Method
    """lac: 1 - score of the class (Sadinle et al. 2019, arXiv:1609.00451). aps: scores summed down to the class, with
    a random share of its own (Romano et al. 2020, arXiv:2006.02544)."""
    coverage: float
    """Asked for, as 0.9."""
    thresholds: tuple[float, ...]
    """One a class; infinite where too few cutouts allow no threshold: the class is then in every set."""
    own: tuple[bool, ...]
    """Is the threshold that of the class alone (coverage holds for it), or that of all cutouts together?"""
    counts: tuple[int, ...]
    """Cutouts of each class fitted to."""

    @classmethod
    def fit(
        cls,
        scores: ArrayLike,
        labels: ArrayLike,
        *,
        coverage: float = 0.9,
        method: Method = "aps",
        by_class: bool = True,
        random: ArrayLike | None = None,
    ) -> Sets:
        """Thresholds for scores (N, K) and labels (N,); ``random`` (N,) in 0..1 are the draws of aps.

        The k-th smallest nonconformity, k = ceil((n + 1) coverage), which covers at least ``coverage`` for any n (Vovk
        et al. 2005; Lei et al. 2018, arXiv:1604.04173). ``by_class``: a class of 30 cutouts and more has a threshold of
        its own (Vovk 2012, arXiv:1209.2673), the others share that of all. Raises InputError as ``temperature.fit``.
        """
        if not 0 < coverage < 1:
            raise ValueError("coverage lies between 0 and 1.")
        table, truth = checked(scores, labels)
        draws = np.full(len(truth), 0.5) if random is None else np.asarray(random, np.float64)
        found = nonconformity(table, method, draws)[np.arange(len(truth)), truth]
        counts = np.bincount(truth, minlength=table.shape[1])
        shared = quantile(found, coverage)
        own = tuple(bool(by_class and count >= ENOUGH) for count in counts)
        thresholds = tuple(quantile(found[truth == k], coverage) if own[k] else shared for k in range(len(counts)))
        return cls(method, coverage, thresholds, own, tuple(int(n) for n in counts))

    def members(self, scores: ArrayLike, random: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Which classes (N, K) are in the set of each row of scores (N, K); rows that are not finite hold all classes.

        A set may be empty: no class fits as well as ``coverage`` of those fitted to.
        """
        table = np.asarray(scores, np.float64)
        draws = np.full(len(table), 0.5) if random is None else np.asarray(random, np.float64)
        finite = np.isfinite(table).all(axis=1)
        inside = np.ones(table.shape, bool)
        inside[finite] = nonconformity(table[finite], self.method, draws[finite]) <= np.asarray(self.thresholds)
        return inside


def nonconformity(scores: FloatArray, method: Method, random: FloatArray) -> FloatArray:
    """How ill each class (N, K) fits scores (N, K); classes of equal score share their mass: ties have no order."""
    if method == "lac":
        return np.asarray(1.0 - scores)
    above = (scores[:, None, :] > scores[:, :, None]) @ scores[:, :, None]
    level = (scores[:, None, :] == scores[:, :, None]) @ scores[:, :, None]
    return np.asarray(above[..., 0] + random[:, None] * level[..., 0])


def quantile(values: FloatArray, coverage: float) -> float:
    """The ceil((n + 1) coverage)-th smallest of n values, infinite where there are not as many."""
    # Rounded first: (9 + 1) * 0.9 is 9.000000000000002 in another order of multiplication, and its ceiling 10.
    place = math.ceil(round((len(values) + 1) * coverage, 9))
    return float(np.sort(values)[place - 1]) if place <= len(values) else math.inf


def coverage_bounds(count: int, coverage: float, tested: int | None = None, level: float = 0.95) -> tuple[float, float]:
    """Between which coverages a split of ``count`` exchangeable cutouts lies, with probability ``level``.

    The coverage of one split is Beta(k, n + 1 - k) (Vovk 2012); measured on ``tested`` cutouts it is beta-binomial.
    """
    from scipy.stats import beta, betabinom  # here and not above: who only asks a model does without

    place = math.ceil(round((count + 1) * coverage, 9))
    if place > count:
        return 1.0, 1.0
    tails = ((1 - level) / 2, (1 + level) / 2)
    if tested is None:
        low, high = beta.ppf(tails, place, count + 1 - place)
    else:
        low, high = betabinom.ppf(tails, tested, place, count + 1 - place) / tested
    return float(low), float(high)


def randomness(contents: Sequence[str]) -> FloatArray:
    """A number (N,) in 0..1 for each content hash: the set of a cutout is the same whenever it is asked for."""
    digests = (hashlib.sha256(f"prediction set {content}".encode()).digest()[:8] for content in contents)
    return np.array([int.from_bytes(digest, "big") / 2**64 for digest in digests])
