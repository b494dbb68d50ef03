"""Scores along a change of the cutout, with the band of the draws and the level at which the label flips."""

from __future__ import annotations

from html import escape

import numpy as np
import plotly.graph_objects as go

from ..flips import Curve
from .curves import COLOURS

TITLES = {
    "noise": "times the noise",
    "smoothing": "times the beam",
    "shift": "off centre",
    "rotation": "turned, also mirrored (°)",
}
MOST = 5
"""Labels that are drawn: those that reach the highest scores."""
LOST = "rgba(138,146,156,0.18)"


def curve_figure(curve: Curve, *, height: int = 230) -> go.Figure:
    """Draw the mean softmax score of each label against the level, and the band that two thirds of the draws lie in.

    A dashed line stands where the label flips, a grey field where the source is not wholly there any more.
    """
    figure = go.Figure()
    mean, (low, high) = curve.mean, curve.band
    drawn = sorted(np.argsort(-mean.max(axis=0))[:MOST])
    levels = curve.levels.tolist()
    for index in drawn:
        colour, name = COLOURS[index % len(COLOURS)], escape(curve.label_names[index])
        if curve.scores.shape[1] > 1:
            figure.add_scatter(
                x=[*levels, *levels[::-1]],
                y=[*high[:, index], *low[::-1, index]],
                mode="lines",  # few points would get markers
                fill="toself",
                fillcolor=_pale(colour),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=name,
            )
        figure.add_scatter(
            x=levels,
            y=mean[:, index],
            name=name,
            legendgroup=name,
            mode="lines+markers",
            line={"color": colour, "width": 3 if index == curve.label else 1.5},
            marker={"size": 4},
            customdata=[escape(curve.words(level)) for level in levels],
            hovertemplate=f"{name} %{{y:.3f}}<br>%{{customdata}}<extra></extra>",
        )
    if curve.limit is not None and curve.limit < levels[-1]:
        figure.add_vrect(x0=max(curve.limit, levels[0]), x1=levels[-1], fillcolor=LOST, line_width=0, layer="below")
    if curve.flips is not None:
        figure.add_vline(x=levels[curve.flips], line={"color": "#5b6670", "width": 1.5, "dash": "dash"})
    unit = {"arcsec": " (″)", "pixels": " (pixels)"}.get(curve.unit or "", "") if curve.kind == "shift" else ""
    axis = {"fixedrange": True, "zeroline": False, "tickfont": {"size": 11}}
    figure.update_xaxes(
        title={"text": TITLES[curve.kind] + unit, "font": {"size": 12}, "standoff": 2}, nticks=6, **axis
    )
    figure.update_yaxes(range=[0, 1.02], tickvals=[0, 0.5, 1], title={"text": "softmax score"}, **axis)
    figure.update_layout(
        height=height,
        margin={"l": 48, "r": 8, "t": 8, "b": 40},
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom", "font": {"size": 11}},
    )
    return figure


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"
