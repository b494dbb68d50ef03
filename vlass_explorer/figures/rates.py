"""The curve of a learning-rate range test: loss against rate, and the rate that is suggested."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from .curves import OTHER, TRAINING, VALIDATION


def found(
    rates: Sequence[float], losses: Sequence[float | None], smoothed: Sequence[float | None], suggested: float | None
) -> go.Figure:
    """Losses as dots and smoothed as a line (n,), against rates on a logarithmic axis; the suggested one marked.

    The axis of the loss ends a little above where the smoothed one began, for what leaves is of no interest.
    """
    figure = go.Figure()
    figure.add_scatter(x=list(rates), y=list(losses), mode="markers", marker={"color": OTHER, "size": 4}, name="a step")
    figure.add_scatter(x=list(rates), y=list(smoothed), mode="lines", line={"color": TRAINING}, name="smoothed")
    if suggested is not None:
        figure.add_vline(x=suggested, line={"color": VALIDATION, "dash": "dash"}, annotation_text=f"{suggested:g}")
    known = [value for value in smoothed if value is not None]
    low, high = min(known, default=0.0), max(known[:20], default=1.0)
    figure.update_layout(
        height=280,
        margin={"l": 4, "r": 4, "t": 24, "b": 4},
        xaxis={"type": "log", "title": "learning rate", "exponentformat": "power"},
        yaxis={"title": "loss of a batch", "range": [low - 0.1 * (high - low), high + 0.3 * (high - low)]},
        legend={"orientation": "h", "y": 1.15},
    )
    return figure
