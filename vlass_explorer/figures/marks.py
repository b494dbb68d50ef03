"""What astronomers draw on a map: contours, beam, scale bar, north and east, the outline of a field of view."""

from __future__ import annotations

from typing import Any

import numpy as np
from contourpy import LineType, contour_generator
from numpy.typing import NDArray

from ..schema import Beam, Window
from .frame import Frame

Box = tuple[float, float, float, float]
"""Drawn range (bottom, top, left, right) in axis units; left may be larger than right."""
Trace = dict[str, Any]
ARROW, LETTER, INSET, MARGIN = 26.0, 35.0, 12.0, 0.03
"""Pixels from the foot of the arrows to their tips and letters, and from there to the corner of the model's field; and
the share of a panel that is drawn around that."""


def levels(rms: float, peak: float) -> list[float]:
    """Contour levels -3, 3, 6, 12, 24 ... times the rms, up to the peak."""
    count = int(np.floor(np.log2(max(peak / (3.0 * rms), 1.0)))) + 1
    return [-3.0 * rms, *(3.0 * rms * 2.0**i for i in range(count))]


def contours(
    image: NDArray[Any], y: NDArray[Any], x: NDArray[Any], at: list[float], colour: str, width: float = 1.0
) -> list[Trace]:
    """Line traces of an image (ny, nx) at ``at``: one for positive levels, a dashed one for negative ones.

    ``y`` and ``x`` are the cell centres; NaN makes gaps.
    """
    masked = np.ma.masked_invalid(image)
    generator = contour_generator(x, y, masked, line_type=LineType.ChunkCombinedNan)
    traces = []
    for negative in (False, True):
        lines = [generator.lines(level)[0][0] for level in at if (level < 0) == negative]
        lines = [line for line in lines if line is not None]
        if not lines:
            continue
        gap = np.full((1, 2), np.nan)
        joined = np.concatenate([part for line in lines for part in (line, gap)]).astype(np.float32)
        style = {"color": colour, "width": width, "dash": "dash" if negative else "solid"}
        traces.append(_line(joined[:, 0], joined[:, 1], style))
    return traces


def beam_outline(frame: Frame, beam: Beam) -> tuple[NDArray[Any], NDArray[Any]]:
    """Offsets (y, x) in axis units of the ellipse of half power around its centre; needs an orientation."""
    angle = np.linspace(0, 2 * np.pi, 73)
    along, across = beam.major / 2 * np.cos(angle), beam.minor / 2 * np.sin(angle)
    pa = np.radians(beam.pa)
    return frame.offset(along * np.cos(pa) - across * np.sin(pa), along * np.sin(pa) + across * np.cos(pa))


def beam(frame: Frame, beam: Beam, box: Box, colour: str) -> Trace:
    """Open beam ellipse in the lower left corner, dotted where the beam is assumed."""
    dy, dx = beam_outline(frame, beam)
    bottom, top, left, right = box
    margin_y, margin_x = np.abs(dy).max() + abs(top - bottom) * 0.06, np.abs(dx).max() + abs(right - left) * 0.06
    centre_y = bottom + np.sign(top - bottom) * margin_y
    centre_x = left + np.sign(right - left) * margin_x
    style = {"color": colour, "width": 1.6, "dash": "dot" if beam.assumed else "solid"}
    return _line(centre_x + dx, centre_y + dy, style)


def round_length(width: float) -> float:
    """1, 2 or 5 times a power of ten: the largest of these up to a quarter of a width."""
    decade = 10.0 ** np.floor(np.log10(width / 4))
    return float(max(m * decade for m in (1, 2, 5) if m * decade <= width / 4))


def scale_bar(frame: Frame, box: Box, colour: str) -> tuple[Trace, str]:
    """A bar of a round length about a quarter of the width, lower right, and its text."""
    bottom, top, left, right = box
    length = round_length(abs(right - left))
    end = right - (right - left) * 0.04
    start = end - np.sign(right - left) * length
    y = bottom + (top - bottom) * 0.05
    return _line([start, end], [y, y], {"color": colour, "width": 2}), f"{length:g}{frame.unit}"


def outline(frame: Frame, window: Window, colour: str) -> Trace:
    """Edges of the field of view that a model sees."""
    bottom, top, left, right = frame.extent(window)
    style = {"color": colour, "width": 1.2, "dash": "longdash"}
    return _line([left, right, right, left, left], [bottom, bottom, top, top, bottom], style)


def over_field(frame: Frame, window: Window, line: NDArray[Any], colour: str) -> Trace:
    """A line (n, 2) of y and x from 0 to 1 over a window, also beyond it."""
    bottom, top, left, right = frame.extent(window)
    y, x = bottom + (top - bottom) * line[:, 0], left + (right - left) * line[:, 1]
    return _line(x, y, {"color": colour, "width": 2.2})


def compass(frame: Frame, box: Box, colour: str, panel: int) -> list[dict[str, Any]]:
    """Annotations: arrows to north and east in the upper right corner, none without an orientation.

    They stand in the corner of the panel at any zoom.
    """
    if frame.north is None or frame.east is None:
        return []
    bottom, top, left, right = box
    turned = np.array([np.sign(top - bottom), np.sign(right - left)])
    # Unit vectors (up, right) on the screen; the corner leaves room for both arrows whatever way they point.
    towards = [turned * np.array(d) / np.hypot(*d) for d in (frame.north, frame.east)]
    up, across = (-(INSET + LETTER * max(0.0, *(way[i] for way in towards))) for i in (0, 1))
    axis = "" if panel == 1 else str(panel)
    corner = {"x": 1 - MARGIN, "y": 1 - MARGIN, "xref": f"x{axis} domain", "yref": f"y{axis} domain"}
    corner |= {"xanchor": "center", "yanchor": "middle"}
    arrows = []
    for text, way in zip("NE", towards, strict=True):
        tip = {"xshift": across + way[1] * ARROW, "yshift": up + way[0] * ARROW}
        tail = {"ax": -way[1] * ARROW, "ay": way[0] * ARROW}
        style = {"showarrow": True, "arrowhead": 2, "arrowsize": 1, "arrowwidth": 1.5, "arrowcolor": colour}
        arrows.append({**corner, **tip, **tail, **style, "text": ""})
        letter = {"xshift": across + way[1] * LETTER, "yshift": up + way[0] * LETTER}
        arrows.append({**corner, **letter, "text": text, "showarrow": False, "font": {"color": colour, "size": 11}})
    return arrows


def _line(x: Any, y: Any, style: dict[str, Any]) -> Trace:
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": style, "hoverinfo": "skip", "showlegend": False}
