"""A prediction as sorted bars of softmax scores."""

from __future__ import annotations

from html import escape

import numpy as np
import plotly.graph_objects as go

from ..schema import Prediction

FIRST, OTHERS, INVALID = "#2a86a6", "rgba(42,134,166,0.40)", "rgba(138,146,156,0.65)"


def bars(prediction: Prediction, *, most: int = 12) -> go.Figure:
    """Horizontal bars, highest score on top; all grey where the input is outside what the checkpoint is for.

    The axis says "softmax score": scores are no probabilities of being right until they are calibrated. At most
    ``most`` labels are drawn.
    """
    order = np.argsort(prediction.probabilities)[::-1][:most]
    scores = prediction.probabilities[order].astype(np.float32)
    if prediction.validity.level == "outside":
        colours = [INVALID] * len(order)
    else:
        colours = [FIRST] + [OTHERS] * (len(order) - 1)
    logits = prediction.logits[order].astype(np.float32)
    names = [escape(prediction.label_names[i]) for i in order]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": scores,
        "y": names,
        "customdata": logits,
        "marker": {"color": colours, "line": {"width": 0}},
        "cliponaxis": False,
        "text": [f"{score:.3f}" for score in scores],
        "textposition": "outside",
        "textfont": {"size": 12},
        "hovertemplate": "%{y}<br>softmax score %{x:.4f}<br>logit %{customdata:.3f}<extra></extra>",
    }
    title = {"text": "softmax score", "font": {"size": 12}, "standoff": 4}
    layout = {
        "xaxis": {
            "range": [0, 1.18],
            "tickvals": [0, 0.5, 1],
            "showgrid": False,
            "zeroline": False,
            "ticks": "outside",
            "fixedrange": True,
            "title": title,
        },
        "yaxis": {"autorange": "reversed", "showgrid": False, "ticks": "", "fixedrange": True, "automargin": True},
        "height": 58 + 30 * len(order),
        "margin": {"l": 8, "r": 8, "t": 4, "b": 40},
        "bargap": 0.35,
        "showlegend": False,
    }
    return go.Figure({"data": [trace], "layout": layout})
