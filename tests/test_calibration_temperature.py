"""Temperature: against scipy's minimisers in float64, closed forms, and data that allow no temperature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from scipy.special import softmax as reference

from vlass_explorer.calibration import ENOUGH, fit
from vlass_explorer.schema import InputError


def draws(count: int, temperature: float, seed: int = 0, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right once divided by ``temperature``, and labels drawn from them."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2.0, (count, classes)) * temperature
    scores = reference(logits / temperature, axis=1)
    labels = (random.random((count, 1)) > np.cumsum(scores, axis=1)[:, :-1]).sum(axis=1)
    return logits, labels


def loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_it_is_the_minimum_that_scipy_finds(true: float) -> None:
    logits, labels = draws(600, true)
    found = fit(logits, labels)
    other = minimize(lambda x: loss(logits / np.exp(x[0]), labels), [0.0], method="Nelder-Mead", tol=1e-12)
    assert found.temperature == pytest.approx(np.exp(other.x[0]), rel=1e-6)
    assert found.interval[0] < true < found.interval[1]
    assert found.notes == () and found.bias == (0.0,) * 4
    assert found.scores(logits) == pytest.approx(reference(logits / found.temperature, axis=1), abs=1e-12)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    inside = []
    for seed in range(100):
        low, high = fit(*draws(200, 2.0, seed)).interval
        inside.append(low <= 2.0 <= high)
    assert np.mean(inside) >= 0.885  # 95 % of 100 draws less three binomial deviations


def test_bias_makes_the_mean_score_of_each_class_its_share() -> None:
    logits, labels = draws(2000, 1.5)
    moved = logits + np.array([0.0, 2.0, -1.0, 0.5])
    found = fit(moved, labels, bias=True)
    shares = np.bincount(labels) / len(labels)
    assert found.scores(moved).mean(axis=0) == pytest.approx(shares, abs=1e-6)  # what the maximum demands
    assert sum(found.bias) == pytest.approx(0.0, abs=1e-12)
    other = minimize(
        lambda x: loss(moved * x[0] + np.r_[x[1:], 0.0], labels), [1.0, 0, 0, 0], method="BFGS", options={"gtol": 1e-9}
    )
    assert loss(np.log(found.scores(moved)), labels) == pytest.approx(other.fun, abs=1e-9)
    assert found.temperature == pytest.approx(1 / other.x[0], rel=1e-4)


def test_few_cutouts_of_a_class_allow_no_bias() -> None:
    logits, labels = draws(400, 1.0)
    keep = np.r_[np.flatnonzero(labels != 2), np.flatnonzero(labels == 2)[: ENOUGH - 1]]
    found = fit(logits[keep], labels[keep], bias=True)
    assert found.bias == (0.0,) * 4
    assert found.notes == ("No bias: 1 of 4 classes have fewer than 30 cutouts.",)


def test_a_separable_set_is_bounded_and_said() -> None:
    labels = np.arange(40) % 4
    found = fit(np.eye(4)[labels], labels)
    assert found.temperature == pytest.approx(0.05)
    assert found.notes[0].startswith("The temperature is at its bound of 0.05")


def test_scores_that_mislead_are_bounded_and_said() -> None:
    labels = np.arange(400) % 4
    found = fit(-5 * np.eye(4)[labels], labels)
    assert found.temperature == pytest.approx(20.0)
    assert "the scores tell nothing" in found.notes[0]


def test_equal_logits_tell_nothing() -> None:
    labels = np.arange(8) % 4
    assert fit(np.zeros((8, 4)), labels).scores(np.zeros(4)) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("logits", "labels", "words"),
    [
        ([[0.0, 1.0]], [1], "1 labelled cutouts"),
        (np.zeros((0, 2)), [], "0 labelled cutouts"),
        ([[0.0, 1.0], [1.0, 0.0]], [1, 1], "one class only"),
        ([[0.0, np.nan], [1.0, 0.0]], [1, 0], "not finite"),
    ],
)
def test_what_cannot_be_fitted_is_one_sentence(logits: object, labels: list[int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit(np.asarray(logits, float), np.asarray(labels, int))
