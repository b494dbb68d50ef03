"""Features of many cutouts on a plane: principal components, and t-SNE of the same features for who asks for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import progress
from ..schema import FloatArray, InputError

CHUNK = 8192
"""Rows that are in double precision at once."""
FEWEST = 4
MOST_NEIGHBOURS = 20_000
"""Cutouts that t-SNE takes at most."""
PERPLEXITY = 30.0
BEFORE = 50
"""Principal components that t-SNE starts from."""
STAGES, STAGE = 4, 250
"""t-SNE runs in so many parts of so many steps, the first with attraction exaggerated."""
EXAGGERATION = 12.0


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal components of some features, onto which others may be projected."""

    mean: FloatArray
    """(D,)."""
    axes: FloatArray
    """(C, D), unit vectors; the largest entry of each is positive, so that a map is never mirrored."""
    shares: FloatArray
    """(C,), share of the variance along each axis, 0 to 1; NaN where there is none."""

    def of(self, features: FloatArray) -> FloatArray:
        """Positions (N, C) of features (N, D); NaN for a row that is not finite.

        Raises InputError where these features have another length.
        """
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise InputError("These features are not of the same model: there is no map of both.")
        found = np.full((len(features), len(self.axes)), np.nan)
        for start in range(0, len(features), CHUNK):
            rows = np.asarray(features[start : start + CHUNK], np.float64)
            known = np.isfinite(rows).all(axis=1)
            found[start : start + CHUNK][known] = (rows[known] - self.mean) @ self.axes.T
        return found


def pca(features: FloatArray, components: int = 2) -> Projection:
    """Principal components (Pearson 1901) of features (N, D), from the eigenvectors of their covariance.

    Rows that are not finite are left out. Fewer than ``components`` features give axes of zeros for the rest. Raises
    InputError for fewer than four finite rows.
    """
    known = finite(features)
    if known.sum() < FEWEST:
        raise InputError(f"A map needs {FEWEST} cutouts with features; here are {int(known.sum())}.")
    places = np.flatnonzero(known)
    chunks = [places[start : start + CHUNK] for start in range(0, len(places), CHUNK)]
    mean = np.zeros(features.shape[1])
    for some in chunks:
        mean += np.asarray(features[some], np.float64).sum(axis=0) / len(places)
    covariance = np.zeros((len(mean), len(mean)))
    for some in chunks:
        apart = np.asarray(features[some], np.float64) - mean
        covariance += apart.T @ apart
    values, vectors = np.linalg.eigh(covariance / (len(places) - 1))
    largest = np.arange(len(values))[::-1][:components]
    axes = np.zeros((components, len(mean)))
    axes[: len(largest)] = vectors[:, largest].T
    signs = np.sign(axes[np.arange(components), np.abs(axes).argmax(axis=1)])
    variance = np.zeros(components)
    variance[: len(largest)] = np.maximum(values[largest], 0.0)
    total = float(np.trace(covariance)) / (len(places) - 1)
    return Projection(mean, axes * np.where(signs == 0, 1.0, signs)[:, None], _shares(variance, total))


def tsne(features: FloatArray, seed: int = 0) -> FloatArray:
    """Positions (N, 2) by t-SNE (van der Maaten and Hinton 2008, JMLR 9, 2579) of features (N, D); reports progress.

    Of the first 50 principal components, which is also how it begins; perplexity 30, less for fewer than 91 rows. Only
    who is near whom means something: distances between groups and their sizes do not. A row that is not finite has NaN.
    Raises InputError for fewer than four rows, or more than 20,000.
    """
    from sklearn.manifold import TSNE  # here and not above: who wants no t-SNE does without scikit-learn
    from threadpoolctl import threadpool_limits

    known = finite(features)
    count = int(known.sum())
    if count > MOST_NEIGHBOURS:
        raise InputError(f"t-SNE takes {MOST_NEIGHBOURS:,} cutouts at most, and here are {count:,}: use PCA.")
    some = features[known]
    rows = pca(some, min(BEFORE, some.shape[1])).of(some).astype(np.float32)
    start = np.zeros((count, 2), np.float32)
    start[:, : min(2, rows.shape[1])] = rows[:, :2]
    at = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    rate = max(count / EXAGGERATION / 4.0, 50.0)
    for stage in range(STAGES):  # in parts, so that there is progress, and a moment to stop
        progress.report(stage, STAGES)
        with threadpool_limits(1, "openmp"):  # its threads wait busily for each other, whoever else wants the processor
            at = TSNE(
                perplexity=min(PERPLEXITY, (count - 1) / 3.0),
                early_exaggeration=EXAGGERATION if stage == 0 else 1.0,
                learning_rate=rate,
                max_iter=STAGE,
                init=at,
                random_state=seed,
            ).fit_transform(rows)
    found = np.full((len(features), 2), np.nan)
    found[known] = at
    return found


def finite(features: FloatArray) -> NDArray[np.bool_]:
    """Which rows (N,) of features (N, D) are finite; none where there are no features."""
    return np.asarray(np.isfinite(features).all(axis=1) & bool(features.shape[1]))


def _shares(variance: FloatArray, total: float) -> FloatArray:
    return np.asarray(variance / total) if total > 0 else np.full(len(variance), np.nan)
