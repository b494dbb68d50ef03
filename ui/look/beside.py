"""The Display panel of Explore: beside the picture that it changes, above it in a narrow window, never over it.

Where three pictures in a row would be small beside it, the sky stands there alone, and the others below at full width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer.figures.colours import SkyView
from vlass_explorer.overlays import Placed
from vlass_explorer.schema import Cutout, Window

from .. import controls, results
from ..boundary import Viewport
from . import cursor, measured, overlaid

WIDTH, GAP = 250, 32
"""Pixels of the panel, and what its border and the space beside it take."""
SMALL, TALLEST = 260, 480
"""Side in pixels from which three pictures stand beside the panel, and the tallest one of the sky alone there."""
AXES: dict[str, cursor.Axes] = {"RA and Dec": "sky", "Offsets": "offsets"}
DARK_INK, LIGHT_INK = "#1b1f24", "#ffffff"


@dataclass(frozen=True)
class Picture:
    """Where and how the sky of a page is drawn."""

    place: DeltaGenerator
    """Of the sky: beside the panel where that is open."""
    screen: Viewport
    """What is left of the window beside the panel."""
    is_apart: bool
    """The sky stands alone in its place, the other pictures below."""
    view: SkyView
    whole_cutout: bool
    axes: cursor.Axes
    layers: list[Placed]

    def dressed(self, cutout: Cutout, figure: go.Figure) -> go.Figure:
        """The figure with regions, catalogues and measured shapes over its sky."""
        return measured.over(overlaid.over(figure, cutout, self.layers), measured.shapes(cutout))

    def has_sky_axes(self, cutout: Cutout) -> bool:
        """Are RA and Dec drawn along the edges, in place of the figure's own axes?"""
        return self.axes == "sky" and cursor.on_sky(cutout)

    def lay_over(
        self,
        cutout: Cutout,
        window: Window | None,
        charts: list[str],
        on_picked: Callable[[], None] | None = None,
    ) -> None:
        """Draw the line of the cursor, and what follows the zoom over these charts; ``on_picked`` hears clicks.

        ``window`` is the model's field, which large images show at its own resolution.
        """
        ink = DARK_INK if self.view.colour_map == "gray_r" else LIGHT_INK
        drawn = measured.shapes(cutout)
        cursor.draw(
            cutout,
            window,
            charts,
            axes=self.axes,
            ink=ink,
            shapes=drawn,
            on_drawn=measured.heard,
            on_picked=on_picked,
        )

    @property
    def tallest(self) -> int:
        """Largest side in pixels of a sky that stands alone."""
        return results.TALLEST if self.screen.narrow else TALLEST


def switch() -> bool:
    """Draw the switch of the panel; True while it is open."""
    return st.toggle("Display", key="display", persist_state="session", help="How the sky is drawn")


def picture(cutout: Cutout, screen: Viewport, *, is_open: bool) -> Picture:
    """Draw the panel where it is open; what was chosen, and room for the picture beside it."""
    side, place, is_apart = None, st.container(), screen.narrow
    if is_open and screen.narrow:
        side, place = st.container(border=True), st.container()
    elif is_open:
        row = st.container(horizontal=True, gap="small")
        side, place = row.container(border=True, width=WIDTH), row.container(width="stretch")
        screen = replace(screen, width=max(screen.width - WIDTH - GAP, 480))
        is_apart = results.side(screen.width, 3) < SMALL
    draw = partial(controls.sky_view, cutout)
    if side is None:
        view, whole = draw(is_drawn=False)
    else:
        with side:
            _draw_axes(cutout)
            view, whole = draw()
    axes = AXES.get(st.session_state.get("axes", ""), "sky")
    return Picture(place, screen, is_apart, view, whole, axes, overlaid.placed(cutout))


def _draw_axes(cutout: Cutout) -> None:
    st.segmented_control(
        "Axes",
        list(AXES),
        default="RA and Dec",
        required=True,
        key="axes",
        persist_state="session",
        disabled=cutout.wcs is None,
        help="Offsets are from the centre of the cutout." if cutout.wcs else "Off: this file has no sky coordinates.",
    )


def more(cutout: Cutout) -> None:
    """Draw, folded, what lies over the sky and what is measured on it."""
    has_any = bool(measured.shapes(cutout))
    panel = st.expander("Regions, catalogues and statistics", expanded=has_any, key="over_the_sky", on_change="rerun")
    if panel.open or has_any:
        with panel:
            overlaid.draw(cutout)
            measured.draw(cutout)
