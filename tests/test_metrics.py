"""Metrics against scikit-learn, and figures that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from vlass_explorer import metrics

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
