"""Curves of training runs against epochs: one run in detail, several over one another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

TRAINING, VALIDATION, OTHER = "#1c7ed6", "#e8590c", "#5b6670"
COLOURS = ("#1c7ed6", "#e8590c", "#2f9e44", "#9c36b5", "#c2255c", "#8a6d1f", "#0c8599", "#5b6670")
Points = Sequence[tuple[float, float]]
Panel = tuple[str, tuple[tuple[str, str, str], ...]]
"""Title, and for each curve its key, name and colour."""

LEARNING: tuple[Panel, ...] = (
    ("Loss", (("train_loss", "training", TRAINING), ("val_loss", "validation", VALIDATION))),
    ("Macro F1", (("val_macro_f1", "validation", VALIDATION),)),
)
SEGMENTING: tuple[Panel, ...] = (LEARNING[0], ("Mean IoU", (("val_mean_iou", "validation", VALIDATION),)))
MACHINE: tuple[Panel, ...] = (
    ("Learning rate", (("lr", "learning rate", OTHER),)),
    ("Images a second", (("images_per_second", "images a second", OTHER),)),
    ("Memory (MiB)", (("memory_mib", "memory", OTHER),)),
)
SHARES = ("Macro F1", "Accuracy", "Mean IoU")
"""Panels whose axis runs from 0 to 1."""


def curves(
    series: Mapping[str, Points],
    *,
    steps_per_epoch: float,
    epochs: int | None = None,
    panels: Sequence[Panel] = LEARNING,
    height: int = 290,
) -> go.Figure:
    """Draw the panels side by side against epochs, from (step, value) points by key.

    With ``epochs``, those that the run will have, the axes end at the next power of two, so that curves grow into them
    while the run goes on. A panel without points keeps its axes.
    """
    traces: list[dict[str, object]] = []
    named: set[str] = set()
    for number, (_, lines) in enumerate(panels):
        for key, name, colour in lines:
            if points := series.get(key):
                is_new = name not in named and len(lines) > 1
                traces.append(_line(points, steps_per_epoch, name, colour, number, shown=is_new))
                named |= {name} if len(lines) > 1 else set()
        traces.append({"type": "scatter", "x": [], "y": [], "showlegend": False, **_axes(number)})
    done = max((points[-1][0] for points in series.values() if points), default=0) / steps_per_epoch
    end = None if epochs is None else min(epochs, max(4, 2 ** math.ceil(math.log2(max(done, 1)))))
    return _figure(traces, [title for title, _ in panels], end, height)


def overlaid(
    runs: Sequence[tuple[str, Mapping[str, Points], float]],
    *,
    panels: Sequence[tuple[str, str]] = (
        ("Training loss", "train_loss"),
        ("Validation loss", "val_loss"),
        ("Macro F1", "val_macro_f1"),
    ),
    height: int = 310,
) -> go.Figure:
    """Draw the same curve of several runs over one another; each run is (name, points by key, steps an epoch)."""
    traces: list[dict[str, object]] = []
    for number, (_, key) in enumerate(panels):
        for index, (name, series, steps_per_epoch) in enumerate(runs):
            colour = COLOURS[index % len(COLOURS)]
            points = series.get(key, ())
            traces.append(_line(points, steps_per_epoch, escape(name), colour, number, shown=number == 0))
    return _figure(traces, [title for title, _ in panels], None, height)


def _line(points: Points, steps: float, name: str, colour: str, number: int, *, shown: bool) -> dict[str, object]:
    return {
        "type": "scatter",
        "x": [step / steps for step, _ in points],
        "y": [value for _, value in points],
        "name": name,
        "legendgroup": name,
        "showlegend": shown,
        **_axes(number),
        "mode": "lines+markers" if len(points) < 60 else "lines",
        "line": {"color": colour, "width": 2},
        "marker": {"size": 5},
        "cliponaxis": False,
        "hovertemplate": f"{name} %{{y:.4g}}<br>epoch %{{x:.4g}}<extra></extra>",
    }


def _axes(number: int) -> dict[str, str]:
    suffix = "" if number == 0 else str(number + 1)
    return {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}


def _figure(traces: list[dict[str, object]], titles: Sequence[str], end: int | None, height: int) -> go.Figure:
    gap = 0.1 / max(1, len(titles) - 1)
    side = (1 - gap * (len(titles) - 1)) / len(titles)
    layout: dict[str, object] = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 28, "b": 8},
        "hovermode": "x",
        "legend": {"orientation": "h", "y": -0.3, "x": 1, "xanchor": "right", "yanchor": "top"},
        "annotations": [
            {
                "text": title,
                "x": number * (side + gap),
                "y": 1,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
                "yshift": 4,
                "showarrow": False,
                "font": {"size": 13},
            }
            for number, title in enumerate(titles)
        ],
    }
    for number, title in enumerate(titles):
        names = _axes(number)
        left = number * (side + gap)
        layout[names["xaxis"].replace("x", "xaxis")] = {
            "domain": [left, left + side],
            "anchor": names["yaxis"],
            "title": {"text": "epoch"},
            "rangemode": "tozero",
            **({"range": [0, end]} if end else {}),
        }
        layout[names["yaxis"].replace("y", "yaxis")] = {
            "anchor": names["xaxis"],
            "rangemode": "tozero",
            **({"range": [0, 1]} if title in SHARES else {}),
        }
    return go.Figure({"data": traces, "layout": layout})
