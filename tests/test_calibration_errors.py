"""Calibration errors against plain transcriptions of their definitions, and what they are where there is no error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from vlass_explorer.calibration import brier_parts, calibration_error, classwise, null_band
from vlass_explorer.calibration.errors import wilson
from vlass_explorer.evaluation import metrics


def calibrated(count: int, seed: int = 0, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.dirichlet(np.full(classes, 0.4), count)
    labels = (random.random((count, 1)) > np.cumsum(scores, axis=1)[:, :-1]).sum(axis=1)
    return labels, scores


def transcribed(labels: np.ndarray, scores: np.ndarray, groups: list[list[int]]) -> float:
    total = 0.0
    for group in groups:
        confidence = sum(max(scores[i]) for i in group) / len(group)
        accuracy = sum(int(np.argmax(scores[i]) == labels[i]) for i in group) / len(group)
        total += len(group) / len(labels) * abs(accuracy - confidence)
    return total


def test_equal_width_is_the_definition_and_that_of_the_reports() -> None:
    labels, scores = calibrated(500)
    groups: dict[int, list[int]] = {}
    for i, row in enumerate(scores):
        groups.setdefault(math.ceil(max(row) * 15), []).append(i)
    found = calibration_error(labels, scores, binning="equal width")
    assert found == pytest.approx(transcribed(labels, scores, list(groups.values())), abs=1e-12)
    assert found == pytest.approx(metrics.calibration_error(labels, scores), abs=1e-12)


def test_equal_mass_cuts_the_sorted_scores_into_equal_parts() -> None:
    labels, scores = calibrated(450)
    order = list(np.argsort(scores.max(axis=1)))
    groups = [order[m * 30 : (m + 1) * 30] for m in range(15)]
    assert calibration_error(labels, scores) == pytest.approx(transcribed(labels, scores, groups), abs=1e-12)


def test_equal_scores_share_one_bin() -> None:
    scores = np.tile([[0.7, 0.3]], (100, 1))
    labels = np.r_[np.zeros(60, int), np.ones(40, int)]
    for binning in ("equal mass", "equal width"):
        assert calibration_error(labels, scores, binning=binning) == pytest.approx(0.1)  # 0.7 said, 0.6 right


def test_the_null_band_holds_calibrated_scores_and_not_overconfident_ones() -> None:
    inside = 0
    for seed in range(100):
        labels, scores = calibrated(400, seed)
        inside += calibration_error(labels, scores) <= null_band(scores, draws=200, seed=seed)[1]
    assert inside >= 88  # 95 expected, 3 binomial deviations of 2.2
    labels, scores = calibrated(400)
    sure = scores**3 / (scores**3).sum(axis=1, keepdims=True)
    assert calibration_error(labels, sure) > null_band(sure)[1]


def test_the_estimator_is_biased_and_the_band_says_how_much() -> None:
    _, scores = calibrated(1758)
    middle, high = null_band(scores)
    assert 0.01 < middle < high < 0.05


def test_brier_is_the_sum_of_its_parts() -> None:
    labels, scores = calibrated(700)
    found = brier_parts(labels, scores)
    known = sum(brier_score_loss(labels == k, scores[:, k]) for k in range(4))
    assert found.score == pytest.approx(known, abs=1e-12)
    assert found.score == pytest.approx(found.reliability - found.resolution + found.uncertainty + found.within)
    assert found.reliability < 0.02 < found.resolution


def test_brier_parts_of_two_constant_forecasts_by_hand() -> None:
    scores = np.r_[np.tile([[0.8, 0.2]], (10, 1)), np.tile([[0.4, 0.6]], (10, 1))]
    labels = np.r_[np.zeros(7, int), np.ones(3, int), np.zeros(5, int), np.ones(5, int)]
    found = brier_parts(labels, scores)
    # One class: shares 0.7 and 0.5 where 0.8 and 0.4 were said, 0.6 overall; the other class mirrors it.
    assert found.reliability == pytest.approx(2 * 0.5 * (0.1**2 + 0.1**2))
    assert found.resolution == pytest.approx(2 * 0.5 * (0.1**2 + 0.1**2))
    assert found.uncertainty == pytest.approx(2 * 0.6 * 0.4)
    assert found.within == pytest.approx(0.0, abs=1e-12)


def test_classwise_leaves_out_what_is_too_rare_to_tell() -> None:
    labels, scores = calibrated(800)
    keep = (labels != 3) | (np.cumsum(labels == 3) <= 29)
    found = classwise(labels[keep], scores[keep], ("a", "b", "c", "d"))
    assert set(found) == {"a", "b", "c"}
    for rows in found.values():
        assert sum(row.count for row in rows) == keep.sum()
        assert all(low <= row.share <= high for row in rows for low, high in [row.interval])
    covers = [low <= row.score <= high for rows in found.values() for row in rows for low, high in [row.interval]]
    assert np.mean(covers) > 0.8


def test_wilson_is_that_of_scipy() -> None:
    from scipy.stats import binomtest

    for hits, count in ((0, 10), (3, 10), (95, 100), (50, 50)):
        other = binomtest(hits, count).proportion_ci(method="wilson")
        assert wilson(hits / count, count) == pytest.approx((other.low, other.high), abs=1e-6)
