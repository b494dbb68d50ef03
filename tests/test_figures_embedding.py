"""The map of features: every cutout is drawn once, names are text, a density counts all, outlines choose."""

from __future__ import annotations

import numpy as np
import pytest

from vlass_explorer.figures import embedding
from vlass_explorer.figures.embedding import Layer

AXES = ("principal component 1", "principal component 2")
AT = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [np.nan, np.nan], [5.0, 5.0]])
TEXTS = ("a", "b", "<b>c</b>", "d", "e")


def test_words_become_traces_in_a_given_order_with_the_same_colour_in_both_layers() -> None:
    old = Layer("training cutouts", AT, TEXTS, ("FRII", "FRI", "FRI", "FRI", "FRII"))
    new = Layer("cutouts", AT, TEXTS, ("", "FRI", "<i>x</i>", "FRI", "FRI"), new=True)
    figure = embedding.cloud([old, new], AXES, names=("FRI", "FRII"))
    names = [trace.name for trace in figure.data]
    assert names == ["FRI (2)", "FRII (2)", "FRI (2)", "&lt;i&gt;x&lt;/i&gt; (1)", "not known (1)"]
    assert {trace.type for trace in figure.data} == {"scattergl"}
    assert figure.data[0].marker.color == figure.data[2].marker.color != figure.data[1].marker.color
    assert [list(trace.customdata) for trace in figure.data] == [[-1, -1], [-1, -1], [1, 4], [2], [0]]
    assert figure.data[3].text == ("&lt;b&gt;c&lt;/b&gt;",) and figure.layout.dragmode == "lasso"
    both = "4 training cutouts (1 without features left out) and 4 cutouts (1 without features left out)"
    assert figure.layout.title.text == both and figure.layout.xaxis.title.text == AXES[0]


def test_numbers_have_one_bar_and_what_is_not_known_is_grey() -> None:
    snr = np.array([1.0, 100.0, np.nan, 7.0, -3.0])
    layers = [Layer("training cutouts", AT, TEXTS), Layer("cutouts", AT, TEXTS, numbers=snr, new=True)]
    figure = embedding.cloud(layers, AXES, bar="S/N", log=True)
    grey, other, coloured = figure.data
    assert list(grey.x) == [0, 1, 0, 5] and list(other.customdata) == [2, 4] and other.name == "not known (2)"
    assert list(coloured.marker.color) == [0.0, 2.0] and list(coloured.customdata) == [0, 1]
    bar = figure.layout.coloraxis.colorbar
    assert dict(zip(bar.ticktext, bar.tickvals, strict=True))["20"] == pytest.approx(np.log10(20))
    assert bar.title.text == "S/N"
    plain = embedding.cloud([Layer("cutouts", AT, TEXTS, numbers=snr)], AXES)
    assert list(plain.data[-1].marker.color) == [1.0, 100.0, -3.0] and plain.layout.dragmode == "zoom"


def test_many_are_a_density_that_counts_each_once_and_a_lasso_chooses_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "MOST", 900)
    monkeypatch.setattr(embedding, "DRAWN", 50)
    at = np.random.default_rng(0).normal(size=(1000, 2))
    layer = Layer("cutouts", at, ("",) * 1000, new=True)
    figure = embedding.cloud([layer], AXES)
    density, points = figure.data
    assert density.type == "heatmap" and np.asarray(density.customdata).sum() == 1000 and len(points.x) == 50
    assert np.nansum(10 ** np.asarray(density.z, float)) == pytest.approx(1000, rel=1e-5)
    assert figure.layout.title.text == "1,000 cutouts, as a density"
    lasso = {"x": [-1, 0, 0, -1], "y": [-1, -1, 1, 1]}
    rows = embedding.chosen(layer, {"points": [{"customdata": 3}], "lasso": [lasso]})
    expected = (at[:, 0] > -1) & (at[:, 0] < 0) & (np.abs(at[:, 1]) < 1)
    assert rows.tolist() == np.flatnonzero(expected).tolist()
    boxed = embedding.chosen(layer, {"box": [{"x": [0, -1], "y": [1, -1]}]})
    assert boxed.tolist() == rows.tolist()


def test_points_are_chosen_by_their_row_and_training_cutouts_are_not() -> None:
    layer = Layer("cutouts", AT, TEXTS, new=True)
    points = [{"customdata": 4}, {"customdata": [0]}, {"customdata": -1}, {"customdata": 4}, {"customdata": 99}, {}]
    assert embedding.chosen(layer, {"points": points, "lasso": [{"x": [0], "y": [0]}]}).tolist() == [0, 4]
    assert embedding.chosen(layer, {}).tolist() == []


def test_a_hundred_thousand_points_stay_small_for_the_browser() -> None:
    at = np.random.default_rng(0).normal(size=(100_000, 2))
    figure = embedding.cloud([Layer("cutouts", at, ("name",) * 100_000, ("FRI", "FRII") * 50_000, new=True)], AXES)
    assert [trace.type for trace in figure.data] == ["scattergl"] * 2 and figure.data[0].text is None
    assert len(figure.to_json()) < 2_000_000  # x, y and row of each, 12 bytes as base64
