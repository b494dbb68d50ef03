"""Evaluation figures hold the numbers of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from vlass_explorer.evaluation import metrics
from vlass_explorer.figures import evaluation as figures
from vlass_explorer.schema import Report

NAMES = ("FRI", "<b>FRII", "Bent")


@pytest.fixture(scope="module")
def report() -> Report:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 200)
    logits = random.normal(size=(200, 3)) + 1.5 * np.eye(3)[labels]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return metrics.report(labels, scores, NAMES, bootstrap=10)


def test_confusion_holds_counts_or_shares(report: Report) -> None:
    counts = figures.confusion(report).data[0]
    assert [[int(text) for text in row] for row in counts.text] == [list(row) for row in report.confusion]
    shares = figures.confusion(report, normalised=True).data[0]
    np.testing.assert_allclose(np.asarray(shares.z).sum(axis=1), 1.0, atol=1e-6)
    assert counts.x[1] == "&lt;b&gt;FRII"


def test_a_class_without_a_cutout_has_no_shares() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6]])
    absent = metrics.report(np.array([0, 0]), scores, ("FRI", "Bent"), bootstrap=0)
    np.testing.assert_allclose(figures.confusion(absent).data[0].z, [[0.5, 0.5], [0.0, 0.0]])


def test_roc_encloses_its_area(report: Report) -> None:
    curves = figures.roc(report).data[1:]
    assert len(curves) == 3
    for curve, name in zip(curves, NAMES, strict=True):
        area = np.trapezoid(curve.y, curve.x)
        assert area == pytest.approx(report.per_class[name]["auroc"], abs=0.01)
    assert roc_auc_score([0, 1], [0.1, 0.9]) == 1.0


def test_reliability_shows_the_bins_that_hold_cutouts(report: Report) -> None:
    drawn = figures.reliability(report).data[1]
    assert sum(drawn.customdata) == 200 and len(drawn.x) == sum(1 for row in report.reliability if row[0])


def test_bars_and_sizes_leave_out_what_is_not_known() -> None:
    frame = pd.DataFrame({"checkpoint": ["a", "b<i>"], "parameters (M)": [1.0, 2.0], "macro F1": [0.5, None]})
    assert list(figures.score_bars(frame, "macro F1").data[0].y) == ["a"]
    assert list(figures.against_parameters(frame, "macro F1").data[0].text) == ["a"]


def test_a_marker_lies_on_each_cell_of_the_confusion_matrix(report: Report) -> None:
    matrix, markers = figures.confusion(report, clickable=True).data
    assert [[int(pair[0]) for pair in row] for row in np.reshape(markers.customdata, (3, 3, 2))] == [
        list(row) for row in report.confusion
    ]
    true, predicted = divmod(5, len(NAMES))
    assert (markers.y[5], markers.x[5]) == (matrix.y[true], matrix.x[predicted])
