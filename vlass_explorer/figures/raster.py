"""Pixels of the sky as heat maps: at their own resolution, in blocks where an image is too large for that."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from ..schema import Cutout, FloatArray, Window
from . import colours, marks
from . import layout as panels
from .colours import SkyView
from .frame import Frame
from .marks import Trace

Span = tuple[float, float]
"""Display limits in the cutout's unit."""


def heatmap(levels: Any, grid: dict[str, float], **more: Any) -> Trace:
    """A heat map without smoothing; ``grid`` are its x0, dx, y0 and dy."""
    return {"type": "heatmap", "z": levels, **grid, "zsmooth": False, "hoverongaps": False, **more}


def levels(cutout: Cutout, view: SkyView, span: Span, pixels: FloatArray) -> tuple[Any, tuple[list[float], list[str]]]:
    """Colour levels of pixels, 0 to 255 (uint8, or float32 with NaN), and colour bar ticks on that scale."""
    low, high = span
    soft = colours.softening(cutout, low, high)
    scaled = np.round(colours.stretched(pixels, low, high, view.stretch, soft) * 255)
    ticks, texts = colours.colour_bar_ticks(low, high, view.stretch, soft, colours.display_unit(cutout.unit)[0])
    return (scaled.astype(np.uint8) if np.isfinite(scaled).all() else scaled), ([255 * t for t in ticks], texts)


def sky(
    cutout: Cutout, view: SkyView, span: Span, axes: Frame, window: Window | None, told: bool = True
) -> list[Trace]:
    """The whole image, in blocks where it is large, over it the model's field at its own resolution, and contours.

    Unless ``told`` the figure does not hold what stands under the cursor, which is three quarters of its bytes.
    """
    drawn = tiles(cutout, window)
    scale, unit = colours.display_unit(cutout.unit)
    hover = f"%{{x:.1f}}{axes.unit}, %{{y:.1f}}{axes.unit}<br>%{{customdata:.4~r}} {escape(unit)}"
    rms = colours.sky_rms(cutout)
    hover += "" if rms is None else "<br>S/N %{text:.1f}"
    traces: list[Trace] = []
    for image, place in drawn:
        shown, (ticks, texts) = levels(cutout, view, span, image)
        bar = panels.colour_bar(escape(unit), tickvals=ticks, ticktext=texts)
        says: dict[str, Any] = {"hoverinfo": "skip"}
        if told:
            says = {"customdata": image * np.float32(scale), "hovertemplate": hover + "<extra></extra>"}
            says |= {} if rms is None else {"text": image / np.float32(rms)}
        traces.append(
            heatmap(
                shown,
                axes.grid(place, (image.shape[0], image.shape[1])),
                zmin=0,
                zmax=255,
                colorscale=colours.scale(view.colour_map),
                **says,
                **({"showscale": False} if traces else {"colorbar": bar}),
            )
        )
    if view.contours and rms is not None:
        at = [level * rms for level in view.levels] or marks.levels(rms, float(np.nanmax(drawn[0][0])))
        ink = view.ink or ("#1b1f24" if view.colour_map == "gray_r" else "#d9f3ff")
        for image, place in [(_without(*drawn[0], drawn[1][1]), drawn[0][1]), drawn[1]] if drawn[1:] else drawn:
            traces += marks.contours(image, *axes.cells(place, (image.shape[0], image.shape[1])), at, ink)
    return traces


def part(cutout: Cutout, window: Window) -> tuple[FloatArray, Window]:
    """Pixels of the cutout inside the window, reduced for drawing, and the window that they fill."""
    y0, x0 = max(window.y0, 0), max(window.x0, 0)
    inside = colours.part(cutout, window)
    pixels, factor = colours.reduced(inside, keep=colours.keeping(cutout)) if inside.size else (inside, 1)
    return pixels, Window(y0, y0 + pixels.shape[0] * factor, x0, x0 + pixels.shape[1] * factor)


def drawn(cutout: Cutout, window: Window | None) -> str:
    """How a large image was drawn smaller."""
    factor = -(-max(cutout.shape) // colours.LARGEST)
    if factor == 1:
        return ""
    what = "mean, or brightest pixel from 5 rms" if colours.keeping(cutout) is not None else "mean"
    where = "" if window is None else "farther out "
    return f"{where}{factor}×{factor} pixels a point ({what})"


def tiles(cutout: Cutout, window: Window | None) -> list[tuple[FloatArray, Window]]:
    """The whole image as it is drawn with the window that it fills, and where that is in blocks the model's field."""
    return [whole(cutout), *sharp(cutout, window)]


def whole(cutout: Cutout) -> tuple[FloatArray, Window]:
    """The whole image as it is drawn, in blocks where it is large, and the window that it fills."""
    pixels, factor = colours.reduced(cutout.pixels, keep=colours.keeping(cutout))
    return pixels, Window(0, pixels.shape[0] * factor, 0, pixels.shape[1] * factor)


def sharp(cutout: Cutout, window: Window | None) -> list[tuple[FloatArray, Window]]:
    """The model's field and a little around it at a resolution that the whole image is not drawn at; else nothing."""
    factor = -(-max(cutout.shape) // colours.LARGEST)
    if factor == 1 or window is None:
        return []
    more = max(max(window.shape) // 2, 1)  # for a small step out of the field
    wide = Window(window.y0 - more, window.y1 + more, window.x0 - more, window.x1 + more)
    pixels, place = part(cutout, wide)
    return [(pixels, place)] if pixels.size and place.shape[0] < factor * pixels.shape[0] else []


def _without(image: FloatArray, place: Window, hole: Window) -> FloatArray:
    """An image in blocks without those that lie wholly in the hole, which are NaN."""
    factor = place.shape[0] // image.shape[0]
    left = image.copy()
    left[-(-hole.y0 // factor) : hole.y1 // factor, -(-hole.x0 // factor) : hole.x1 // factor] = np.nan
    return left
