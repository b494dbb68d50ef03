"""How far labellers agree: Cohen's and Fleiss' kappa, and the share of labellers behind each class of a cutout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..schema import FloatArray
from .records import Given

NORMAL = 1.959963984540054
"""Standard deviations on each side that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance: 1 complete, 0 as by chance; ``low`` to ``high`` is its 95 % interval."""

    value: float | None
    """None where it is not defined: all labels of one class, or nothing to compare."""
    low: float | None
    high: float | None
    count: int
    """Cutouts compared."""
    observed: float
    """Share of pairs of labels that are the same; NaN for no cutout."""
    left_out: int = 0
    """Cutouts of which a labeller was unsure."""


def cohen(one: ArrayLike, other: ArrayLike) -> Kappa:
    """Cohen's kappa of two labellers, from label indices (N,) of the same cutouts.

    Cohen 1960, Educ. Psychol. Meas. 20, 37; the interval is normal, with the variance of Fleiss, Cohen and Everitt
    1969, Psychol. Bull. 72, 323, cut at -1 and 1.
    """
    a, b = np.asarray(one, np.int64), np.asarray(other, np.int64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"Two labellers label the same cutouts: {a.shape} and {b.shape}.")
    if not len(a):
        return Kappa(None, None, None, 0, float("nan"))
    size = int(max(a.max(), b.max())) + 1
    table = np.zeros((size, size))
    np.add.at(table, (a, b), 1.0 / len(a))
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, chance = float(np.trace(table)), float(rows @ columns)
    if chance >= 1.0:
        return Kappa(None, None, None, len(a), observed)
    value = (observed - chance) / (1.0 - chance)
    same = np.diag(table) @ ((1.0 - chance) - (rows + columns) * (1.0 - observed)) ** 2
    # row of one labeller against column of the other: p_ij (p_.i + p_j.)^2
    apart = table * (columns[:, None] + rows[None, :]) ** 2
    other_part = (1.0 - observed) ** 2 * (apart.sum() - np.trace(apart))
    variance = same + other_part - (observed * chance - 2.0 * chance + observed) ** 2
    spread = NORMAL * float(np.sqrt(max(variance, 0.0) / len(a))) / (1.0 - chance) ** 2
    return Kappa(value, max(value - spread, -1.0), min(value + spread, 1.0), len(a), observed)


def fleiss(table: ArrayLike) -> Kappa:
    """Fleiss' kappa of a table (N, K): how many labellers gave each of N cutouts each class, as many to each cutout.

    Fleiss 1971, Psychol. Bull. 76, 378; the interval is that of 1,000 bootstrap draws of the cutouts.
    """
    counts = np.asarray(table, np.float64)
    if counts.ndim != 2 or (len(counts) and (np.ptp(counts.sum(axis=1)) or counts[0].sum() < 2)):
        raise ValueError("Every cutout needs labels of the same labellers, two or more.")
    if not len(counts):
        return Kappa(None, None, None, 0, float("nan"))
    value, observed = _fleiss(counts)
    if value is None:
        return Kappa(None, None, None, len(counts), observed)
    random = np.random.default_rng(0)
    draws = [_fleiss(counts[random.integers(len(counts), size=len(counts))])[0] for _ in range(1000)]
    known = [draw for draw in draws if draw is not None]
    low, high = np.percentile(known, [2.5, 97.5])
    return Kappa(value, float(low), float(high), len(counts), observed)


def _fleiss(counts: FloatArray) -> tuple[float | None, float]:
    raters = counts[0].sum()
    observed = float(((counts**2).sum(axis=1) - raters).mean() / (raters * (raters - 1.0)))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (None if chance >= 1.0 else (observed - chance) / (1.0 - chance)), observed


def between(given: Sequence[Given], labellers: Sequence[str]) -> Kappa:
    """Kappa of these labellers on the cutouts that all of them labelled: Cohen's of two, Fleiss' of more.

    Artefact counts as a class of its own; cutouts of which one of them was unsure are left out and counted.
    """
    told = _by_cutout(given)
    common = [labels for labels in told.values() if all(by in labels for by in labellers)]
    sure = [
        [labels[by] for by in labellers] for labels in common if all(labels[by].kind != "unsure" for by in labellers)
    ]
    words = sorted({(one.kind, one.label) for row in sure for one in row})
    index = np.array([[words.index((one.kind, one.label)) for one in row] for row in sure], np.int64)
    index = index.reshape(-1, len(labellers))
    if len(labellers) == 2:
        found = cohen(index[:, 0], index[:, 1])
    else:
        found = fleiss(
            np.stack([(index == k).sum(axis=1) for k in range(len(words))], axis=1) if words else index[:, :0]
        )
    return Kappa(found.value, found.low, found.high, found.count, found.observed, len(common) - len(sure))


def soft(given: Sequence[Given], classes: Sequence[str]) -> dict[str, FloatArray]:
    """Share of labellers (K,) behind each class, by cutout, of those that gave a class; others are left out."""
    place = {name: k for k, name in enumerate(classes)}
    found: dict[str, FloatArray] = {}
    for cutout, labels in _by_cutout(given).items():
        votes = [place[one.label] for one in labels.values() if one.kind == "class" and one.label in place]
        if votes:
            found[cutout] = np.bincount(votes, minlength=len(place)) / len(votes)
    return found


def _by_cutout(given: Sequence[Given]) -> Mapping[str, Mapping[str, Given]]:
    found: dict[str, dict[str, Given]] = {}
    for one in given:
        found.setdefault(one.cutout, {})[one.by] = one
    return found
