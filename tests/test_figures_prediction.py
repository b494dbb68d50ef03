"""Bars of a prediction."""

import numpy as np
from scipy.special import softmax

from vlass_explorer.figures.prediction import FIRST, INVALID, OTHERS, bars
from vlass_explorer.schema import Prediction, Validity


def prediction(count=4, level="ok"):
    logits = np.random.default_rng(0).normal(size=count)
    return Prediction(tuple(f"label {i}" for i in range(count)), logits, softmax(logits), Validity(level))


def test_bars_are_sorted_and_the_axis_does_not_promise_probabilities():
    given = prediction()
    (trace,) = bars(given).data
    assert list(trace.x) == sorted(trace.x, reverse=True)
    assert trace.y[0] == given.label
    assert bars(given).layout.yaxis.autorange == "reversed"  # highest on top
    assert bars(given).layout.xaxis.title.text == "softmax score"
    assert list(trace.marker.color) == [FIRST, OTHERS, OTHERS, OTHERS]


def test_bars_of_an_invalid_input_are_grey():
    assert set(bars(prediction(level="outside")).data[0].marker.color) == {INVALID}
    assert FIRST in bars(prediction(level="caution")).data[0].marker.color


def test_only_the_highest_of_many_labels_are_drawn():
    given = prediction(count=50)
    (trace,) = bars(given, most=5).data
    np.testing.assert_allclose(trace.x, np.sort(given.probabilities)[::-1][:5], rtol=1e-6)


def test_labels_are_text():
    given = Prediction(("<b>x</b>", "y"), np.array([1.0, 0.0]), softmax([1.0, 0.0]))
    assert "&lt;b&gt;x&lt;/b&gt;" in bars(given).data[0].y
