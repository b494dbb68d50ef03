"""Measured trust as small curves: deletion and insertion, and similarity while the weights become random."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..trust import Faithfulness, Randomisation

DELETION, INSERTION, RANDOM = "#c2410c", "#1f6f8b", "#8a929c"


def faithfulness_curves(found: Faithfulness, *, unit: str = "softmax score", height: int = 190) -> go.Figure:
    """Draw the score of the label while the most relevant pixels go (deletion) or come (insertion).

    The dotted line is the mean height that random maps reach, the mean of both curves over all of them.
    """
    share = 100 * found.fractions.astype(np.float32)
    figure = go.Figure()
    for name, values, area, colour in (
        ("deletion", found.deletion, found.deletion_auc, DELETION),
        ("insertion", found.insertion, found.insertion_auc, INSERTION),
    ):
        figure.add_scatter(
            x=share,
            y=values.astype(np.float32),
            name=f"{name} {area:.2f}",
            mode="lines",
            line={"color": colour, "width": 2},
            hovertemplate=f"{name}: %{{y:.3f}} at %{{x:.0f}} %<extra></extra>",
        )
    chance = float(np.mean([*found.random_deletion_aucs, *found.random_insertion_aucs]))
    figure.add_scatter(
        x=[0, 100],
        y=[chance, chance],
        name=f"random {chance:.2f}",
        mode="lines",
        hoverinfo="skip",
        line={"color": RANDOM, "width": 1.5, "dash": "dot"},
    )
    return _small(figure, "pixels changed (%)", escape(unit), height)


def randomisation_curve(found: Randomisation, *, height: int = 190) -> go.Figure:
    """Draw how similar the map stays while layers become random from the top; it should fall towards 0."""
    points = np.arange(len(found.similarities) + 1)
    names = ["trained", *map(escape, found.layers)]
    figure = go.Figure(
        go.Scatter(
            x=points,
            y=[1.0, *found.similarities],
            mode="lines+markers",
            text=names,
            showlegend=False,
            line={"color": INSERTION, "width": 2},
            marker={"size": 5},
            hovertemplate="down to %{text}<br>similarity %{y:.2f}<extra></extra>",
        )
    )
    figure.update_yaxes(range=[min(-0.1, *found.similarities), 1.05])
    figure.update_xaxes(tickvals=[0, len(points) - 1], ticktext=["trained", "all random"])
    name = {"spearman": "rank correlation", "ssim": "SSIM"}[found.similarity]
    return _small(figure, "layers made random", name, height)


def _small(figure: go.Figure, x: str, y: str, height: int) -> go.Figure:
    axis: dict[str, Any] = {"fixedrange": True, "zeroline": False, "tickfont": {"size": 10}, "nticks": 4}
    figure.update_xaxes(title={"text": x, "font": {"size": 11}, "standoff": 2}, showgrid=False, **axis)
    figure.update_yaxes(title={"text": y, "font": {"size": 11}, "standoff": 2}, **axis)
    figure.update_layout(
        height=height,
        margin={"l": 44, "r": 8, "t": 30, "b": 36},
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom", "font": {"size": 10}},
    )
    return figure
