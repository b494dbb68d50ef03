"""In which order cutouts come to the desk: as listed, over the sky, by doubt, at random."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..schema import FloatArray

Order = Literal["as listed", "sky", "score", "informative", "varied", "unlike", "random"]
STRIP = 1.0
"""Height in degrees of the strips of declination that are gone through one after the other."""
AHEAD = 300
"""Cutouts that are chosen to differ from each other; those after them follow their value alone."""

Indices = NDArray[np.int64]


def sky(places: ArrayLike) -> Indices:
    """Neighbours after neighbours: strips of declination from the south, right ascension to and fro.

    ``places`` (N, 2) in degrees; those without a position (NaN) come last, as listed.
    """
    values = np.asarray(places, np.float64).reshape(-1, 2)
    known = np.flatnonzero(np.isfinite(values).all(axis=1))
    strip = np.floor((values[known, 1] + 90.0) / STRIP)
    along = np.where(strip % 2 == 0, values[known, 0] % 360.0, -(values[known, 0] % 360.0))
    ordered = known[np.lexsort((values[known, 1], along, strip))]
    return np.concatenate([ordered, np.setdiff1d(np.arange(len(values)), ordered)])


def score(scores: ArrayLike) -> Indices:
    """The least sure answer first, by the highest score of ``scores`` (N, K); equal ones as listed, unknown last."""
    top = np.asarray(scores, np.float64).max(axis=1)
    return np.argsort(np.where(np.isfinite(top), top, np.inf), kind="stable").astype(np.int64)


def unlike(percentile: ArrayLike) -> Indices:
    """The cutout least like the training data first, by its ``percentile`` (N,); equal ones as listed, unknown last."""
    values = np.asarray(percentile, np.float64)
    return np.argsort(np.where(np.isfinite(values), -values, np.inf), kind="stable").astype(np.int64)


def random(count: int, seed: int = 0) -> Indices:
    """A shuffle that is the same for the same seed."""
    return np.random.default_rng(seed).permutation(count).astype(np.int64)


def informative(scores: ArrayLike) -> Indices:
    """First the cutouts between two classes: by the smallest margin of the two highest of ``scores`` (N, K).

    Of what was tried it saves most labels (``benchmarks/active_order.py``): entropy also asks about cutouts between all
    classes, and what is far from the labelled ones is often odd and no example of its class. Equal margins stay as
    listed; cutouts without finite scores come last.

    Scheffer, Decomain and Wrobel 2001, Active Hidden Markov Models for Information Extraction (IDA).
    """
    table = np.sort(np.asarray(scores, np.float64), axis=1)
    margin = table[:, -1] - table[:, -2]
    return np.argsort(np.where(np.isfinite(table).all(axis=1), margin, np.inf), kind="stable").astype(np.int64)


def varied(
    scores: ArrayLike,
    *,
    views: ArrayLike | None = None,
    distance: ArrayLike | None = None,
    features: ArrayLike | None = None,
    labelled: ArrayLike | None = None,
) -> Indices:
    """First what a model doubts or does not know, each unlike those before it: much of a set is seen soon.

    The value of a cutout is the mean of its ranks (0 to 1) by the entropy of ``scores`` (N, K), by how far ``views``
    (V, N, K) of it (orientations, or other checkpoints) disagree, and by ``distance`` (N,) from the training data,
    what of these is given. With ``features`` (N, D) the first 300 are chosen one by one, the value times the distance
    on the unit sphere to the nearest one that was chosen or is ``labelled`` (N,). Cutouts without finite scores come
    last; without finite features a cutout is as far as the median one. Equal values stay as listed.

    Entropy: Settles 2009, Active Learning Literature Survey; disagreement: mutual information of the views, Houlsby et
    al. 2011, arXiv:1112.5745; diversity: Sener and Savarese 2018, arXiv:1708.00489.
    """
    table = np.asarray(scores, np.float64)
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(table).all(axis=1))
    doubts = [entropy(table)]
    if views is not None:
        doubts.append(disagreement(views))
    if distance is not None:
        doubts.append(np.asarray(distance, np.float64))
    value = np.mean([_ranks(doubt, finite) for doubt in doubts], axis=0)
    value[~finite] = -1.0
    by_value = np.argsort(-value, kind="stable").astype(np.int64)
    if features is None or not finite.any():
        return by_value
    first = _spread(value, np.asarray(features, np.float64), finite, labelled)
    return np.concatenate([first, by_value[~np.isin(by_value, first)]])


def entropy(scores: ArrayLike) -> FloatArray:
    """Entropy (..., ) in nats of scores (..., K); NaN where one is not finite."""
    table = np.asarray(scores, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(table > 0, table * np.log(table), np.where(np.isnan(table), np.nan, 0.0))
    return np.asarray(-terms.sum(axis=-1))


def disagreement(views: ArrayLike) -> FloatArray:
    """How far views (V, N, K) disagree: entropy of their mean less the mean of their entropies (N,), in nats."""
    table = np.asarray(views, np.float64)
    return np.maximum(entropy(table.mean(axis=0)) - entropy(table).mean(axis=0), 0.0)


def _ranks(values: FloatArray, finite: NDArray[np.bool_]) -> FloatArray:
    """Mean ranks 0 to 1 among the finite ones, equal values alike; what is not known is in the middle."""
    found = np.full(len(values), 0.5)
    known = np.flatnonzero(finite & np.isfinite(values))
    if len(known) > 1:
        _, inverse, counts = np.unique(values[known], return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        found[known] = ((ends - 1 + ends - counts) / 2.0)[inverse] / (len(known) - 1)
    return found


def _spread(value: FloatArray, features: FloatArray, finite: NDArray[np.bool_], labelled: ArrayLike | None) -> Indices:
    done = np.zeros(len(value), bool) if labelled is None else np.asarray(labelled, bool)
    usable: NDArray[np.bool_] = np.asarray(np.isfinite(features).all(axis=1))
    unit = np.where(usable[:, None], features, 0.0)
    unit = (unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    far = np.full(len(value), 2.0, np.float32)
    for near in np.array_split(unit[done & usable], max(1, int((done & usable).sum()) // 256)):
        if len(near):
            far = np.minimum(far, _chords(unit @ near.T).min(axis=1))
    chosen: list[int] = []
    open_ = finite & ~done
    for _ in range(min(AHEAD, int(open_.sum()))):
        middle = float(np.median(far[open_ & usable])) if (open_ & usable).any() else 1.0
        gain = np.where(open_, (value + 1e-3) * np.where(usable, far, middle), -np.inf)
        best = int(np.argmax(gain))
        chosen.append(best)
        open_[best] = False
        if usable[best]:
            far = np.minimum(far, _chords(unit @ unit[best]))
    return np.array(chosen, np.int64)


def _chords(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.sqrt(np.maximum(2.0 - 2.0 * cosines, 0.0))
