"""Panels of one field as astronomers print them: axes from the WCS, beam, scale bar, north and east, colour bars.

Drawn by matplotlib with astropy's WCSAxes, which put RA and Dec where their lines meet the edges, on turned images and
near a pole too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..figures import colours, marks
from ..figures.colours import NO_DATA, SkyView
from ..figures.frame import centre_text, frame, whole
from ..figures.overlays import COLOURS
from ..overlays import Placed
from ..quantities import frequency
from ..schema import Cutout, Window

DPI, SIDE = 100, 3.84  # inches of a panel's side
LEFT, GAP, BELOW, ABOVE = 0.95, 0.28, 1.15, 0.88  # inches around the panels
FONT = 8


@dataclass(frozen=True, eq=False)
class Panel:
    """An image over a window of the cutout, row 0 at the bottom, and what its colours mean."""

    title: str
    image: NDArray[Any]
    """(ny, nx), or in colour (ny, nx, 3) in [0, 1]; NaN has the colour of no data."""
    window: Window
    limits: tuple[float, float]
    colour_map: str
    unit: str
    ticks: tuple[list[float], list[str]] | None = None
    """Places between the limits and their texts, where the colours are stretched."""
    is_sky: bool = False


def sky_panel(cutout: Cutout, view: SkyView, window: Window | None) -> Panel:
    """The sky as the page draws it: stretch, limits and colours of the view, ticks in its display unit.

    Of a window that is all that is drawn, with its margin, so that a large image is sharp there.
    """
    low, high = colours.limits(cutout, view, window)
    soft = colours.softening(cutout, low, high)
    y0, x0, image = 0, 0, cutout.pixels
    if window is not None:
        more = 1 + max(1, round(marks.MARGIN * max(window.shape)))
        wide = Window(window.y0 - more, window.y1 + more, window.x0 - more, window.x1 + more)
        if (inside := colours.part(cutout, wide)).size:
            y0, x0, image = max(wide.y0, 0), max(wide.x0, 0), inside
    pixels, factor = colours.reduced(image, 2 * colours.LARGEST, colours.keeping(cutout))
    scale, unit = colours.display_unit(cutout.unit)
    shown = Window(y0, y0 + pixels.shape[0] * factor, x0, x0 + pixels.shape[1] * factor)
    levels = colours.stretched(pixels, low, high, view.stretch, soft)
    ticks = colours.colour_bar_ticks(low, high, view.stretch, soft, scale)
    return Panel("Sky", levels, shown, (0.0, 1.0), view.colour_map, unit, ticks, is_sky=True)


def heading(cutout: Cutout) -> list[str]:
    """Name; position; survey, epoch, date, frequency and beam of a cutout, a line each."""
    origin = cutout.origin
    survey = "simulated" if origin.simulated else origin.survey or "survey not stated"
    epoch = f" epoch {origin.vlass_epoch}" if origin.vlass_epoch else ""
    about = [survey + (" Quick Look" if origin.quick_look else "") + epoch]
    about += [f"tile {origin.tile}"] if origin.tile else []
    about += [text for text in (origin.date,) if text]
    about += [frequency(origin.frequency_ghz)] if origin.frequency_ghz else []
    if cutout.beam is not None:
        assumed = " (assumed)" if cutout.beam.assumed else ""
        about.append(f"beam {cutout.beam.described(', PA ')}{assumed}")
    where = centre_text(cutout) or "orientation unknown, no sky coordinates"
    return [cutout.name, where, " · ".join(about)]


def drawn(
    cutout: Cutout, panels: Sequence[Panel], window: Window | None, view: SkyView, layers: Sequence[Placed] = ()
) -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    """The panels side by side, and the box (left, top, right, bottom) of each in pixels of the picture.

    All show the same part of the sky: the window with a margin, or the whole cutout.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here: a prediction alone draws nothing
    from matplotlib.figure import Figure

    width = LEFT + len(panels) * (SIDE + GAP) + 0.1
    height = BELOW + SIDE + ABOVE
    figure = Figure((width, height), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = []
    for number, panel in enumerate(panels):
        place = (LEFT + number * (SIDE + GAP)) / width, BELOW / height, SIDE / width, SIDE / height
        ax = _axes(figure, cutout, place, is_first=number == 0)
        _image(ax, panel)
        _limits(ax, cutout, window)
        ax.set_title(panel.title[:60], loc="left", fontsize=FONT + 1, fontweight="bold", parse_math=False)
        if panel.is_sky:
            _sky_marks(ax, cutout, view, window, layers)
        _bar(figure, panel, (place[0] + 0.05 * SIDE / width, 0.5 / height, 0.9 * SIDE / width, 0.1 / height))
        axes.append(ax)
    for row, line in enumerate(heading(cutout)):
        down = 1.0 - (0.2 + 0.17 * row) / height
        figure.text(LEFT / width, down, line[: int(24 * width)], fontsize=FONT, parse_math=False)
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    picture = Image.open(buffer).convert("RGB")
    boxes = []
    for ax in axes:
        box = ax.get_window_extent()
        top, bottom = (round(picture.height - edge) for edge in (box.y1, box.y0))
        boxes.append((round(box.x0), top, round(box.x1), bottom))
    return picture, boxes


def _axes(figure: Any, cutout: Cutout, place: tuple[float, ...], *, is_first: bool) -> Any:
    if cutout.wcs is None:
        ax = figure.add_axes(place)
        ax.tick_params(labelsize=FONT, labelleft=is_first)
        ax.set_xlabel("x (pixel)", fontsize=FONT)
        if is_first:
            ax.set_ylabel("y (pixel)", fontsize=FONT)
    else:
        from astropy.visualization.wcsaxes import WCSAxes  # here: half a second that a page need not wait for

        ax = WCSAxes(figure, place, wcs=cutout.wcs)
        figure.add_axes(ax)
        for coordinate in ax.coords:
            coordinate.set_ticklabel(size=FONT, exclude_overlapping=True)
            coordinate.set_ticks(number=4, size=4)
            coordinate.display_minor_ticks(True)
        names = {"RA": "RA", "DEC": "Dec", "GLON": "l", "GLAT": "b"}
        for index, kind in ((cutout.wcs.wcs.lng, cutout.wcs.wcs.lngtyp), (cutout.wcs.wcs.lat, cutout.wcs.wcs.lattyp)):
            coordinate = ax.coords[index]
            radesys = cutout.wcs.wcs.radesys or "ICRS"
            of = f" ({radesys})" if kind.strip() in ("RA", "DEC") else ""
            coordinate.set_axislabel(f"{names.get(kind.strip(), kind.strip())}{of}", fontsize=FONT, minpad=0.5)
        if not is_first:
            for coordinate in ax.coords:
                coordinate.set_ticklabel_position("b")
                coordinate.set_axislabel_position("b")
    ax.set_facecolor(NO_DATA)
    return ax


def _image(ax: Any, panel: Panel) -> None:
    import matplotlib

    window = panel.window
    extent = (window.x0 - 0.5, window.x1 - 0.5, window.y0 - 0.5, window.y1 - 0.5)
    style: dict[str, Any] = {"origin": "lower", "extent": extent, "interpolation": "nearest", "aspect": "equal"}
    if panel.image.ndim == 3:
        ax.imshow(panel.image.clip(0, 1), **style)
        return
    colour_map = matplotlib.colormaps[panel.colour_map].with_extremes(bad=NO_DATA)
    shown = np.ma.masked_invalid(panel.image)
    ax.imshow(shown, cmap=colour_map, vmin=panel.limits[0], vmax=panel.limits[1], **style)


def _limits(ax: Any, cutout: Cutout, window: Window | None) -> None:
    full = whole(cutout)
    at = full if window is None else window
    margin = max(1, round(marks.MARGIN * max(at.shape))) if at != full else 0
    ax.set_xlim(at.x0 - margin - 0.5, at.x1 + margin - 0.5)
    ax.set_ylim(at.y0 - margin - 0.5, at.y1 + margin - 0.5)


def _sky_marks(ax: Any, cutout: Cutout, view: SkyView, window: Window | None, layers: Sequence[Placed]) -> None:
    """Contours, field of view, beam, scale bar, arrows and layers, in pixels of the cutout."""
    ink = "#1b1f24" if view.colour_map == "gray_r" else "#ffffff"
    rms = colours.sky_rms(cutout)
    if view.contours and rms is not None:
        at = sorted(level * rms for level in view.levels) or marks.levels(rms, float(np.nanmax(cutout.pixels)))
        lines = view.ink or ("#1b1f24" if view.colour_map == "gray_r" else "#d9f3ff")
        dashes = ["dashed" if level < 0 else "solid" for level in at]
        ax.contour(np.ma.masked_invalid(cutout.pixels), at, colors=lines, linewidths=0.7, linestyles=dashes)
    if window is not None:
        x, y = (window.x0 - 0.5, window.x1 - 0.5), (window.y0 - 0.5, window.y1 - 0.5)
        ax.plot([x[0], x[1], x[1], x[0], x[0]], [y[0], y[0], y[1], y[1], y[0]], "--", color=ink, linewidth=0.9)
    for number, layer in enumerate(layers):
        for shape in layer.shapes:
            colour = shape.colour or COLOURS[number % len(COLOURS)]
            style = "o" if shape.is_point else "--" if shape.excluded else "-"
            ax.plot(shape.x, shape.y, style, color=colour, linewidth=1.1, markersize=6, fillstyle="none")
            if shape.label and len(layer.shapes) <= 60:
                top = int(shape.y.argmax())
                ax.text(
                    shape.x[top],
                    shape.y[top],
                    f" {shape.label[:40]}",
                    color=colour,
                    fontsize=FONT - 1,
                    clip_on=True,
                    parse_math=False,
                )
    grid = frame(cutout)
    if grid.north is None or grid.east is None:
        return
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    ax.set_autoscale_on(False)
    inset = 0.035 * (x1 - x0)
    length = marks.round_length(abs(grid.step[1]) * (x1 - x0))
    pixels, y = length / abs(grid.step[1]), y0 + inset
    ax.plot([x1 - inset - pixels, x1 - inset], [y, y], color=ink, linewidth=2, solid_capstyle="butt")
    text = f"{length:g}{grid.unit}"
    ax.text(x1 - inset - pixels / 2, y + 0.3 * inset, text, color=ink, fontsize=FONT, ha="center", va="bottom")
    if cutout.beam is not None:
        dy, dx = marks.beam_outline(grid, cutout.beam)
        dy, dx = dy / grid.step[0], dx / grid.step[1]
        style = ":" if cutout.beam.assumed else "-"
        ax.plot(x0 + inset + dx.max() + dx, y0 + inset + dy.max() + dy, style, color=ink, linewidth=1.3)
    foot = np.array([x1 - 4.5 * inset, y1 - 4.5 * inset])
    for name, way in (("N", grid.north), ("E", grid.east)):
        towards = np.array([way[1] / grid.step[1], way[0] / grid.step[0]])
        towards = towards / np.hypot(*towards) * 2.5 * inset
        arrow = {"arrowstyle": "->", "color": ink, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", foot + towards, foot, arrowprops=arrow)
        ax.text(*(foot + 1.3 * towards), name, color=ink, fontsize=FONT, ha="center", va="center")


def _bar(figure: Any, panel: Panel, place: tuple[float, ...]) -> None:
    """A horizontal colour bar with its unit; a picture in colour has none."""
    ax = figure.add_axes(place)
    if panel.image.ndim == 3:
        ax.set_axis_off()
        return
    low, high = panel.limits
    ramp = np.linspace(low, high, 256)[None]
    ax.imshow(ramp, cmap=panel.colour_map, vmin=low, vmax=high, aspect="auto", extent=(low, high, 0, 1))
    ax.set_yticks([])
    if panel.ticks is not None:
        ax.set_xticks(panel.ticks[0], panel.ticks[1])
    else:
        ax.locator_params(axis="x", nbins=5)
    ax.tick_params(labelsize=FONT - 1)
    ax.set_xlabel(panel.unit, fontsize=FONT, labelpad=1, parse_math=False)


def facts(cutout: Cutout, panels: Sequence[Panel], boxes: Sequence[tuple[int, int, int, int]]) -> dict[str, str]:
    """What the file tells as text beside the picture: position, survey, beam, units, and where its panels lie."""
    name, where, about = heading(cutout)
    places = "; ".join(
        f"{panel.title} [{panel.unit}]: {','.join(map(str, box))}" for panel, box in zip(panels, boxes, strict=True)
    )
    return {"Title": f"{name}   {where}", "Source": about, "Panels": places}
