"""Panels of one source in several images on one grid: one a figure, contours of another image over it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go

from ..schema import Cutout
from . import colours, marks
from .colours import SkyView
from .frame import frame, whole
from .sky import sky_panels

INK = "#3d7bff"
"""Blue, as VLASS-Vision drew contours of VLASS over an optical image."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Contours of an image on the same grid at levels in its own unit."""

    cutout: Cutout
    levels: tuple[float, ...] = ()
    """None: -3, 3, 6, 12 ... of its own rms, or shares of its peak where it has no rms."""
    ink: str = INK


def panel(cutout: Cutout, view: SkyView, height: int, over: Lines | None = None) -> go.Figure:
    """One image of the source as it is drawn everywhere, with the contours of another one (same pixels) over it."""
    figure = sky_panels(cutout, view, show=("sky",), whole_cutout=True, height=height)
    if over is None:
        return figure
    pixels, _ = colours.reduced(over.cutout.pixels, keep=None)
    at = list(over.levels) or _levels(over.cutout)
    y, x = frame(cutout).cells(whole(cutout), (pixels.shape[0], pixels.shape[1]))
    for trace in marks.contours(pixels, y, x, at, over.ink, 1.4):
        figure.add_trace(trace | {"xaxis": "x", "yaxis": "y"})
    return figure


def difference(cutout: Cutout, view: SkyView, height: int) -> go.Figure:
    """A difference of two images, its colours even about zero, at least ten times its rms."""
    finite = np.abs(cutout.pixels[np.isfinite(cutout.pixels)])
    factor, _ = colours.display_unit(cutout.unit)
    rms = colours.sky_rms(cutout) or 0.0
    top = factor * max(float(np.percentile(finite, 99.9)) if finite.size else 1.0, 10.0 * rms)
    even = replace(view, stretch="linear", limits=(-top, top), colour_map=colours.SIGNED_MAP, ink="#101317")
    return sky_panels(cutout, even, show=("sky",), whole_cutout=True, height=height)


def _levels(cutout: Cutout) -> list[float]:
    peak = float(np.nanmax(cutout.pixels)) if np.isfinite(cutout.pixels).any() else 0.0
    if (rms := colours.sky_rms(cutout)) is not None:
        return marks.levels(rms, peak)
    return [share * peak for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
