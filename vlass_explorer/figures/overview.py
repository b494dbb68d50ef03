"""One picture of many small maps: every layer and head, or the position similarity of every patch."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import get_colorscale, sample_colorscale, unlabel_rgb

from ..schema import FloatArray
from .tokens import CHOSEN

TILE_PIXELS = 96
GAP_PIXELS = 4


def scaled(maps: FloatArray, *, common: bool = False, signed: bool = False) -> FloatArray:
    """Bring maps (row, column, gy, gx) to [0, 1] for a colour map; a map of one value becomes 0 (0.5 where signed).

    Unsigned maps run from their minimum to their maximum, signed ones from -m to m with m the largest magnitude.
    ``common``: one range for all tiles instead of one each.
    """
    axes = None if common else (2, 3)
    if signed:
        reach = np.abs(maps).max(axis=axes, keepdims=True)
        return 0.5 + 0.5 * maps / np.where(reach > 0, reach, 1.0)
    low, high = maps.min(axis=axes, keepdims=True), maps.max(axis=axes, keepdims=True)
    return (maps - low) / np.where(high > low, high - low, 1.0)


@cache
def lookup(colour_map: str) -> NDArray[np.uint8]:
    """The 256 RGBA colours (256, 4) of a plotly colour map."""
    colours = sample_colorscale(get_colorscale(colour_map), list(np.linspace(0.0, 1.0, 256)))
    table = np.full((256, 4), 255, np.uint8)
    table[:, :3] = [np.round(unlabel_rgb(colour)) for colour in colours]
    return table


def tiled(maps: FloatArray, colour_map: str) -> NDArray[np.uint8]:
    """Compose maps (row, column, gy, gx) in [0, 1], row 0 of each at the bottom, into one RGBA image, top row first.

    Every tile is enlarged by whole pixels; the gaps are transparent. Tile row 0 is at the top.
    """
    rows, columns, ny, nx = maps.shape
    factor = max(1, TILE_PIXELS // max(ny, nx))
    colours = lookup(colour_map)[np.round(255 * maps[:, :, ::-1, :]).astype(np.uint8)]
    big = colours.repeat(factor, axis=2).repeat(factor, axis=3)
    gap = GAP_PIXELS // 2
    padded = np.pad(big, ((0, 0), (0, 0), (gap, gap), (gap, gap), (0, 0)))
    height, width = padded.shape[2:4]
    return padded.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 4)


def png(image: NDArray[np.uint8]) -> bytes:
    """Encode an image (ny, nx, 4), top row first, as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def picture(maps: FloatArray, colour_map: str, *, common: bool = False, signed: bool = False) -> str:
    """Compose maps (row, column, gy, gx) as in ``scaled`` and ``tiled`` into one picture, a PNG as a data URL."""
    image = png(tiled(scaled(maps, common=common, signed=signed), colour_map))
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def overview(
    source: str,
    shape: tuple[int, ...],
    *,
    row_names: list[str],
    column_names: list[str],
    chosen: tuple[int, int] | None = None,
    row_word: str = "",
    column_word: str = "",
    tile_height: int = 72,
) -> go.Figure:
    """Draw a ``picture`` of maps of this shape (row, column, gy, gx) with an invisible marker on each tile, to click.

    Point ``i`` of the only trace is tile ``divmod(i, columns)``. Tile row 0 is at the top; within a tile row 0 of the
    map is at the bottom, as on the sky. The chosen tile gets a frame.
    """
    rows, columns, gy, gx = shape
    row, column = np.divmod(np.arange(rows * columns), columns)
    texts = [f"{row_word} {row_names[r]}, {column_word} {column_names[c]}" for r, c in zip(row, column, strict=True)]
    trace = {
        "type": "scatter",
        "x": column,
        "y": row,
        "mode": "markers",
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 6, "symbol": "square", "color": "rgba(0,0,0,0)", "line": {"width": 0}},
        "selected": {"marker": {"opacity": 0}},
        "unselected": {"marker": {"opacity": 0}},
    }
    axis = {"constrain": "domain", "showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}
    layout = {
        "images": [
            {
                "source": source,
                "xref": "x",
                "yref": "y",
                "x": -0.5,
                "y": -0.5,
                "sizex": columns,
                "sizey": rows,
                "sizing": "stretch",
                "layer": "below",
            }
        ],
        "shapes": [] if chosen is None else [_outline(*chosen)],
        "xaxis": axis
        | {
            "range": [-0.5, columns - 0.5],
            "side": "top",
            "constraintoward": "left",
            "tickvals": list(range(columns)),
            "ticktext": column_names,
            "title": {"text": column_word, "standoff": 2},
        },
        "yaxis": axis
        | {
            "range": [rows - 0.5, -0.5],
            "tickvals": list(range(rows)),
            "ticktext": row_names,
            "title": {"text": row_word, "standoff": 2},
            "scaleanchor": "x",
            "scaleratio": gy / gx,
            "constraintoward": "top",
        },
        "height": rows * tile_height + 60,
        "margin": {"l": 8, "r": 8, "t": 52, "b": 8},
        "dragmode": False,
        "showlegend": False,
        "hovermode": "closest",
        "hoverdistance": -1,  # the nearest marker wherever on its tile the pointer is
    }
    return go.Figure({"data": [trace], "layout": layout})


def _outline(y: int, x: int) -> dict[str, object]:
    """The frame around tile ``x`` of row ``y``."""
    line = {"color": CHOSEN, "width": 3}
    return {"type": "rect", "x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5, "line": line}
