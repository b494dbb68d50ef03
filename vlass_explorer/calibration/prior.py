"""Class fractions other than the training set's: re-weighted scores, and the fractions of a survey."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..schema import FloatArray, InputError

STEPS, TOLERANCE = 10_000, 1e-9


def reweighted(scores: ArrayLike, training: ArrayLike, fractions: ArrayLike) -> FloatArray:
    """Scores (N, K) of a model trained at class fractions ``training`` (K,), for a population of ``fractions`` (K,).

    p'_k = p_k fractions_k / training_k, divided by its sum: exact where scores are calibrated and only the fractions
    differ. Raises InputError for fractions that are no fractions. Saerens et al. 2002, doi:10.1162/089976602753284446.
    """
    table, old, new = np.asarray(scores, np.float64), _checked(training), _checked(fractions)
    if (old <= 0).any():
        raise InputError("A class without training cutouts has no score that could be re-weighted: leave it out.")
    moved = table * (new / old)
    total = moved.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(moved, total, out=np.broadcast_to(new, moved.shape).copy(), where=total > 0))


def fractions(scores: ArrayLike, training: ArrayLike) -> FloatArray:
    """The most likely class fractions (K,) of the population that rows of scores (N, K) are drawn from.

    Expectation maximisation from ``training`` (K,), the fractions at which the scores are calibrated (Saerens et al.
    2002); the likelihood has one maximum. Rows that are not finite are left out. Raises InputError where none is left.
    """
    table, old = _finite(scores), _checked(training)
    ratios = table / old
    found = old.copy()
    for _ in range(STEPS):
        moved = ratios * found
        new = np.asarray((moved / moved.sum(axis=1, keepdims=True)).mean(axis=0))
        if np.abs(new - found).max() < TOLERANCE:
            break
        found = new
    return found


def _finite(scores: ArrayLike) -> FloatArray:
    table = np.asarray(scores, np.float64)
    table = table[np.isfinite(table).all(axis=1)]
    if not len(table):
        raise InputError("No row has scores, so there are no class fractions.")
    return np.asarray(table)


def _checked(values: ArrayLike) -> FloatArray:
    found = np.asarray(values, np.float64)
    if not np.isfinite(found).all() or (found < 0).any() or not np.isclose(found.sum(), 1.0, atol=1e-3):
        raise InputError("Class fractions lie between 0 and 1 and sum to 1: give one a class.")
    return np.asarray(found / found.sum())
