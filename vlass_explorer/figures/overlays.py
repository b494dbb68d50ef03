"""Regions and catalogues over the sky panel of a figure, and the shapes that were drawn to be measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..overlays import Placed
from ..overlays.shapes import Drawn
from ..schema import Cutout
from .frame import Frame, frame

COLOURS = ("#4de1c1", "#ffb347", "#7fb2ff", "#ff8fc8", "#d4e157")
"""Of the layers whose file names no colour, one after the other."""
MOST_LABELS = 60
"""Labels of a layer that are written; beyond, they are shown under the cursor alone."""
MEASURED = "#ffffff"
LABEL = 13
"""Size of labels; a shadow sets them off from the sky, bright or dark."""


def over_the_sky(figure: go.Figure, cutout: Cutout, layers: Sequence[Placed]) -> go.Figure:
    """A copy of a figure with layers over its first panel: outlines as lines, places as rings, labels beside them.

    One trace a colour and kind, whatever the number of shapes; excluded regions are dashed.
    """
    figure = go.Figure(figure)
    axes = frame(cutout)
    for number, layer in enumerate(layers):
        usual = COLOURS[number % len(COLOURS)]
        groups: dict[tuple[str, bool, bool, bool], list[Drawn]] = {}
        for shape in layer.shapes:
            groups.setdefault((shape.colour or usual, shape.is_point, shape.excluded, shape.bold), []).append(shape)
        for (colour, is_point, *style), shapes in groups.items():
            figure.add_trace(_points(axes, shapes, colour) if is_point else _lines(axes, shapes, colour, *style))
        labelled = [shape for shape in layer.shapes if shape.label]
        if 0 < len(labelled) <= MOST_LABELS:
            figure.add_trace(_labels(axes, labelled, usual))
    return figure


def measured(figure: go.Figure, shapes: Sequence[dict[str, Any]]) -> go.Figure:
    """A copy of a figure with shapes that can be moved and erased on its first panel; x and y are on its axes."""
    figure = go.Figure(figure)
    style = {"xref": "x", "yref": "y", "editable": True, "line": {"color": MEASURED, "width": 1.8}, "opacity": 1}
    figure.update_layout(shapes=[{**shape, **style, "fillcolor": "rgba(255,255,255,0.06)"} for shape in shapes])
    return figure


def pixel(cutout: Cutout, y: float, x: float) -> tuple[int, int]:
    """Pixel (y, x) of a place on the axes of a cutout's figure, which may lie beyond its edges."""
    axes = frame(cutout)
    return tuple(  # type: ignore[return-value]
        math.floor(at / step + centre) for at, step, centre in zip((y, x), axes.step, axes.centre, strict=True)
    )


def _axes(axes: Frame, shape: Drawn) -> tuple[Any, Any]:
    """Offsets (y, x) on the axes of pixels counted from the centre of the first one."""
    return tuple(  # type: ignore[return-value]
        step * (np.asarray(at) + 0.5 - centre)
        for step, at, centre in zip(axes.step, (shape.y, shape.x), axes.centre, strict=True)
    )


def _lines(axes: Frame, shapes: Sequence[Drawn], colour: str, excluded: bool, bold: bool) -> dict[str, Any]:
    gap = np.array([np.nan])
    parts = [_axes(axes, shape) for shape in shapes]
    y, x = (np.concatenate([each for part in parts for each in (part[axis], gap)]) for axis in (0, 1))
    line = {"color": colour, "width": 3.4 if bold else 1.4, "dash": "dash" if excluded else "solid"}
    return _trace(x, y, {"mode": "lines", "line": line, "hoverinfo": "skip"})


def _points(axes: Frame, shapes: Sequence[Drawn], colour: str) -> dict[str, Any]:
    places = [_axes(axes, shape) for shape in shapes]
    marker = {"symbol": "circle-open", "size": 10, "color": colour, "line": {"width": 1.4}}
    y, x = (np.array([place[axis][0] for place in places]) for axis in (0, 1))
    text = [escape(shape.label) for shape in shapes]
    return _trace(x, y, {"mode": "markers", "marker": marker, "text": text, "hovertemplate": "%{text}<extra></extra>"})


def _labels(axes: Frame, shapes: Sequence[Drawn], usual: str) -> dict[str, Any]:
    places = [_axes(axes, shape) for shape in shapes]
    font = {"size": LABEL, "shadow": "auto", "color": [shape.colour or usual for shape in shapes]}
    # Beside the vertex that is highest on the screen: y grows upwards on these axes or falls, as the step says.
    top = [int(np.argmax(y * np.sign(axes.step[0]))) for y, _ in places]
    y, x = (np.array([place[axis][i] for place, i in zip(places, top, strict=True)]) for axis in (0, 1))
    text = [escape(shape.label[:40]) for shape in shapes]
    return _trace(x, y, {"mode": "text", "text": text, "textposition": "top center", "textfont": font})


def _trace(x: Any, y: Any, more: dict[str, Any]) -> dict[str, Any]:
    at = {"x": x.astype(np.float32), "y": y.astype(np.float32), "xaxis": "x", "yaxis": "y"}
    return {"type": "scatter", "showlegend": False, "hoverinfo": "skip", **at, **more}
