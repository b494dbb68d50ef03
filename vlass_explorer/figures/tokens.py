"""Patches on a sky figure: invisible markers to click, and a frame around the chosen one."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from ..schema import Cutout, Window
from .frame import frame

CHOSEN = "#e8590c"


def add_patches(
    figure: go.Figure, cutout: Cutout, window: Window, grid: tuple[int, int], chosen: int | None, *, clickable: bool
) -> None:
    """Lay the patch grid (gy, gx) over the first panel of a sky figure.

    Heat maps return no selection, so each patch gets a transparent marker; point ``i`` of the added trace named
    "patches" is patch ``divmod(i, gx)``, row 0 at the bottom of the array.
    """
    axes = frame(cutout)
    y, x = axes.cells(window, grid)
    if clickable:
        rows, columns = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
        figure.add_scatter(
            x=x[columns],
            y=y[rows],
            mode="markers",
            name="patches",
            showlegend=False,
            text=[f"patch row {r}, column {c}" for r, c in zip(rows, columns, strict=True)],
            hovertemplate="%{text}<extra></extra>",
            marker={"size": 6, "symbol": "square", "color": "rgba(0,0,0,0)", "line": {"width": 0}},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
        )
        figure.update_layout(hovermode="closest", hoverdistance=-1, dragmode=False)
    if chosen is not None:
        row, column = divmod(chosen, grid[1])
        half_y, half_x = (abs(at[1] - at[0]) / 2 if len(at) > 1 else 1.0 for at in (y, x))
        figure.add_shape(
            type="rect",
            x0=x[column] - half_x,
            x1=x[column] + half_x,
            y0=y[row] - half_y,
            y1=y[row] + half_y,
            xref="x",
            yref="y",
            line={"color": CHOSEN, "width": 2.5},
        )
