"""The sky panels as plotly figures: sky, what the model saw and an explanation, on the same axes with linked zoom."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from ..schema import Cutout, Explanation, FloatArray, Window
from . import colours, marks, raster
from . import layout as panels
from .colours import SkyView
from .frame import Frame, frame, whole
from .marks import Box, Trace
from .raster import Span

Panel = Literal["sky", "seen", "explanation"]
IN_COLOUR = "in colour, each channel 0 to 1: no scale"
OUTLINE = "#4de1c1"
Contours = Literal["none", "explanation over sky", "sky over explanation"]


@dataclass(frozen=True)
class Overlay:
    """How an explanation lies over the sky."""

    opacity: float = 0.6
    """0 shows the sky alone, 1 the explanation alone."""
    contours: Contours = "none"
    panel: int = 0
    """Which map of the explanation."""
    top: float | None = None
    """Largest magnitude of the colour scale, where several figures share one; else the map's own."""
    unit: str | None = None
    """Title of the colour bar instead of the method's own unit."""


def sky_spec(
    cutout: Cutout,
    view: SkyView,
    *,
    window: Window | None = None,
    seen: FloatArray | None = None,
    explanation: Explanation | None = None,
    overlay: Overlay | None = None,
    show: tuple[Panel, ...] = ("sky", "seen", "explanation"),
    whole_cutout: bool = False,
    height: int = 430,
    stamp: str = "",
    corners: bool = True,
    labelled: bool = True,
) -> dict[str, Any]:
    """Data and layout of panels of one cutout on shared axes: the array as stored (row 0 at the bottom), WCS offsets.

    ``seen``, (S, S) or in colour (S, S, 3), in [0, 1] and the explanation's maps (gy, gx) fill ``window``. Panels
    without content are left out. The first view is the field of view, or the whole cutout; zooming one panel zooms all.
    NaN shows the colour of no data. ``stamp`` is small text at the lower left, drawn last. Without ``corners`` what
    stands in those of the sky (beam, scale bar, arrows) and what it says under the cursor is left to a page that draws
    it over the figure, at the size of its zoom; unless ``labelled``, the words along the axes as well.
    """
    overlay = overlay or Overlay()
    axes = frame(cutout)
    full = whole(cutout)
    box = _box(axes, full if whole_cutout or window is None else window, full)
    kept = [
        name
        for name in show
        if name == "sky" or (name == "seen" and seen is not None) or (name == "explanation" and explanation is not None)
    ]
    span = colours.limits(cutout, view, None if whole_cutout else window)
    traces: list[Trace] = []
    layout = panels.panels(len(kept), axes, box, height, labelled)
    for number, name in enumerate(kept, start=1):
        if name == "sky":
            part, title = raster.sky(cutout, view, span, axes, window, told=corners), "Sky"
            ink = "#1b1f24" if view.colour_map in ("gray_r", colours.SIGNED_MAP) else "#ffffff"
            part += _furniture(cutout, axes, box, window, ink, layout, number, corners)
        elif name == "seen":
            assert seen is not None and window is not None
            part, title = [_seen(seen, view, axes, window)], f"What the model saw ({seen.shape[1]}×{seen.shape[0]})"
            if seen.ndim == 3:
                panels.instead_of_bar(layout, "" if number == 1 else str(number), IN_COLOUR)
        else:
            assert explanation is not None and window is not None
            part = _explanation(cutout, view, span, explanation, overlay, axes, window)
            title = explanation.titles[overlay.panel]
        if name != "seen" and window is not None and explanation is not None and explanation.outline is not None:
            part.append(marks.over_field(axes, window, explanation.outline, OUTLINE))
        suffix = "" if number == 1 else str(number)
        for trace in part:
            trace["xaxis"], trace["yaxis"] = f"x{suffix}", f"y{suffix}"
            if "colorbar" in trace:
                trace["colorbar"] |= panels.bar_place(layout, suffix)
        traces += part
        panels.title(layout, suffix, title)
    if "explanation" in kept:
        number = max(i for i, trace in enumerate(traces) if trace["type"] == "heatmap")  # the explanation comes last
        panels.blink(layout, number, "" if len(kept) == 1 else str(len(kept)), overlay.opacity)
    beyond = "" if window is None or kept == ["sky"] else ", or outside the model’s field"
    panels.stamp(layout, f"grey: no data{beyond}", "   ".join(filter(None, (raster.drawn(cutout, window), stamp))))
    layout["meta"] = {"panels": kept}
    layout["uirevision"] = f"{cutout.sha256}{cutout.shape}{whole_cutout}{window}"
    return {"data": traces, "layout": layout}


def sky_panels(cutout: Cutout, view: SkyView, **more: Any) -> go.Figure:
    """The figure of ``sky_spec``, which takes the same."""
    # Unchecked, which is most of the time of a figure; tests/test_figures_sky.py checks that plotly finds no fault.
    return go.Figure(sky_spec(cutout, view, **more), _validate=False)


def _box(axes: Frame, window: Window, full: Window) -> Box:
    """The window with a margin; the drawn range never leaves the cutout by more than the window does."""
    margin = max(1, round(marks.MARGIN * max(window.shape))) if window != full else 0
    return axes.extent(Window(window.y0 - margin, window.y1 + margin, window.x0 - margin, window.x1 + margin))


