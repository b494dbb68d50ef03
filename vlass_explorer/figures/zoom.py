"""A closer look at the source: which part of a cutout it fills, and the axes of a figure on that part."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from .. import measure
from ..schema import Cutout, Window
from .frame import frame

BEAMS, LEAST = 12.0, 24
"""Smallest side of the part, in beams and in pixels; around a wide source it is half as wide again as the source."""
MARGIN = 1.5


def around_source(cutout: Cutout) -> Window | None:
    """The square part of a cutout around the source at its centre, else around the brightest.

    None where nothing stands out, or where the part would be the whole cutout. NaN is never emission.
    """
    mask = measure.source_mask(cutout)
    if mask.any():
        rows, columns = np.nonzero(mask)
        y, x = (float(at.min() + at.max() + 1) / 2 for at in (rows, columns))
        side = MARGIN * float(max(np.ptp(rows), np.ptp(columns)))
    elif found := measure.sources(cutout, 1):
        y, x, side = found[0].y + 0.5, found[0].x + 0.5, 0.0
    else:
        return None
    if cutout.beam is not None and cutout.pixel_scale is not None:
        side = max(side, BEAMS * cutout.beam.major / min(cutout.pixel_scale))
    half = max(round(side / 2), LEAST // 2)
    if 2 * half >= max(cutout.shape):
        return None
    return Window(round(y) - half, round(y) + half, round(x) - half, round(x) + half)


def zoom(figure: go.Figure, cutout: Cutout, window: Window) -> None:
    """Let every panel of a sky figure begin with this part of the cutout; zooming by hand starts from there."""
    bottom, top, left, right = frame(cutout).extent(window)
    figure.update_xaxes(range=[left, right])
    figure.update_yaxes(range=[bottom, top])
    figure.update_layout(uirevision=f"{figure.layout.uirevision} {window}")


def zoomed(figure: go.Figure, cutout: Cutout, window: Window) -> go.Figure:
    """A copy of a sky figure that begins with this part of the cutout, see ``zoom``."""
    copy = go.Figure(figure)
    zoom(copy, cutout, window)
    return copy
