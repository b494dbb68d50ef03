"""Temperature scaling: one number, and if asked one offset a class, that make logits into calibrated probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..schema import FloatArray, InputError

SHARPEST, BLUNTEST = 0.05, 20.0
"""Bounds of the temperature: beyond them scores are 0 and 1, or all equal, whatever the logits."""
ENOUGH = 30
"""Cutouts of a class from which something is said, or fitted, for this class alone."""
DRAWS = 400
"""Resamplings of the cutouts behind an interval."""
GRID = np.geomspace(1 / BLUNTEST, 1 / SHARPEST, 601)
"""1 / temperatures, 1 % apart, at which resampled slopes are known."""


@dataclass(frozen=True)
class Temperature:
    """What was fitted: calibrated scores are softmax(logits / temperature + bias)."""

    temperature: float
    interval: tuple[float, float]
    """2.5 to 97.5 percentile of the temperature over resampled cutouts."""
    bias: tuple[float, ...]
    """One a class, of sum 0; all 0 where none was fitted."""
    count: int
    """Cutouts fitted to."""
    notes: tuple[str, ...] = ()
    """A sentence each: a bound that was reached, a bias that was not fitted and why."""

    def scores(self, logits: ArrayLike) -> FloatArray:
        """Calibrated scores (..., K) in float64 of logits (..., K); NaN stays NaN."""
        moved = np.asarray(logits, np.float64) / self.temperature + np.asarray(self.bias)
        return softmax(moved)


def fit(logits: ArrayLike, labels: ArrayLike, *, bias: bool = False, seed: int = 0) -> Temperature:
    """The temperature that makes the labels (N,) of logits (N, K) most likely; with ``bias`` an offset a class as well.

    Minimum of the mean negative log-likelihood, convex in 1 / temperature, within 0.05 to 20; reaching a bound is said
    in ``notes``. The bias needs 30 cutouts of each class, or it is left out with a note. Raises InputError for
    values that are not finite, fewer than two cutouts, or labels of one class only.

    Guo et al. 2017, On Calibration of Modern Neural Networks (ICML), section 4.2; the bias as in Alexandari et al.
    2020, Maximum Likelihood with Bias-Corrected Calibration (ICML).
    """
    values, truth = checked(logits, labels)
    counts = np.bincount(truth, minlength=values.shape[1])
    notes = []
    few = [index for index, count in enumerate(counts) if count < ENOUGH]
    offset: FloatArray = np.zeros(values.shape[1])
    if bias and few:
        bias = False
        notes.append(f"No bias: {len(few)} of {len(counts)} classes have fewer than {ENOUGH} cutouts.")
    if bias:
        beta, offset = _with_bias(values, truth)
    else:
        beta = _sharpness(values, truth, np.ones(len(truth)))
    if beta >= 1 / SHARPEST:
        notes.append(
            f"The temperature is at its bound of {SHARPEST}: hardly any of {len(truth)} cutouts is wrong, and more "
            "are needed to tell how sure the scores may be."
        )
    elif beta <= 1 / BLUNTEST:
        notes.append(f"The temperature is at its bound of {BLUNTEST:g}: the scores tell nothing of these labels.")
    interval = _interval(values + offset / beta, truth, seed)
    return Temperature(float(1 / beta), interval, tuple(offset.tolist()), len(truth), tuple(notes))


def checked(values: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, NDArray[np.int64]]:
    """Logits or scores (N, K) in float64 and label indices (N,); InputError where nothing can be fitted to them."""
    table, truth = np.asarray(values, np.float64), np.asarray(labels, np.int64)
    if table.ndim != 2 or table.shape[1] < 2 or truth.shape != (len(table),):
        raise ValueError(
            f"Calibration needs (N, K) values with K > 1 and (N,) labels, got {table.shape}, {truth.shape}."
        )
    if len(truth) and (truth.min() < 0 or truth.max() >= table.shape[1]):
        raise ValueError(f"Labels must lie in 0..{table.shape[1] - 1}.")
    if not np.isfinite(table).all():
        raise InputError("Some scores are not finite: leave those cutouts out.")
    if len(np.unique(truth)) < 2:
        found = "one class only" if len(truth) > 1 else f"{len(truth)} labelled cutouts"
        raise InputError(f"Nothing can be calibrated on {found}: give labelled cutouts of every class.")
    return table, truth


def softmax(values: FloatArray) -> FloatArray:
    """Softmax over the last axis in float64."""
    shifted = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _slope(values: FloatArray, truth: NDArray[np.int64], weights: FloatArray, beta: float) -> float:
    """Derivative of the weighted negative log-likelihood by beta = 1 / temperature; it only rises."""
    expected = (softmax(beta * values) * values).sum(axis=1)
    return float(weights @ (expected - values[np.arange(len(truth)), truth]))


def _sharpness(values: FloatArray, truth: NDArray[np.int64], weights: FloatArray) -> float:
    """1 / temperature where the slope crosses zero, or the bound beyond which it would."""
    from scipy.optimize import brentq  # here and not above: who only asks a model does without

    low, high = 1 / BLUNTEST, 1 / SHARPEST
    if _slope(values, truth, weights, low) >= 0:
        return low
    if _slope(values, truth, weights, high) <= 0:
        return high
    return float(brentq(lambda beta: _slope(values, truth, weights, beta), low, high, xtol=1e-10, rtol=1e-10))


def _interval(values: FloatArray, truth: NDArray[np.int64], seed: int) -> tuple[float, float]:
    """Temperatures of resampled cutouts, the bias held: where their slope, known at ``GRID``, crosses zero."""
    chosen = values[np.arange(len(truth)), truth]
    each = np.stack([(softmax(beta * values) * values).sum(axis=1) - chosen for beta in GRID])
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size=DRAWS)
    # Slopes only rise along the grid, up to rounding.
    betas = [np.interp(0.0, np.maximum.accumulate(slopes), GRID) for slopes in drawn @ each.T]
    low, high = np.percentile(1 / np.array(betas), [2.5, 97.5])
    return float(low), float(high)


def _with_bias(values: FloatArray, truth: NDArray[np.int64]) -> tuple[float, FloatArray]:
    """1 / temperature and the offsets of sum 0 that minimise the negative log-likelihood, by its gradient."""
    from scipy.optimize import minimize

    hot = np.eye(values.shape[1])[truth]

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        beta, offset = parameters[0], parameters[1:]
        scores = softmax(beta * values + offset)
        chosen = scores[np.arange(len(truth)), truth].clip(min=np.finfo(np.float64).tiny)
        wrong = scores - hot
        return float(-np.log(chosen).mean()), np.r_[(wrong * values).sum(axis=1).mean(), wrong.mean(axis=0)]

    start = np.r_[1.0, np.zeros(values.shape[1])]
    bounds = [(1 / BLUNTEST, 1 / SHARPEST), *[(-20.0, 20.0)] * values.shape[1]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    offset = found.x[1:]
    return float(found.x[0]), offset - offset.mean()