def _furniture(
    cutout: Cutout,
    axes: Frame,
    box: Box,
    window: Window | None,
    ink: str,
    layout: dict[str, Any],
    number: int,
    corners: bool,
) -> list[Trace]:
    """Beam, scale bar, outline of the field of view and arrows on the sky panel."""
    traces = []
    if window is not None:
        traces.append(marks.outline(axes, window, ink))
    if axes.north is None or not corners:
        return traces
    layout["annotations"] += marks.compass(axes, box, ink, number)
    suffix = "" if number == 1 else str(number)
    bar, text = marks.scale_bar(axes, box, ink)
    place = {"x": float(bar["x"].mean()), "y": float(bar["y"][0]), "xref": f"x{suffix}", "yref": f"y{suffix}"}
    layout["annotations"].append(
        {**place, "text": text, "showarrow": False, "yshift": 10, "font": {"color": ink, "size": 11}}
    )
    traces.append(bar)
    if cutout.beam is not None:
        traces.append(marks.beam(axes, cutout.beam, box, ink))
    return traces


def _seen(seen: FloatArray, view: SkyView, axes: Frame, window: Window) -> Trace:
    if seen.ndim == 3:
        return {
            "type": "image",
            "z": np.round(seen * 255).astype(np.uint8),
            **axes.grid(window, (seen.shape[0], seen.shape[1])),
            "hovertemplate": "red %{z[0]}, green %{z[1]}, blue %{z[2]} of 255<extra>model input</extra>",
        }
    return raster.heatmap(
        seen.astype(np.float32),
        axes.grid(window, (seen.shape[0], seen.shape[1])),
        zmin=0,
        zmax=1,
        colorscale=colours.scale(view.colour_map),
        colorbar=panels.colour_bar("model input, scaled 0 to 1", tickvals=[0, 0.5, 1]),
        hovertemplate="%{z:.3f}<extra>model input</extra>",
    )


def _explanation(
    cutout: Cutout, view: SkyView, span: Span, explanation: Explanation, overlay: Overlay, axes: Frame, window: Window
) -> list[Trace]:
    pixels, inside = raster.part(cutout, window)
    relevance = explanation.maps[overlay.panel].astype(np.float32)
    shape = (relevance.shape[0], relevance.shape[1])
    traces: list[Trace] = []
    if pixels.size:
        levels, _ = raster.levels(cutout, view, span, pixels)
        traces.append(
            raster.heatmap(
                levels,
                axes.grid(inside, (pixels.shape[0], pixels.shape[1])),
                zmin=0,
                zmax=255,
                colorscale=colours.scale("gray"),
                showscale=False,
                hoverinfo="skip",
            )
        )
    top, bottom = float(np.nanmax(relevance)), float(np.nanmin(relevance))
    if explanation.signed:
        top = max(abs(top), abs(bottom)) or 1.0
        bottom = -top
    else:  # a map that is nearly flat has to look flat
        bottom = min(bottom, top / 2)
    if overlay.top is not None:
        top, bottom = overlay.top, -overlay.top if explanation.signed else 0.0
    scale: dict[str, Any] = {"zmin": bottom, "zmax": top if top > bottom else bottom + 1e-6}
    signed, unsigned = colours.overlay_scale(colours.SIGNED_MAP), colours.scale(colours.UNSIGNED_MAP)
    scale["colorscale"] = signed if explanation.signed else unsigned
    unit = overlay.unit or explanation.unit
    lines_only = overlay.contours == "explanation over sky"
    # The heat map stays for its colour bar and hover text even where lines alone are drawn.
    traces.append(
        raster.heatmap(
            relevance,
            axes.grid(window, shape),
            **scale,
            opacity=0.0 if lines_only else overlay.opacity,
            colorbar=panels.colour_bar(escape(unit), nticks=4),
            hovertemplate="%{z:.4~g}<extra></extra>",
        )
    )
    if lines_only:
        traces += _relevance_lines(relevance, axes, window, scale["zmin"], scale["zmax"])
    elif overlay.contours == "sky over explanation" and pixels.size:
        traces += _sky_lines(cutout, pixels, axes, inside)
    return traces


def _relevance_lines(relevance: FloatArray, axes: Frame, window: Window, low: float, high: float) -> list[Trace]:
    """Contours of the explanation at a quarter, half and three quarters of its range (of its extremes if signed)."""
    gy, gx = relevance.shape
    y, x = axes.cells(window, (gy, gx))
    dy, dx = y[1] - y[0], x[1] - x[0]
    padded = np.pad(relevance, 1, mode="edge")  # the outermost half cells have no neighbours
    y = np.concatenate([[y[0] - dy / 2], y, [y[-1] + dy / 2]])
    x = np.concatenate([[x[0] - dx / 2], x, [x[-1] + dx / 2]])
    shares = (-0.75, -0.5, -0.25, 0.25, 0.5, 0.75) if low < 0 < high else (0.25, 0.5, 0.75)
    at = [share * high if low < 0 < high else low + share * (high - low) for share in shares]
    return marks.contours(padded, y, x, at, "#4de1c1", 1.6)


def _sky_lines(cutout: Cutout, pixels: FloatArray, axes: Frame, window: Window) -> list[Trace]:
    """Contours of the sky: multiples of the rms, or shares of the peak where there is no rms."""
    peak = float(np.nanmax(pixels)) if np.isfinite(pixels).any() else 0.0
    if (rms := colours.sky_rms(cutout)) is not None:
        at = marks.levels(rms, peak)
    else:
        at = [share * peak for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    y, x = axes.cells(window, (pixels.shape[0], pixels.shape[1]))
    return marks.contours(pixels, y, x, at, "#ffffff", 1.2)
