"""Other class fractions: Bayes by hand, scores of known densities, corrected counts that cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from vlass_explorer.calibration import counts, fractions, reweighted
from vlass_explorer.schema import InputError

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


def test_corrected_counts_cover_the_truth_as_often_as_they_say() -> None:
    random, inside, naive = np.random.default_rng(5), [], []
    for seed in range(100):
        labels, scores = survey(random, 400)
        found, true = counts(scores, TRAINING, draws=200, seed=seed), np.bincount(labels, minlength=4)
        inside.append((found.low <= true) & (true <= found.high))
        naive.append(np.bincount(scores.argmax(axis=1), minlength=4) - true)
    by_class = np.mean(inside, axis=0)
    assert np.mean(inside) >= 0.93 and (by_class >= 0.88).all()  # 95 %, three binomial deviations of 100 surveys
    assert np.mean(naive, axis=0)[0] > 10  # labels alone count four Bent of 400 three times over


def test_rows_without_scores_are_left_out() -> None:
    _, scores = survey(np.random.default_rng(6), 100)
    broken = np.r_[scores, np.full((3, 4), np.nan)]
    assert fractions(broken, TRAINING) == pytest.approx(fractions(scores, TRAINING))
    with pytest.raises(InputError, match="No row has scores"):
        counts(np.full((3, 4), np.nan), TRAINING)


def test_a_row_that_excludes_every_class_of_the_survey_takes_its_fractions() -> None:
    assert reweighted([[1.0, 0.0]], [0.5, 0.5], [0.0, 1.0]) == pytest.approx(np.array([[0.0, 1.0]]))


@pytest.mark.parametrize("values", [[0.5, 0.6], [-0.1, 1.1], [np.nan, 1.0]])
def test_fractions_that_are_none_are_one_sentence(values: list[float]) -> None:
    with pytest.raises(InputError, match="sum to 1"):
        reweighted([[0.5, 0.5]], [0.5, 0.5], values)


def test_a_class_never_trained_on_has_no_score() -> None:
    with pytest.raises(InputError, match="leave it out"):
        reweighted([[0.5, 0.5]], [0.0, 1.0], [0.5, 0.5])
