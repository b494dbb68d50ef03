"""Rows of a catalogue as pictures: counts that add up, histograms by hand, the Aitoff projection by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import angular_separation

from vlass_explorer.figures import batch

NAMES = ("FRI", "FRII")
LABELS = np.array(["FRI", "FRII", "FRI", "", "FRII"], dtype=object)
VALIDITIES = np.array(["ok", "outside", "caution", "", "ok"], dtype=object)
SCORES = np.array([0.02, 0.5, 1.0, np.nan, 0.51])


def test_every_row_is_in_one_bar() -> None:
    figure = batch.label_counts(LABELS, VALIDITIES, NAMES)
    bars = {bar.name: list(bar.y) for bar in figure.data}
    assert bars == {"ok": [1, 1], "caution": [1, 0], "outside": [0, 1], "no answer": [1]}
    assert figure.layout.title.text == "5 rows"


def test_histograms_count_every_score_once_also_at_the_ends() -> None:
    figure = batch.score_histograms(SCORES, LABELS, NAMES)
    first, second = (np.array(line.y) for line in figure.data)
    assert (first[0], first[24], first.sum()) == (1, 1, 2) and (second[12], second.sum()) == (2, 2)
    assert [line.name for line in figure.data] == ["FRI (2)", "FRII (2)"]


def test_the_aitoff_projection_is_a_half_scaled_azimuthal_equidistant_one() -> None:
    """By definition (Aitoff 1889): distance from the centre is that on the sphere at half the longitude, x doubled."""
    x, y = batch.aitoff(np.array([180.0, 90.0, 359.9999, 180.0]), np.array([0.0, 0.0, 0.0, 90.0]))
    assert x == pytest.approx([0, np.pi / 2, -np.pi, 0], abs=1e-5)
    assert y == pytest.approx([0, 0, 0, np.pi / 2])
    random = np.random.default_rng(0)
    ra, dec = random.uniform(0, 360, 200), np.degrees(np.arcsin(random.uniform(-1, 1, 200)))
    x, y = batch.aitoff(ra, dec)
    half = (180.0 - ra) / 2 * u.deg
    apart = angular_separation(0 * u.deg, 0 * u.deg, half, dec * u.deg).to_value(u.rad)
    np.testing.assert_allclose(np.hypot(x / 2, y), apart, rtol=1e-9)


def test_clouds_are_thinned_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST", 3)
    figure = batch.sky_map(np.array([1.0, 2.0, 3.0, 4.0, np.nan]), np.zeros(5), LABELS, NAMES)
    assert figure.layout.title.text == "4 rows with a position, 3 of them drawn at random"
    clouds = [trace for trace in figure.data if trace.type == "scattergl"]
    assert sum(len(trace.x) for trace in clouds) == 3
    figure = batch.snr_score(np.array([5.0, 8.0, np.nan, -1.0, 20.0]), SCORES, LABELS, NAMES)
    assert figure.layout.title.text == "3 rows with S/N and score"
    assert {trace.name: list(trace.x) for trace in figure.data} == {"FRI": [5.0], "FRII": [8.0, 20.0]}


@pytest.mark.parametrize(("low", "high"), [(234.0, 918.0), (5.0, 20.0), (3.0, 4000.0), (0.02, 0.5), (7.0, 7.0)])
def test_a_logarithmic_axis_has_marks_within_what_it_shows(low: float, high: float) -> None:
    found = batch.ticks(np.array([low, high]))
    inside = [text for text, mark in zip(found["ticktext"], found["tickvals"], strict=True) if low <= mark <= high]
    assert len(inside) >= 2 or low == high
    assert [float(text.replace(",", "")) for text in found["ticktext"]] == pytest.approx(found["tickvals"])
    assert len(set(found["ticktext"])) == len(found["ticktext"]) < 40
    assert batch.ticks(np.array([]))["tickvals"] == [1.0, 10.0, 100.0, 1000.0]


def test_names_are_no_html() -> None:
    figure = batch.label_counts(np.array(["<b>x"], dtype=object), np.array(["ok"], dtype=object), ["<b>x"])
    assert figure.data[0].x[0] == "&lt;b&gt;x"
