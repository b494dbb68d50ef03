"""Evaluation drawn: confusion matrix, ROC curves, reliability diagram, and checkpoints against their size."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..schema import Report

BLUE, ORANGE, GREY = "#2a86a6", "#e8590c", "rgba(138,146,156,0.65)"
SERIES = ("#2a86a6", "#e8590c", "#7a5195", "#5c940d", "#c2255c", "#846358", "#1c7ed6", "#495057")
MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}


def confusion(report: Report, *, normalised: bool = False, clickable: bool = False) -> go.Figure:
    """True classes down, predicted across: counts, or with ``normalised`` shares of each true class.

    ``clickable`` lays a transparent marker over each cell, as heat maps return no selection: point ``i`` is true class
    ``i // K``, predicted class ``i % K``.
    """
    counts = np.array(report.confusion, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    names = [escape(name) for name in report.label_names]
    text = [[f"{v:.2f}" if normalised else f"{v:.0f}" for v in row] for row in (shares if normalised else counts)]
    trace = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": shares.astype(np.float32),
        "zmin": 0,
        "zmax": 1,
        "colorscale": "Blues",
        "showscale": False,
        "text": text,
        "texttemplate": "%{text}",
        "xgap": 2,
        "ygap": 2,
        "customdata": counts.astype(np.float32),
        "hovertemplate": "true %{y}, predicted %{x}<br>%{customdata:.0f} cutouts, %{z:.1%} of the class<extra></extra>",
    }
    layout: dict[str, Any] = {
        "xaxis": {"title": "predicted", "side": "bottom", "fixedrange": True, "automargin": True},
        "yaxis": {"title": "true", "autorange": "reversed", "fixedrange": True, "automargin": True},
        "height": 110 + 46 * len(names),
        "margin": MARGIN,
    }
    figure = go.Figure({"data": [trace], "layout": layout})
    if clickable:
        figure.add_scatter(
            x=names * len(names),
            y=[name for name in names for _ in names],
            mode="markers",
            showlegend=False,
            customdata=np.stack([counts.ravel(), shares.ravel()], axis=-1),
            hovertemplate="true %{y}, predicted %{x}<br>%{customdata[0]:.0f} cutouts, %{customdata[1]:.1%} of the class"
            "<br>click to see them<extra></extra>",
            marker={"size": 34, "symbol": "square", "color": "rgba(0,0,0,0)", "line": {"width": 0}},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
        )
        figure.update_layout(hovermode="closest", dragmode=False)
    return figure


def roc(report: Report, *, height: int = 340) -> go.Figure:
    """One curve a class against the rest, with its area; the diagonal is a coin."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, showlegend=False, hoverinfo="skip"
    )
    for index, name in enumerate(report.label_names):
        if (curve := report.roc.get(name)) is None:
            continue
        area = report.per_class[name]["auroc"]
        figure.add_scatter(
            x=curve.false_positive,
            y=curve.true_positive,
            mode="lines",
            name=f"{escape(name)} {area:.3f}",
            line={"color": SERIES[index % len(SERIES)], "width": 2},
            hovertemplate=f"{escape(name)}<br>false positives %{{x:.3f}}<br>true positives %{{y:.3f}}<extra></extra>",
        )
    figure.update_xaxes(title_text="false positive rate", range=[0, 1], fixedrange=True)
    figure.update_yaxes(title_text="true positive rate", range=[0, 1.02], fixedrange=True)
    figure.update_layout(
        height=height,
        margin=MARGIN,
        legend={"x": 0.98, "xanchor": "right", "y": 0.04, "yanchor": "bottom", "title": {"text": "AUROC"}},
    )
    return figure


def reliability(report: Report, *, height: int = 340) -> go.Figure:
    """Accuracy against the mean top score of each bin; on the diagonal a score would be a probability."""
    bins = [row for row in report.reliability if row[0]]
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, showlegend=False, hoverinfo="skip"
    )
    counts = [row[0] for row in bins]
    largest = max(counts, default=1)
    figure.add_scatter(
        x=[row[1] for row in bins],
        y=[row[2] for row in bins],
        mode="lines+markers",
        showlegend=False,
        line={"color": BLUE, "width": 1},
        customdata=counts,
        marker={"color": BLUE, "size": [6 + 18 * (n / largest) ** 0.5 for n in counts]},
        hovertemplate="top score %{x:.2f}<br>accuracy %{y:.2f}<br>%{customdata} cutouts<extra></extra>",
    )
    figure.update_xaxes(title_text="mean top score", range=[0, 1.02], fixedrange=True)
    figure.update_yaxes(title_text="accuracy", range=[0, 1.02], fixedrange=True)
    figure.update_layout(height=height, margin=MARGIN)
    return figure


def score_bars(frame: pd.DataFrame, column: str) -> go.Figure:
    """Checkpoints of a leaderboard by one score, best on top."""
    known = frame.dropna(subset=[column]).sort_values(column, ascending=False)
    names = [escape(name) for name in known["checkpoint"]]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": known[column].to_numpy(np.float32),
        "y": names,
        "text": [f"{value:.3f}" for value in known[column]],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": BLUE},
        "hovertemplate": "%{y}<br>" + column + " %{x:.4f}<extra></extra>",
    }
    layout: dict[str, Any] = {
        "xaxis": {"range": [0, 1.12], "title": column, "fixedrange": True, "tickvals": [0, 0.5, 1]},
        "yaxis": {"autorange": "reversed", "automargin": True, "fixedrange": True},
        "height": 70 + 32 * max(len(names), 1),
        "margin": MARGIN,
        "bargap": 0.35,
    }
    return go.Figure({"data": [trace], "layout": layout})


TICKS = [digit * 10.0**power for power in range(-3, 4) for digit in (1, 2, 5)]
"""Numbers on a logarithmic axis; plotly's own shorten 50 to a small 5."""


def against_parameters(frame: pd.DataFrame, column: str, *, height: int = 340) -> go.Figure:
    """A score of each checkpoint against its number of parameters, named."""
    known = frame.dropna(subset=[column])
    figure = go.Figure()
    figure.add_scatter(
        x=known["parameters (M)"],
        y=known[column],
        mode="markers+text",
        text=[escape(name) for name in known["checkpoint"]],
        textposition="top center",
        marker={"color": BLUE, "size": 11},
        cliponaxis=False,
        hovertemplate="%{text}<br>%{x:.3g} million parameters<br>" + column + " %{y:.4f}<extra></extra>",
    )
    figure.update_xaxes(title_text="parameters (million)", type="log", tickvals=TICKS, fixedrange=True)
    low = float(known[column].min()) if len(known) else 0.0
    figure.update_yaxes(title_text=column, range=[max(0.0, low - 0.08), 1.02], fixedrange=True)
    figure.update_layout(height=height, margin={**MARGIN, "t": 24, "r": 40, "l": 40})
    return figure
