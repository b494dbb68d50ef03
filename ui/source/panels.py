"""Aligned panels: the images of a source on one grid, and the contours of one of them over the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from vlass_explorer import epochs, quantities
from vlass_explorer.epochs.groups import Shown
from vlass_explorer.figures import colours
from vlass_explorer.figures import epochs as figures
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.schema import Cutout

from .. import results
from ..boundary import Viewport
from ..text import plain
from . import cached
from .gather import Gathered

EACH, THREE, OVERLAY = "Each as on Explore", "Survey comparison", "Contours over an image"
PRESETS = (EACH, THREE, OVERLAY)
NONE = "none"
MOST = 6


@dataclass(frozen=True, eq=False)
class Panel:
    """One image, how it is drawn, and what lies over it."""

    shown: Shown
    cutout: Cutout
    view: SkyView
    lines: figures.Lines | None = None


def draw(gathered: Gathered, screen: Viewport) -> None:
    """Draw the preset, the choice of contours and the panels; a sentence where images are left out."""
    shown = gathered.shown
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        preset = st.segmented_control(
            "Panels", PRESETS, default=EACH, required=True, key="source_preset", persist_state="session"
        )
        names = [one.name for one in shown]
        if st.session_state.get("source_lines") not in (None, NONE, *names):
            st.session_state["source_lines"] = NONE
        usual = f"{names[_usual(shown)]} (usual)" if preset == OVERLAY and len(names) > 1 else NONE
        lines = st.selectbox(
            "Contours of",
            [NONE, *names],
            key="source_lines",
            width=200,
            format_func=lambda name: usual if name == NONE else name,
        )
    if len(shown) > MOST:
        st.caption(f"{len(shown)} images show this source; the first {MOST} are drawn.")
    seen = list(shown[:MOST])
    laid = _aligned(seen, gathered)
    chosen = names.index(lines) if lines != NONE and lines in names[:MOST] else None
    columns = max(1, min(len(seen), 1 if screen.narrow and screen.width < 520 else 2 if screen.narrow else 3))
    if preset == OVERLAY:
        panels, note = _overlay(seen, laid, chosen)
        columns = min(columns, 2)
    else:
        panels, note = _each(seen, laid, chosen, three=preset == THREE)
    side = min(max(screen.width // columns - 30, 220), 460)
    cells = st.grid(min(columns, len(panels)), min_column_width=250, gap="small")
    for place, panel in enumerate(panels):
        with cells.cell():
            st.markdown(f"**{plain(panel.shown.name)}**")
            figure = figures.panel(panel.cutout, panel.view, side + results.AROUND, panel.lines)
            st.plotly_chart(
                figure, key=f"source_panel_{place}", config=results.CONFIG, alt=f"Sky image {panel.shown.name}"
            )
            st.caption(plain(_about(panel.shown.cutout)))
    if note:
        st.caption(plain(note))


def _aligned(seen: list[Shown], gathered: Gathered) -> list[Cutout]:
    return cached.laid(gathered.position, gathered.side, *(one.cutout for one in seen))


def _each(seen: list[Shown], laid: list[Cutout], chosen: int | None, *, three: bool) -> tuple[list[Panel], str]:
    """A panel an image, as a preset draws it; the contours of the chosen one over all others."""
    panels = []
    for place, (one, cutout) in enumerate(zip(seen, laid, strict=True)):
        over = figures.Lines(laid[chosen]) if chosen is not None and place != chosen else None
        panels.append(Panel(one, cutout, _survey_view(one) if three else SkyView(), over))
    note = ""
    if chosen is not None:
        note = f"Contours of {seen[chosen].name}: {_levels_text(laid[chosen])}."
    if three:
        note = f"Colours as in VLASS-Vision: NVSS inferno, optical grey, VLASS magma from −0.1 to 5 mJy/beam. {note}"
    return panels, note


def _overlay(seen: list[Shown], laid: list[Cutout], chosen: int | None) -> tuple[list[Panel], str]:
    """Five contours of VLASS (or of the chosen image) over the optical image, else over each other image."""
    lines = chosen if chosen is not None else _usual(seen)
    others = [place for place in range(len(seen)) if place != lines]
    if not others:
        return [Panel(seen[0], laid[0], SkyView())], "Only one image shows this source: there is nothing to lie over."
    optical = [place for place in others if not seen[place].is_radio]
    cutout = laid[lines]
    rms, finite = colours.sky_rms(cutout), np.isfinite(cutout.pixels)
    peak = float(cutout.pixels[finite].max()) if finite.any() else 0.0
    levels = tuple(epochs.levels(rms, peak)) if rms is not None else ()
    panels = [
        Panel(seen[i], laid[i], replace(SkyView(), colour_map="gray_r"), figures.Lines(cutout, levels))
        for i in optical or others
    ]
    said = f"Contours of {seen[lines].name}: {_levels_text(cutout, levels)}."
    return panels, said if optical else f"{said} No optical image is here; the Sky page has DSS2 under HiPS."


def _usual(shown: Sequence[Shown]) -> int:
    """Which image lies over the others where none is chosen: the first of VLASS, else the first."""
    return next((place for place, one in enumerate(shown[:MOST]) if one.is_vlass), 0)


def _survey_view(one: Shown) -> SkyView:
    """Colours of VLASS-Vision's comparison of three surveys."""
    if one.is_vlass:
        return SkyView(stretch="linear", limits=(-0.1, 5.0), colour_map="magma")
    if not one.is_radio:
        return SkyView(colour_map="gray_r")
    return SkyView(colour_map="inferno")


def _levels_text(cutout: Cutout, levels: tuple[float, ...] = ()) -> str:
    rms = colours.sky_rms(cutout)
    if rms is None:
        return "10, 30, 50, 70 and 90 % of its peak, for it has no noise"
    noise = quantities.brightness(rms, cutout.unit)
    times = ", ".join(f"{level / rms:.3g}" for level in levels) if levels else "−3, 3, 6, 12, 24 …"
    return f"{times} times its own σ of {noise}"


def _about(cutout: Cutout) -> str:
    origin = cutout.origin
    parts = [
        origin.date,
        quantities.frequency(origin.frequency_ghz) if origin.frequency_ghz else None,
        f"beam {cutout.beam}{' (assumed)' if cutout.beam.assumed else ''}" if cutout.beam else "no beam",
        None if cutout.noise is None else f"σ {quantities.brightness(cutout.noise.rms, cutout.unit)}",
    ]
    return " · ".join(part for part in parts if part)
