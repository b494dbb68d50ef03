"""A whole large image at a glance: every source ringed, the part in view outlined, and a place to click anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..measure import Source
from ..schema import Cutout, FloatArray, Window
from .colours import SkyView
from .frame import frame, whole
from .sky import sky_panels

GRID, APART = 64, 1.6
"""Places a side that can be clicked beside the sources, and how many steps of them each keeps from a source: of two
markers under the mouse plotly takes the later one, so none may lie within the ring of a source."""
RING, CHOSEN = "#4de1c1", "#ffffff"


def overview(cutout: Cutout, height: int, view: SkyView | None = None) -> go.Figure:
    """The whole image without marks; slow for a large one, so keep it and hand it to ``marked``."""
    return sky_panels(cutout, view or SkyView(), show=("sky",), whole_cutout=True, height=height)


def marked(
    base: go.Figure, cutout: Cutout, found: Sequence[Source], part: Window | None, chosen: int | None = None
) -> go.Figure:
    """A copy of the overview with a ring a source, the outline of the part in view, and transparent markers to click.

    The trace named "places" holds the points of ``places``, in their order: heat maps return no selection.
    """
    figure = go.Figure(base)
    axes = frame(cutout)
    full = whole(cutout)
    bottom, top, left, right = axes.extent(full)
    rows, columns = places(cutout, found).T
    y = bottom + (top - bottom) * (rows + 0.5) / cutout.shape[0]
    x = left + (right - left) * (columns + 0.5) / cutout.shape[1]
    ringed = len(found)
    figure.add_scatter(
        x=x[:ringed],
        y=y[:ringed],
        mode="markers",
        hoverinfo="skip",
        showlegend=False,
        marker={
            "size": 11,
            "symbol": "circle-open",
            "color": [CHOSEN if i == chosen else RING for i in range(ringed)],
            "line": {"width": [3.0 if i == chosen else 1.2 for i in range(ringed)]},
        },
    )
    names = [f"{i + 1}{'' if each.snr is None else f', S/N {each.snr:.0f}'}" for i, each in enumerate(found)]
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        name="places",
        showlegend=False,
        text=[f"source {name}" for name in names] + ["centre here"] * (len(x) - ringed),
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 6, "color": "rgba(0,0,0,0)", "line": {"width": 0}},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )
    if part is not None:
        y0, y1, x0, x1 = axes.extent(part)
        figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, line={"color": CHOSEN, "width": 1.5, "dash": "dot"})
    figure.update_traces(hoverinfo="skip", hovertemplate=None, selector={"type": "heatmap"})
    figure.update_layout(hovermode="closest", hoverdistance=-1, dragmode=False)
    return figure


def places(cutout: Cutout, found: Sequence[Source]) -> NDArray[np.float64]:
    """Pixels (n, 2), y and x, of what can be clicked: the sources, then a grid around them, row 0 first."""
    ny, nx = cutout.shape
    rows, columns = ((np.arange(GRID) + 0.5) * side / GRID - 0.5 for side in (ny, nx))
    grid: FloatArray = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    sources = np.array([[each.y, each.x] for each in found]).reshape(-1, 2)
    steps = (grid[:, None] - sources) * GRID / np.array(cutout.shape)
    return np.concatenate([sources, grid[~(np.hypot(*steps.T) < APART).any(axis=0)]])
