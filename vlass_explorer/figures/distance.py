"""Attention distance of every head against the layers: Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7 right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ..schema import FloatArray

HEAD, MEAN = "rgba(31,111,139,0.65)", "#c2410c"


def distance_plot(
    distances: Sequence[FloatArray],
    *,
    spread: Sequence[FloatArray] | None = None,
    arcsec: float | None = None,
    chosen: tuple[int, int | None] | None = None,
    height: int = 320,
) -> go.Figure:
    """Draw one point a head (layer across, mean distance up) and a line through the means of the layers.

    ``distances``: one array (head,) a layer, in pixels of the model input, NaN where no patch asks; ``spread``: the
    same for the length of their bars. ``arcsec``: size of such a pixel, for sky units. ``chosen``: layer and head that
    get a ring. Point ``i`` of the trace "heads" has layer and head in its customdata.
    """
    unit, factor = ("pixels of the model input", 1.0) if arcsec is None else ("″", arcsec)
    layers = np.concatenate([np.full(len(each), number) for number, each in enumerate(distances)])
    heads = np.concatenate([np.arange(len(each)) for each in distances])
    values = factor * np.concatenate(list(distances)).astype(np.float32)
    ring = np.zeros(len(values))
    if chosen is not None:
        layer, head = chosen
        ring[(layers == layer) & ((heads == head) if head is not None else True)] = 2.5
    bars = None if spread is None else factor * np.concatenate(list(spread)).astype(np.float32)
    # Bars of the heads of a layer stand beside each other.
    beside = 0.0 if bars is None else 0.5 * ((heads + 0.5) / (heads.max() + 1) - 0.5)
    figure = go.Figure()
    figure.add_scatter(
        x=layers + 1 + beside,
        y=values,
        mode="markers",
        name="heads",
        error_y=None if bars is None else {"array": bars, "thickness": 1, "width": 2},
        text=[f"layer {layer + 1}, head {head + 1}" for layer, head in zip(layers, heads, strict=True)],
        customdata=np.stack([layers, heads], axis=1),
        marker={"size": 9, "color": HEAD, "line": {"width": ring, "color": MEAN}},
        hovertemplate=f"%{{text}}<br>%{{y:.1f}} {unit}<extra></extra>",
    )
    means = [factor * float(each.mean()) for each in distances]
    figure.add_scatter(
        x=np.arange(len(means)) + 1,
        y=means,
        mode="lines",
        name="mean of the heads",
        hoverinfo="skip",
        line={"color": MEAN, "width": 1.5, "dash": "dot"},
    )
    figure.update_xaxes(title="layer", dtick=1 if len(means) <= 16 else None, zeroline=False, fixedrange=True)
    figure.update_yaxes(title=f"attention distance ({unit})", rangemode="tozero", fixedrange=True)
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
    )
    return figure
