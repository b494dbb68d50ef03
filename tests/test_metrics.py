"""Metrics against scikit-learn, and figures that can be worked out by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from sklearn import metrics as sk

from vlass_explorer.evaluation import metrics
from vlass_explorer.schema import ReportError

NAMES = ("Bent", "Compact", "FRI", "FRII")


@pytest.fixture(scope="module")
def scores() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    labels = random.choice(4, 353, p=[0.14, 0.17, 0.22, 0.47])
    logits = random.normal(size=(353, 4)) + 1.3 * np.eye(4)[labels]
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_report_equals_scikit_learn(scores: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scores
    predicted = probabilities.argmax(axis=1)
    found = metrics.report(labels, probabilities, NAMES)
    assert found.count == 353
    assert found.accuracy == pytest.approx(sk.accuracy_score(labels, predicted))
    assert found.macro_f1 == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert found.loss == pytest.approx(sk.log_loss(labels, probabilities))
    assert np.array_equal(found.confusion, sk.confusion_matrix(labels, predicted))
    assert found.macro_auroc == pytest.approx(sk.roc_auc_score(labels, probabilities, multi_class="ovr"))
    micro = sk.roc_auc_score(np.eye(4)[labels], probabilities, average="micro")
    assert found.micro_auroc == pytest.approx(micro)
    rest = sum(sk.brier_score_loss(labels == k, probabilities[:, k]) for k in range(4))
    assert found.brier == pytest.approx(rest)
    precision, recall, f1, support = sk.precision_recall_fscore_support(labels, predicted)
    for index, name in enumerate(NAMES):
        one = found.per_class[name]
        assert [one["precision"], one["recall"], one["f1"], one["support"]] == pytest.approx(
            [precision[index], recall[index], f1[index], support[index]]
        )
        assert one["auroc"] == pytest.approx(sk.roc_auc_score(labels == index, probabilities[:, index]))


def test_interval_is_that_of_resampled_cutouts(scores: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scores
    low, high = metrics.report(labels, probabilities, NAMES, bootstrap=2000).macro_f1_interval
    random, predicted = np.random.default_rng(1), probabilities.argmax(axis=1)
    drawn = [
        sk.f1_score(labels[rows], predicted[rows], average="macro") for rows in random.integers(0, 353, size=(600, 353))
    ]
    assert (low, high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.008)


def test_the_other_intervals_are_those_of_resampled_cutouts(scores: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scores
    found = metrics.report(labels, probabilities, NAMES)
    random = np.random.default_rng(1)
    draws = [random.integers(0, 353, 353) for _ in range(400)]
    auroc = [sk.roc_auc_score(labels[rows], probabilities[rows], multi_class="ovr") for rows in draws]
    assert found.macro_auroc_interval == pytest.approx(np.percentile(auroc, [2.5, 97.5]), abs=0.006)
    accuracy = [(probabilities[rows].argmax(axis=1) == labels[rows]).mean() for rows in draws]
    assert found.accuracy_interval == pytest.approx(np.percentile(accuracy, [2.5, 97.5]), abs=0.012)


def test_weighted_auroc_counts_ties_by_half() -> None:
    labels = np.array([0, 1, 0, 1, 1, 0])
    scores = np.array([0.2, 0.8, 0.5, 0.5, 0.5, 0.9])[:, None] * [[-1, 1]] + [[1, 0]]
    weights = np.array([[1, 1, 1, 1, 1, 1], [2, 0, 1, 3, 0, 0], [0, 1, 0, 1, 0, 0]])
    found = metrics._weighted_auroc(labels, scores, weights)
    for row, value in zip(weights[:2], found, strict=False):
        assert value == pytest.approx(sk.roc_auc_score(labels, scores[:, 1], sample_weight=row))
    assert np.isnan(found[2])


def test_roc_points_lie_on_the_curve_of_scikit_learn(scores: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scores
    many = np.tile(labels, 9), np.tile(probabilities, (9, 1)) + np.random.default_rng(0).normal(0, 0.05, (353 * 9, 4))
    for truth, values in (scores, many):
        found = metrics.report(truth, values, NAMES, bootstrap=0).roc
        for k, name in enumerate(NAMES):
            false, true, _ = sk.roc_curve(truth == k, values[:, k])
            points = set(zip(false.round(5).tolist(), true.round(5).tolist(), strict=True))
            own = list(zip(found[name].false_positive, found[name].true_positive, strict=True))
            assert set(own) <= points and own[0] == (0, 0) and own[-1] == (1, 1) and len(own) <= 100
            area = np.trapezoid(found[name].true_positive, found[name].false_positive)
            assert area == pytest.approx(sk.auc(false, true), abs=0.003)


def test_reliability_bins_by_hand() -> None:
    scores = np.array([[0.95, 0.05], [0.05, 0.95], [0.92, 0.08], [0.62, 0.38]])
    found = metrics.report([0, 0, 0, 1], scores, ("a", "b"), bootstrap=0).reliability
    assert len(found) == metrics.BINS and sum(row[0] for row in found) == 4
    assert found[14] == pytest.approx((2, 0.95, 0.5)) and found[13] == pytest.approx((1, 0.92, 1.0))
    assert found[9] == pytest.approx((1, 0.62, 0.0)) and found[0] == (0, 0.0, 0.0)


def test_mistakes_come_surest_first() -> None:
    scores = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    found = metrics.report([1, 1, 1, 0], scores, ("a", "b"), names=["w", "x", "y", "z"]).mistakes
    assert [(m.name, m.index, m.true, m.predicted) for m in found] == [("x", 1, 1, 0), ("z", 3, 0, 1), ("w", 0, 1, 0)]
    assert [m.probability for m in found] == pytest.approx([0.9, 0.7, 0.6])
    many = metrics.report([0] * 200 + [1], np.tile([[0.4, 0.6]], (201, 1)), ("a", "b"), bootstrap=10)
    assert len(many.mistakes) == metrics.MISTAKES


def test_a_report_survives_json_and_older_ones_are_read(scores: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = scores
    found = metrics.report(labels, probabilities, NAMES, names=[str(i) for i in range(353)], bootstrap=20)
    values = json.loads(json.dumps(asdict(found)))
    assert metrics.read(values) == found
    for key in ("accuracy_interval", "macro_auroc_interval", "micro_auroc", "roc", "reliability", "mistakes"):
        del values[key]
    values["macro_auroc"] = None
    old = metrics.read({**values, "simulated": True})
    assert old.macro_f1 == found.macro_f1 and old.roc == {} and old.mistakes == ()
    assert np.isnan(old.macro_auroc) and np.isnan(old.micro_auroc)
    with pytest.raises(ReportError, match="no report"):
        metrics.read({"macro_f1": 0.5})


def test_interval_is_seeded(scores: tuple[np.ndarray, np.ndarray]) -> None:
    one, same, other = (metrics.report(*scores, NAMES, seed=seed).macro_f1_interval for seed in (3, 3, 4))
    assert one == same != other


def test_a_class_that_never_occurs_is_left_out_of_the_averages() -> None:
    labels, probabilities = [0, 0, 1, 1], np.eye(3)[[0, 1, 1, 1]]
    found = metrics.report(labels, probabilities, ("a", "b", "c"), bootstrap=0)
    assert found.macro_f1 == pytest.approx(sk.f1_score(labels, [0, 1, 1, 1], average="macro"))
    assert found.macro_f1_interval == (found.macro_f1, found.macro_f1)
    assert np.isnan(found.per_class["c"]["auroc"]) and found.macro_auroc == pytest.approx(0.75)


def test_calibration_error_by_hand() -> None:
    # Four at 0.9 of which three are right (gap 0.15), two at 0.6 of which both are right (gap 0.4).
    top = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    scores = np.stack([top, 1 - top], axis=1)
    assert metrics.calibration_error(np.array([0, 0, 0, 1, 0, 0]), scores) == pytest.approx((4 * 0.15 + 2 * 0.4) / 6)


def test_a_top_score_of_exactly_one_shares_the_last_bin() -> None:
    """Two at 1.0 (right, wrong) and two at 0.95 (right): one bin of mean 0.975 and accuracy 0.75, no bin of its own."""
    top = np.array([1.0, 1.0, 0.95, 0.95])
    scores, labels = np.stack([top, 1 - top], axis=1), np.array([0, 1, 0, 0])
    assert metrics.calibration_error(labels, scores) == pytest.approx(0.975 - 0.75)
    assert metrics.reliability(labels, scores)[-1] == pytest.approx((4, 0.975, 0.75))


@pytest.mark.parametrize("bins", [10, 15])
def test_bins_are_closed_at_their_upper_edge_as_defined(bins: int) -> None:
    """((m - 1) / M, m / M] in exact fractions, on scores at and beside every edge of three classes."""
    edges = [Fraction(m, bins) for m in range(bins // 3 + 1, bins + 1)]
    exact = [*edges, *(edge - Fraction(1, 1000) for edge in edges)]
    top = np.array([float(score) for score in exact])
    labels = np.arange(len(top)) % 2
    scores = np.stack([top, (1 - top) / 2, (1 - top) / 2], axis=1)
    expected = 0.0
    for m in range(1, bins + 1):
        held = [i for i, score in enumerate(exact) if Fraction(m - 1, bins) < score <= Fraction(m, bins)]
        if held:
            expected += len(held) / len(top) * abs(np.mean(labels[held] == 0) - np.mean(top[held]))
    assert metrics.calibration_error(labels, scores, bins) == pytest.approx(expected)


def test_a_sure_and_right_model_is_perfect() -> None:
    found = metrics.report([0, 1, 2], np.eye(3), ("a", "b", "c"))
    assert (found.accuracy, found.macro_f1, found.macro_auroc) == (1, 1, 1)
    assert (found.ece, found.brier, found.loss) == pytest.approx((0, 0, 0))


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [([], np.zeros((0, 2))), ([0], np.full((1, 3), 1 / 3)), ([2], [[0.5, 0.5]]), ([0], [[np.nan, 1.0]])],
)
def test_wrong_input_is_refused(labels: list[int], probabilities: np.ndarray) -> None:
    with pytest.raises(ValueError):
        metrics.report(labels, probabilities, ("a", "b"))
