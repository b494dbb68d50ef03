"""A figure that goes to the browser as it was made is the same there as plotly's own."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import pytest
from figure_cutouts import fits_cutout, noise_image
from plotly.tools import return_figure_from_figure_or_data

from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.ready import Ready
from vlass_explorer.figures.sky import Overlay, sky_spec
from vlass_explorer.schema import Explanation, Window


def spec(seen):
    image = noise_image()
    image[:5] = np.nan  # float levels, and gaps in the contours
    maps = np.random.default_rng(2).random((1, 4, 4))
    explanation = Explanation(maps.astype(np.float32), ("Rollout",), False, "caption")
    given = {"window": Window(10, 50, 20, 60), "seen": seen, "explanation": explanation, "stamp": "a < b"}
    return sky_spec(fits_cutout(image), SkyView(contours=True), overlay=Overlay(0.5, "sky over explanation"), **given)


def sent(figure):
    """As ``st.plotly_chart`` sends it (streamlit 1.67)."""
    return json.loads(pio.to_json(return_figure_from_figure_or_data(figure, validate_figure=True), validate=False))


@pytest.mark.parametrize("seen", [np.eye(8, dtype=np.float32), np.full((8, 8, 3), 0.5, np.float32)])
def test_the_browser_gets_what_plotly_would_send(seen):
    made = spec(seen)
    assert sent(Ready(made)) == sent(go.Figure(made))
    assert sent(Ready(made))["layout"]["template"]


def test_a_figure_made_of_it_can_be_changed_and_leaves_it_as_it_is():
    ready = Ready(spec(np.eye(8, dtype=np.float32)))
    before = sent(ready)
    figure = go.Figure(ready)
    assert sent(figure) == before
    figure.update_xaxes(range=[1, 2])
    figure.add_scatter(x=[0], y=[0])
    assert sent(ready) == before != sent(figure)
