"""Circles and boxes on the sky of Explore, drawn with the mouse or typed, and the statistics of the pixels inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from vlass_explorer import export, measure
from vlass_explorer.cutouts import places
from vlass_explorer.figures import overlays as figures
from vlass_explorer.figures.frame import frame
from vlass_explorer.measure import Region, Statistics
from vlass_explorer.quantities import angle, brightness, flux
from vlass_explorer.schema import Cutout

from .. import boundary, loaders, results
from ..text import plain

SHAPES = "sky_shapes"
MOST = 50
"""Regions of one cutout."""
CONFIG = {**results.CONFIG, "modeBarButtonsToAdd": ["drawcircle", "drawrect", "eraseshape"]}
"""Of a chart that can be drawn on."""
KINDS = {"rect": "box", "circle": "circle"}


def shapes(cutout: Cutout) -> list[dict[str, Any]]:
    """The regions of a cutout as plotly knows them: type and corners on the axes."""
    return list(st.session_state.get(SHAPES, {}).get(cutout.sha256[:16], []))


def over(figure: go.Figure, drawn: Sequence[dict[str, Any]]) -> go.Figure:
    """The figure with the regions on its sky; itself where there are none."""
    return figures.measured(figure, drawn) if drawn else figure


def heard() -> None:
    """In a callback: take over what was drawn, moved or erased in the browser."""
    told = st.session_state["sky_cursor"].get("drawn")
    if told:
        _keep(str(told["file"]), [shape for shape in map(_read, told["shapes"][:MOST]) if shape is not None])


def _keep(file: str, drawn: list[dict[str, Any]]) -> None:
    st.session_state.setdefault(SHAPES, {})[file] = drawn


def _read(shape: Any) -> dict[str, Any] | None:
    """One shape as the browser tells it; None for one without an extent."""
    corners = {key: float(shape[key]) for key in ("x0", "x1", "y0", "y1")}
    if shape["type"] not in KINDS or corners["x0"] == corners["x1"] or corners["y0"] == corners["y1"]:
        return None
    return {"type": shape["type"], **corners}


def region(cutout: Cutout, shape: dict[str, Any]) -> Region:
    """The region in pixels of a shape on the axes."""
    axes = frame(cutout)
    (y, height), (x, width) = (
        (
            (shape[f"{axis}0"] + shape[f"{axis}1"]) / 2 / step + centre - 0.5,
            abs((shape[f"{axis}1"] - shape[f"{axis}0"]) / step),
        )
        for axis, step, centre in zip("yx", axes.step, axes.centre, strict=True)
    )
    return Region("box" if shape["type"] == "rect" else "circle", y, x, height, width)


def draw(cutout: Cutout) -> None:
    """Draw the form for a typed region, and the statistics of all regions with their files."""
    _form(cutout)
    drawn = shapes(cutout)
    if not drawn:
        st.caption(
            "Or draw: the circle and the box in the bar above the sky; a drawn one can be moved, stretched and erased."
        )
        return
    found = [(each, _statistics(cutout, each)) for each in (region(cutout, shape) for shape in drawn)]
    known = [(each, numbers) for each, numbers in found if numbers is not None]
    table = pd.DataFrame({f"{i}": _column(cutout, *each) for i, each in enumerate(found, start=1)})
    st.table(table.map(plain), border="horizontal", alt="Statistics inside the drawn regions")
    notes = {note for _, numbers in known for note in (*numbers.notes, *numbers.off.values())}
    for note in sorted(notes):
        st.caption(plain(note))
    stem = f"{export.safe_stem(cutout.name)}.regions"
    with st.container(horizontal=True):
        for label, make, mime in (
            ("CSV", lambda: export.statistics_csv(cutout, known), "text/csv"),
            ("REG", lambda: export.measured_regions(cutout, [each for each, _ in known]), "text/plain"),
        ):
            st.download_button(
                label,
                make,
                f"{stem}.{label.lower()}",
                mime,
                on_click="ignore",
                icon=":material/download:",
                key=f"measured_{label}",
                help="Statistics of all regions" if label == "CSV" else "The regions for DS9 and CARTA",
            )
        st.button("Remove all", key="measured_clear", type="tertiary", on_click=_keep, args=(cutout.sha256[:16], []))


@st.cache_data(show_spinner=False, max_entries=200, hash_funcs=loaders.HASHES)
def _statistics(cutout: Cutout, where: Region) -> Statistics | None:
    return measure.statistics(cutout, where)


def _column(cutout: Cutout, where: Region, found: Statistics | None) -> dict[str, str]:
    """What the page says of one region, by name."""
    scale = None if cutout.pixel_shape is None else cutout.pixel_shape.scale
    sides = [
        f"{side:.1f} px" if scale is None else angle(side * step)
        for side, step in zip((where.width, where.height), scale[::-1] if scale else (1, 1), strict=True)
    ]
    size = f"⌀ {sides[0]}" if where.kind == "circle" and sides[0] == sides[1] else " × ".join(sides)
    rows = {"Region": f"{where.kind}, {size}", "Centre": places.name(cutout, where.y, where.x)}
    if found is None:
        return rows | {"Flux density": "no pixel with data inside"}
    unit = cutout.unit
    error = "" if found.flux_error is None else " (noise)"
    rows["Flux density"] = "off" if found.flux is None else f"{flux(found.flux, found.flux_error)}{error}"
    if found.flux and found.flux_scale_error is not None:
        rows["Flux scale"] = f"± {100 * found.flux_scale_error / abs(found.flux):.0f} %"
    rows["Peak"] = brightness(found.peak, unit) + ("" if found.snr is None else f", S/N {found.snr:.1f}")
    rows["Peak at"] = places.name(cutout, *found.peak_yx)
    for name, value in (("Mean", found.mean), ("rms (about zero)", found.rms), ("Standard deviation", found.std)):
        rows[name] = brightness(value, unit)
    rows["Pixels"] = f"{found.pixels}" + (f", {found.blanked} without data" if found.blanked else "")
    rows["Beams"] = "off" if found.beams is None else f"{found.beams:.2f}"
    rows["Area"] = "off" if found.area is None else f"{found.area:.4g} arcsec²"
    return rows


def _form(cutout: Cutout) -> None:
    unit = "px" if cutout.pixel_shape is None else "″"
    kind = st.selectbox("Statistics inside a", ["circle", "box"], key="measured_kind", width=110)
    with st.form("measured_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Centre (ICRS) or pixel",
            key="measured_centre",
            placeholder="00:13:57.2 -09:19:51  ·  pixel 60 60",
            width="stretch",
        )
        for axis in ("Diameter",) if kind == "circle" else ("Width", "Height"):
            along = {"Width": "Along the image's x axis", "Height": "Along the image's y axis"}.get(axis)
            st.number_input(f"{axis} ({unit})", 0.0, value=20.0, key=f"measured_{axis}", help=along, width=120)
        st.form_submit_button("Measure", on_click=boundary.reported(_typed), args=(cutout,), key="measured_go")


def _typed(cutout: Cutout) -> None:
    """In a callback: add the region of the form, unless it is there already."""
    given = st.session_state
    y, x = places.find(given["measured_centre"].strip(), cutout)
    is_circle = given["measured_kind"] == "circle"
    sides = [given[f"measured_{name}"] for name in (("Diameter",) * 2 if is_circle else ("Width", "Height"))]
    axes, scale = frame(cutout), (1.0, 1.0) if cutout.pixel_shape is None else cutout.pixel_shape.scale
    shape: dict[str, Any] = {"type": "circle" if is_circle else "rect"}
    for axis, at, side, step, centre, pixel in zip(
        "xy", (x, y), sides, axes.step[::-1], axes.centre[::-1], scale[::-1], strict=True
    ):
        middle, half = step * (at + 0.5 - centre), abs(step) * side / pixel / 2
        shape[f"{axis}0"], shape[f"{axis}1"] = middle - half, middle + half
    if (read := _read(shape)) is not None and not any(_is_same(read, each) for each in shapes(cutout)):
        _keep(cutout.sha256[:16], [*shapes(cutout), read][-MOST:])


def _is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Are two shapes the same region, but for what rounding in the browser leaves?"""
    corners = ("x0", "x1", "y0", "y1")
    return one["type"] == other["type"] and all(abs(one[key] - other[key]) < 1e-6 for key in corners)
