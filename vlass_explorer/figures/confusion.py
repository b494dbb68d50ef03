"""A confusion matrix as a heat map with its counts written in."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from .colours import scale


def matrix(counts: Sequence[Sequence[int]], label_names: Sequence[str], *, height: int = 300) -> go.Figure:
    """Draw counts (true, predicted), coloured by their share of the row; the first class is on top.

    A row without any cutout has share 0.
    """
    table = np.asarray(counts, np.int64)
    total = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, total, out=np.zeros(table.shape), where=total > 0).astype(np.float32)
    names = [escape(name) for name in label_names]
    trace = {
        "type": "heatmap", "z": shares, "x": names, "y": names, "customdata": table, "zmin": 0, "zmax": 1,
        "colorscale": scale("Blues"), "showscale": False, "xgap": 2, "ygap": 2,
        "hovertemplate": "true %{y}, predicted %{x}<br>%{customdata} cutouts, %{z:.1%} of the row<extra></extra>",
    }  # fmt: skip
    texts = [
        {"x": names[j], "y": names[i], "text": f"{table[i, j]}", "showarrow": False,
         "font": {"color": "#ffffff" if shares[i, j] > 0.55 else "#1b1f24", "size": 13}}
        for i in range(len(names)) for j in range(len(names))
    ]  # fmt: skip
    layout = {
        "height": height, "margin": {"l": 8, "r": 8, "t": 8, "b": 8}, "annotations": texts,
        "xaxis": {"title": {"text": "predicted"}, "type": "category", "showgrid": False},
        "yaxis": {"title": {"text": "true"}, "type": "category", "autorange": "reversed", "showgrid": False},
    }  # fmt: skip
    return go.Figure({"data": [trace], "layout": layout})
