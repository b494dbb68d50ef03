"""Attention through the layers as a figure that plays in the browser, without asking the server for each layer."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from ..schema import Cutout, Explanation, Window
from .colours import SkyView
from .sky import Overlay, sky_panels

MILLISECONDS = 700
"""How long each layer stays."""


def layer_player(
    cutout: Cutout, window: Window, explanation: Explanation, overlay: Overlay, *, height: int = 430
) -> go.Figure:
    """Draw the panels (layer, gy, gx) of an explanation over the sky, one after the other, with a slider and Play.

    All layers share one colour scale. Frame ``i`` holds panel ``i``; titles are those of the panels.
    """
    figure = sky_panels(
        cutout, SkyView(), window=window, explanation=explanation, overlay=overlay, show=("explanation",), height=height
    )
    number = max(i for i, trace in enumerate(figure.data) if trace.type == "heatmap")
    names = [str(i + 1) for i in range(len(explanation.titles))]
    title = figure.layout.annotations[0].to_plotly_json()
    rest = [each.to_plotly_json() for each in figure.layout.annotations[1:]]
    figure.frames = [
        go.Frame(
            name=name,
            data=[{"type": "heatmap", "z": panel.astype("float32")}],
            traces=[number],
            layout={"annotations": [title | {"text": f"<b>{text}</b>"}, *rest]},
        )
        for name, panel, text in zip(names, explanation.maps, explanation.titles, strict=True)
    ]
    figure.layout.updatemenus = [_buttons()]  # instead of those of the panel
    figure.layout.sliders = [_slider(names)]
    return figure


def _buttons() -> dict[str, object]:
    play = {"frame": {"duration": MILLISECONDS, "redraw": True}, "transition": {"duration": 0}, "fromcurrent": True}
    pause = {"frame": {"duration": 0, "redraw": False}, "mode": "immediate"}
    buttons = [
        {"label": "Play", "method": "animate", "args": [None, play]},
        {"label": "Pause", "method": "animate", "args": [[None], pause]},
    ]
    return {
        "type": "buttons",
        "direction": "right",
        "buttons": buttons,
        "showactive": False,
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 118},
        "font": {"size": 11},
    }


def _slider(names: Sequence[str]) -> dict[str, object]:
    show = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate", "transition": {"duration": 0}}
    steps = [{"label": name, "method": "animate", "args": [[name], show]} for name in names]
    return {
        "steps": steps,
        "active": 0,
        "x": 0.36,
        "len": 0.64,
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 100, "b": 0},
        "currentvalue": {"prefix": "Layer ", "font": {"size": 12}},
        "font": {"size": 10},
    }
