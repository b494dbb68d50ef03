"""Cutouts as small pictures that are drawn once and shown at once: PNG of the sky, of a model's input, of a map."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..figures import colours
from ..figures.colours import SkyView
from ..schema import Cutout, FloatArray, Window

LARGEST = 400
"""Pixels along a side; a larger cutout is drawn in blocks."""
EMPTY = 255
"""Index of the colour of pixels without data."""


@dataclass(frozen=True)
class Box:
    """A part of a picture in shares of its width and height, from its upper left corner."""

    left: float
    top: float
    width: float
    height: float


def sky(cutout: Cutout, view: SkyView | None = None) -> bytes:
    """PNG of the whole cutout as the pages draw it, without axes, row 0 at the bottom; grey where there is no data."""
    view = view or SkyView()
    low, high = colours.limits(cutout, view)
    pixels, _ = colours.reduced(cutout.pixels, LARGEST, colours.keeping(cutout))
    levels = colours.stretched(pixels, low, high, view.stretch, colours.softening(cutout, low, high))
    return _indexed(levels, view.colour_map)


def model_input(seen: FloatArray) -> bytes:
    """PNG of what a model saw (S, S) or (S, S, 3) in 0..1, row 0 at the bottom."""
    if seen.ndim == 2:
        return _indexed(np.asarray(seen, np.float32), colours.SKY_MAP)
    return _png(Image.fromarray(np.round(np.nan_to_num(seen[::-1]) * 255).astype(np.uint8)))


def relevance(values: FloatArray, *, signed: bool) -> bytes:
    """PNG of one map (gy, gx), row 0 at the bottom: from its least to its largest value, or symmetric around 0."""
    table = np.asarray(values, np.float32)
    if signed:
        top = float(np.nanmax(np.abs(table), initial=0.0)) or 1.0
        return _indexed(table / (2 * top) + 0.5, colours.SIGNED_MAP)
    low, high = float(np.nanmin(table)), float(np.nanmax(table))
    return _indexed((table - low) / ((high - low) or 1.0), colours.UNSIGNED_MAP)


def url(png: bytes) -> str:
    """A picture as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def box(cutout: Cutout, window: Window) -> Box:
    """Where the part that a model saw lies in the picture of the sky."""
    ny, nx = cutout.shape
    return Box(window.x0 / nx, 1 - window.y1 / ny, (window.x1 - window.x0) / nx, (window.y1 - window.y0) / ny)


def _indexed(levels: NDArray[np.float32], colour_map: str) -> bytes:
    """A picture of 255 colours, a byte a pixel: a third of the size of one in RGB."""
    with np.errstate(invalid="ignore"):
        index = np.where(np.isfinite(levels), np.clip(levels, 0, 1) * (EMPTY - 1), EMPTY).round().astype(np.uint8)
    palette = np.vstack([matplotlib.colormaps[colour_map](np.linspace(0, 1, EMPTY), bytes=True)[:, :3], [_no_data()]])
    image = Image.fromarray(np.ascontiguousarray(index[::-1]))
    image.putpalette(palette.astype(np.uint8).tobytes())
    return _png(image)


def _no_data() -> list[int]:
    return [int(colours.NO_DATA[at : at + 2], 16) for at in (1, 3, 5)]


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()
