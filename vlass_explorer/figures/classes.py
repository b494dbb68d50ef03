"""Classes of pixels as pictures: their colours, filled over the sky of a figure, and over an image as a picture."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

import matplotlib
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..schema import Cutout, FloatArray, Window
from . import raster
from .colours import LARGEST, SKY_MAP
from .frame import frame

COLOURS = ("#4de1c1", "#ffb347", "#ff8fc8", "#e05252", "#7fb2ff", "#d4e157")
"""Of the classes after the background, in turn."""
FILLED = 0.55
"""Opacity of filled classes."""
MOST, SIDE = 254, 180
"""The largest number of a class (255 is ``IGNORE``), and the pixels to which a small picture is enlarged."""


def colour(number: int) -> str:
    """#rrggbb of a class that is not the background."""
    return COLOURS[(number - 1) % len(COLOURS)]


def filled(figure: go.Figure, cutout: Cutout, labels: NDArray[np.uint8], count: int) -> go.Figure:
    """A copy of a figure with the classes (ny, nx) of all pixels, of which there are ``count``, over its first panel.

    The background (0) and ``IGNORE`` show the sky. Of a large image every n-th pixel is drawn.
    """
    figure = go.Figure(figure)
    step = -(-max(labels.shape) // LARGEST)
    shown = labels[step // 2 :: step, step // 2 :: step]
    place = Window(0, shown.shape[0] * step, 0, shown.shape[1] * step)
    drawn = np.where((shown > 0) & (shown < count), shown.astype(np.float32), np.nan)
    stops = [(at / (count - 1), "rgb({},{},{})".format(*_rgb(k + 1))) for k in range(count - 1) for at in (k, k + 1)]
    trace = raster.heatmap(
        drawn,
        frame(cutout).grid(place, (shown.shape[0], shown.shape[1])),
        zmin=0.5,
        zmax=count - 0.5,
        colorscale=stops,
        opacity=FILLED,
        showscale=False,
        hoverinfo="skip",
        xaxis="x",
        yaxis="y",
    )
    figure.add_trace(trace)
    return figure


def picture(image: FloatArray, labels: NDArray[np.integer] | None = None) -> NDArray[np.uint8]:
    """An image (h, w) or (h, w, 3) in 0..1 as RGB (h, w, 3), row 0 at the top as pictures have it.

    With ``labels`` (h, w) it is grey under its classes, and dark where no class is known (``IGNORE``).
    """
    shown = np.nan_to_num(image)
    if labels is None:
        rgb = shown if image.ndim == 3 else matplotlib.colormaps[SKY_MAP](shown)[..., :3]
    else:
        grey = shown.mean(-1) if image.ndim == 3 else shown
        rgb = np.repeat(grey[..., None], 3, axis=-1)
        for number in np.unique(labels):
            inside = labels == number
            if 0 < number <= MOST:
                rgb[inside] = (1 - FILLED) * rgb[inside] + FILLED * np.array(_rgb(int(number))) / 255
            elif number:
                rgb[inside] *= 0.3
    return np.round(rgb[::-1] * 255).astype(np.uint8)


def row(images: Sequence[FloatArray], labels: Sequence[NDArray[np.integer] | None]) -> NDArray[np.uint8]:
    """Pictures of one size side by side, pixels enlarged to squares where there are few."""
    made = [picture(image, each) for image, each in zip(images, labels, strict=True)]
    factor = max(1, round(SIDE / max(made[0].shape[:2])))
    large = [np.kron(each, np.ones((factor, factor, 1), np.uint8)) for each in made]
    gap = np.full((large[0].shape[0], 6, 3), 128, np.uint8)
    return np.concatenate([part for each in large for part in (gap, each)][1:], axis=1)


def around(*labels: NDArray[np.integer]) -> tuple[slice, slice]:
    """The square part of masks (h, w) that holds what any of them labels, with a margin; all where none does."""
    shape = labels[0].shape
    ys, xs = np.nonzero(np.any([(each > 0) & (each <= MOST) for each in labels], axis=0))
    if not len(ys):
        return slice(None), slice(None)
    half = max(np.ptp(ys), np.ptp(xs)) * 0.65 + 4
    parts = []
    for at, length in zip((ys, xs), shape, strict=True):
        middle = (int(at.min()) + int(at.max())) / 2
        parts.append(slice(max(0, round(middle - half)), min(length, round(middle + half) + 1)))
    return parts[0], parts[1]


def legend(label_names: Sequence[str], there: Collection[int] | None = None) -> str:
    """HTML that names the classes after the background with their colours; of ``there`` where that is given."""
    marks = (
        f'<span style="white-space: nowrap"><span style="color: {colour(number)}">■</span> {escape(name)}</span>'
        for number, name in enumerate(label_names)
        if number and (there is None or number in there)
    )
    return f'<span style="font-size: 0.875rem">{" &nbsp; ".join(marks)}</span>'


def _rgb(number: int) -> Sequence[int]:
    text = colour(number)
    return [int(text[at : at + 2], 16) for at in (1, 3, 5)]
