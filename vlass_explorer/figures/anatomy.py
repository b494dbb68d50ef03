"""A step of a model as a picture: maps side by side, matrices and vectors; and how an answer forms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..schema import FloatArray

MOST = 16
"""Maps of one picture: the first channels, or heads."""
HIGH = 135
"""Pixels of a row of small maps with its titles."""
SCALE = "Viridis"
DIVERGING = "RdBu"


def maps(values: FloatArray, titles: Sequence[str]) -> go.Figure:
    """Maps (n, ny, nx), at most 16, side by side on one colour scale, row 0 at the bottom as in the cutout.

    Symmetric about zero where values have both signs.
    """
    shown = values[:MOST]
    columns = min(len(shown), 8 if len(shown) > 4 else 4)
    rows = -(-len(shown) // columns)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=list(titles[: len(shown)]),
        horizontal_spacing=0.01,
        vertical_spacing=0.12 / rows,
    )
    largest = float(np.nanmax(np.abs(shown))) if np.isfinite(shown).any() else 1.0
    signed = bool(np.nanmin(shown) < 0.0)
    figure.update_layout(
        coloraxis={
            "colorscale": DIVERGING if signed else SCALE,
            "cmin": -largest if signed else float(np.nanmin(shown)),
            "cmax": largest,
            "colorbar": {"thickness": 10, "outlinewidth": 0},
        },
        height=30 + rows * (HIGH if columns > 4 else 2 * HIGH),
        margin={"l": 4, "r": 4, "t": 26, "b": 4},
    )
    for number, each in enumerate(shown):
        row, column = divmod(number, columns)
        figure.add_heatmap(z=each.astype(np.float32), coloraxis="coloraxis", row=row + 1, col=column + 1)
        axis = figure.layout[f"yaxis{'' if number == 0 else number + 1}"]
        axis.update(scaleanchor=f"x{'' if number == 0 else number + 1}", constrain="domain")
    figure.update_xaxes(visible=False, constrain="domain").update_yaxes(visible=False)
    figure.update_annotations(font_size=11)
    return figure


def vector(values: FloatArray, names: Sequence[str], title: str, *, height: int = 300) -> go.Figure:
    """A vector (n,) as bars, with names where there are few."""
    figure = go.Figure(go.Bar(x=list(names), y=values.astype(np.float32), marker_color="#1f6f8b"))
    figure.update_layout(height=height, margin={"l": 50, "r": 10, "t": 10, "b": 40}, yaxis_title=title, bargap=0.1)
    return figure


def matrix(values: FloatArray, *, across: str, up: str, height: int = 380) -> go.Figure:
    """A matrix (n, m) with its first row on top, as it is written."""
    signed = bool(values.min() < 0.0)
    largest = float(np.abs(values).max())
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32),
            colorscale=DIVERGING if signed else SCALE,
            zmin=-largest if signed else 0.0,
            zmax=largest,
            colorbar={"thickness": 10, "outlinewidth": 0},
        )
    )
    figure.update_layout(height=height, margin={"l": 50, "r": 10, "t": 10, "b": 40}, xaxis_title=across, yaxis_title=up)
    figure.update_yaxes(autorange="reversed")
    return figure


def forming(logits: FloatArray, label_names: Sequence[str], *, height: int = 300) -> go.Figure:
    """Softmax scores (block, K) of the logits read out after every block, a line a class."""
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    figure = go.Figure()
    for index, name in enumerate(label_names):
        figure.add_scatter(x=np.arange(len(scores)) + 1, y=scores[:, index], mode="lines+markers", name=name)
    figure.update_layout(
        height=height,
        margin={"l": 50, "r": 10, "t": 10, "b": 40},
        xaxis={"title": "read out after block", "dtick": 1},
        yaxis={"title": "softmax score", "range": [0, 1.02]},
        legend={"orientation": "h", "y": 1.12},
    )
    return figure


def heads(changes: FloatArray, label: str, *, height: int = 320) -> go.Figure:
    """Change (layer, head) of a label's score with one head off; empty where a layer has no such head."""
    largest = max(float(np.nanmax(np.abs(changes))), 1e-6)
    figure = go.Figure(
        go.Heatmap(
            z=changes.T,
            x=np.arange(changes.shape[0]) + 1,
            y=np.arange(changes.shape[1]) + 1,
            colorscale=DIVERGING,
            zmin=-largest,
            zmax=largest,
            colorbar={"thickness": 10, "outlinewidth": 0, "title": {"text": f"change of {label}", "side": "right"}},
            hovertemplate="layer %{x}, head %{y}: %{z:+.3f}<extra></extra>",
        )
    )
    figure.update_layout(height=height, margin={"l": 50, "r": 10, "t": 10, "b": 40})
    figure.update_xaxes(title="layer", dtick=1).update_yaxes(title="head", dtick=1)
    return figure
