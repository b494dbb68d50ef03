"""Other class fractions: Bayes by hand, scores of known densities, fractions that are found."""

from __future__ import annotations

import numpy as np
import pytest

from vlass_explorer.calibration import fractions, reweighted

TRAINING = np.array([0.14, 0.17, 0.22, 0.47])
"""Bent, Compact, FRI, FRII: those of the labelled FIRST set."""
SURVEY = np.array([0.01, 0.60, 0.15, 0.24])
MEANS = 1.6 * np.eye(4)


def survey(random: np.random.Generator, count: int, shares: np.ndarray = SURVEY) -> tuple[np.ndarray, np.ndarray]:
    """Labels and exactly calibrated scores at TRAINING: unit normals about a corner each."""
    labels = random.choice(4, count, p=shares)
    seen = MEANS[labels] + random.normal(size=(count, 4))
    likelihood = np.exp(-0.5 * ((seen[:, None] - MEANS) ** 2).sum(axis=2))
    scores = likelihood * TRAINING
    return labels, scores / scores.sum(axis=1, keepdims=True)


def test_reweighting_is_bayes() -> None:
    found = reweighted([[0.5, 0.5]], [0.5, 0.5], [0.01, 0.99])
    assert found == pytest.approx(np.array([[0.01, 0.99]]))
    _, scores = survey(np.random.default_rng(0), 50)
    there = reweighted(scores, TRAINING, SURVEY)
    assert reweighted(there, SURVEY, TRAINING) == pytest.approx(scores)


def test_reweighted_scores_come_true_in_the_survey() -> None:
    labels, scores = survey(np.random.default_rng(1), 60_000)
    there = reweighted(scores, TRAINING, SURVEY)
    for k in range(4):
        assert there[:, k].mean() == pytest.approx((labels == k).mean(), abs=4e-3)
    sure = there[:, 1] > 0.8
    assert (labels[sure] == 1).mean() == pytest.approx(there[sure, 1].mean(), abs=0.01)


def test_the_fractions_of_a_large_survey_are_found() -> None:
    _, scores = survey(np.random.default_rng(2), 60_000)
    assert fractions(scores, TRAINING) == pytest.approx(SURVEY, abs=0.006)


def test_fractions_are_the_maximum_of_the_likelihood() -> None:
    _, scores = survey(np.random.default_rng(3), 400)
    found = fractions(scores, TRAINING)

    def likelihood(shares: np.ndarray) -> float:
        return float(np.log((scores / TRAINING) @ shares).sum())

    random = np.random.default_rng(4)
    others = [random.dirichlet(200 * found + 0.5) for _ in range(300)]
    assert likelihood(found) >= max(map(likelihood, others)) - 1e-6
