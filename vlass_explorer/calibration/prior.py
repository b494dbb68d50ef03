"""Class fractions other than the training set's: re-weighted scores, and corrected counts of a survey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..schema import FloatArray, InputError

STEPS, TOLERANCE = 10_000, 1e-9
DRAWS, BURN = 600, 100
AT_ONCE = 200_000
"""Rows whose labels are drawn at once, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Counts:
    """How many of the rows are of each class, given calibrated scores: median and 95 % interval (K,)."""

    counts: FloatArray
    low: FloatArray
    high: FloatArray
    fractions: FloatArray
    """Most likely class fractions (K,) of the population that the rows are drawn from."""


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


def counts(scores: ArrayLike, training: ArrayLike, *, draws: int = DRAWS, seed: int = 0) -> Counts:
    """How many of N rows of scores (N, K), calibrated at class fractions ``training`` (K,), are of each class.

    The posterior of the counts under a Jeffreys prior on the fractions, by drawing labels and fractions in turn (Gibbs;
    Gelman et al., Bayesian Data Analysis, chapter 22). It knows what the scores leave open and how few the rows are; it
    does not know errors of the calibration. Rows that are not finite are left out.
    """
    table, old = _finite(scores), _checked(training)
    ratios = table / old
    random = np.random.default_rng(seed)
    found = fractions(table, old)
    drawn = []
    for step in range(draws + BURN):
        held = np.zeros(len(old))
        for start in range(0, len(ratios), AT_ONCE):
            sums = np.cumsum(ratios[start : start + AT_ONCE] * found, axis=1)
            place = random.random((len(sums), 1)) * sums[:, -1:]
            held += np.bincount((place >= sums[:, :-1]).sum(axis=1), minlength=len(old))
        found = random.dirichlet(held + 0.5)
        if step >= BURN:
            drawn.append(held)
    low, middle, high = np.percentile(drawn, [2.5, 50.0, 97.5], axis=0)
    return Counts(middle, low, high, fractions(table, old))


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
