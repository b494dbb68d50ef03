"""A large image on Explore: its sources, brightest first, and the ways to one of them or to any other place."""

from __future__ import annotations

from dataclasses import replace

import plotly.graph_objects as go
import streamlit as st

from vlass_explorer import measure
from vlass_explorer.cutouts import places
from vlass_explorer.figures import field
from vlass_explorer.schema import Cutout, CutoutError, Window

from .. import boundary, loaders, state
from ..text import plain

LARGE = 1000
"""Pixels along a side from which an image is gone through source by source."""
MOST = 200
"""Sources that are offered, the brightest; the heading says where there may be more."""
HEIGHT = 520


def draw(entry: state.Entry, screen: boundary.Viewport) -> None:
    """Draw the way through a large image; nothing for a cutout, or where the whole does not fit into memory."""
    how = state.reading(entry)
    if entry.source is not None:
        return
    try:
        image = loaders.cutout(entry, _whole(how))
    except CutoutError:
        return
    if max(image.shape) < LARGE:
        return
    found = _sources(image)
    at = st.session_state.setdefault("field_at", {}).get(entry.key)
    here = None if not how.is_part or at is None else at
    with st.container(border=True, key="field"):
        st.markdown(f"**{_headline(image, found)}**")
        overview, steps = (st.container(), st.container()) if screen.narrow else st.columns([3, 2], gap="medium")
        with steps:
            _steps(entry, image, found, here, is_part=how.is_part)
        with overview:
            _overview(entry, image, found, here)


def _whole(how: state.Reading) -> state.Reading:
    return replace(how, position=None, box=None, size_arcsec=None)


def _headline(image: Cutout, found: tuple[measure.Source, ...]) -> str:
    ny, nx = image.shape
    level = "above 5 rms" if image.noise is not None else "above the clipped floor"
    count = {0: "no source", 1: "one source"}.get(len(found), f"{len(found)} sources, brightest first,")
    count = f"the {MOST} brightest sources" if len(found) == MOST else count
    return f"{nx} × {ny} pixels: {count} {level}"


def _steps(
    entry: state.Entry,
    image: Cutout,
    found: tuple[measure.Source, ...],
    here: tuple[float, float] | None,
    *,
    is_part: bool,
) -> None:
    """Choose a source by name, step to the next, type a place, or go back to the whole image."""
    number = _number(found, here)
    with st.container(horizontal=True):
        for label, icon, step in (
            ("Previous", ":material/chevron_left:", -1),
            ("Next source", ":material/chevron_right:", 1),
        ):
            wanted = (-1 if number is None and step > 0 else number or 0) + step
            st.button(
                label,
                icon=icon,
                key=f"field_{step}",
                type="primary" if step > 0 else "secondary",
                disabled=not 0 <= wanted < len(found) or (number is None and step < 0),
                on_click=_go_to_source,
                args=(entry, image, found, wanted),
                shortcut="n" if step > 0 else "p",
            )
        if is_part:
            st.button(
                "Whole image",
                icon=":material/zoom_out_map:",
                key="field_whole",
                on_click=state.read_as,
                args=(entry, _whole(state.reading(entry))),
            )
    if found:
        key = f"field_source_{entry.key}"
        st.session_state[key] = number
        st.selectbox(
            "Source",
            range(len(found)),
            index=None,
            key=key,
            format_func=lambda i: _name(image, found[i], i),
            placeholder="Choose one",
            on_change=_chosen,
            args=(entry, image, found, key),
        )
    st.text_input(
        "Position (ICRS) or pixel",
        key="field_place",
        placeholder="00:13:57.2 -09:19:51  ·  3.4883 -9.3310  ·  pixel 1200 640",
        on_change=boundary.reported(_typed),
        args=(entry, image),
    )
    if here is None:
        st.caption("The model is shown the middle of the image. Choose a source, click the image, or type a place.")
    else:
        st.caption(
            f"In view: {plain(places.name(image, *here))}, cut out at the image's own resolution. The noise is that of "
            "the cut. A click on the image goes to another place."
        )


def _name(image: Cutout, source: measure.Source, index: int) -> str:
    brightness = "" if source.snr is None else f", S/N {source.snr:.0f}"
    return f"{index + 1}: {places.name(image, source.y, source.x)}{brightness}"


def _overview(
    entry: state.Entry, image: Cutout, found: tuple[measure.Source, ...], here: tuple[float, float] | None
) -> None:
    part = None if here is None else _part(entry, image, here)
    figure = field.marked(_picture(image), image, found, part, _number(found, here))

    def clicked() -> None:
        points = st.session_state["field_overview"].selection.points
        if points:
            y, x = field.places(image, found)[int(points[-1]["point_index"])]
            _go(entry, image, float(y), float(x))

    st.plotly_chart(
        figure,
        key="field_overview",
        on_select=boundary.reported(clicked),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="The whole image with its sources; click one, or any place, to go there",
    )


def _part(entry: state.Entry, image: Cutout, here: tuple[float, float]) -> Window | None:
    """The part of the whole image that is in view."""
    try:
        ny, nx = loaders.cutout(entry, state.reading(entry)).shape
    except CutoutError:
        return None
    y0, x0 = round(here[0] - ny / 2), round(here[1] - nx / 2)
    return Window(y0, y0 + ny, x0, x0 + nx)


def _number(found: tuple[measure.Source, ...], here: tuple[float, float] | None) -> int | None:
    """Index of the source in view."""
    return next((i for i, each in enumerate(found) if here == (each.y, each.x)), None)


def _chosen(entry: state.Entry, image: Cutout, found: tuple[measure.Source, ...], key: str) -> None:
    if (index := st.session_state[key]) is not None:
        _go_to_source(entry, image, found, index)


def _go_to_source(entry: state.Entry, image: Cutout, found: tuple[measure.Source, ...], index: int) -> None:
    _go(entry, image, found[index].y, found[index].x)


def _typed(entry: state.Entry, image: Cutout) -> None:
    if text := st.session_state["field_place"].strip():
        _go(entry, image, *places.find(text, image))


def _go(entry: state.Entry, image: Cutout, y: float, x: float) -> None:
    """Read the part around a pixel from now on; call it from a callback."""
    st.session_state.setdefault("field_at", {})[entry.key] = (y, x)
    position, box = places.around(image, y, x)
    state.read_as(entry, replace(_whole(state.reading(entry)), position=position, box=box))


@loaders.MEMORY.cached
def _sources(image: Cutout) -> tuple[measure.Source, ...]:
    return measure.sources(image, MOST)


@loaders.MEMORY.cached
def _picture(image: Cutout) -> go.Figure:
    return field.overview(image, HEIGHT)
