"""Controls of the sky panels: stretch, limits, colour map, contours, and how an explanation lies over the sky."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from vlass_explorer.figures import colours
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.sky import Overlay
from vlass_explorer.schema import Cutout, Explanation

OVERLAYS = {
    "Colours over sky": "none",
    "Lines over sky": "explanation over sky",
    "Sky lines over colours": "sky over explanation",
}


def sky_view(cutout: Cutout) -> tuple[SkyView, bool]:
    """Draw the display controls; return the view and whether the whole cutout is shown first."""
    factor, unit = colours.display_unit(cutout.unit)
    extent = st.segmented_control(
        "Show",
        ["Field of view", "Whole cutout"],
        default="Field of view",
        required=True,
        key="extent",
        persist_state="session",
    )
    stretch = st.segmented_control(
        "Stretch",
        colours.STRETCHES,
        default="asinh",
        required=True,
        key="stretch",
        persist_state="session",
        help="asinh is linear up to about 3 rms and logarithmic above. The model has a stretch of its own.",
    )
    colour_map = st.selectbox("Colour map", colours.SKY_MAPS, key="colour_map", persist_state="session")
    has_noise = colours.sky_rms(cutout) is not None
    contours = st.toggle(
        "Contours at −3, 3, 6, 12, 24 … rms",
        key="contours",
        disabled=not has_noise,
        persist_state="session",
        help=None if has_noise else "Off: this file has no rms in units of brightness.",
    )
    percentile = st.select_slider(
        "Upper limit, percentile of the pixels",
        colours.PERCENTILES,
        value=99.9,
        key="percentile",
        persist_state="session",
    )
    limits = None
    if st.toggle("Limits by hand", key="by_hand"):
        low, high = (factor * v for v in colours.limits(cutout, SkyView(percentile=percentile)))
        with st.container(horizontal=True):
            low = st.number_input(f"Lower ({unit})", value=float(f"{low:.3g}"), format="%.4g", key="low")
            high = st.number_input(f"Upper ({unit})", value=float(f"{high:.3g}"), format="%.4g", key="high")
        limits = (low, high)
        if low >= high:
            st.warning("The lower limit must lie below the upper one; the percentile is used.")
    view = SkyView(stretch, percentile, limits, colour_map, contours and has_noise)
    return view, extent == "Whole cutout"


def overlay(explanation: Explanation) -> Overlay:
    """Draw the overlay controls of one explanation, in the row of the caller."""
    panel = 0
    if len(explanation.titles) > 1:
        panel = st.selectbox(
            "Map", range(len(explanation.titles)), format_func=lambda i: explanation.titles[i], key="panel", width=190
        )
    return replace(overlay_style(), panel=min(panel, len(explanation.titles) - 1))


def overlay_style() -> Overlay:
    """Draw how any explanation lies over the sky, in the row of the caller."""
    style = st.selectbox("Overlay", list(OVERLAYS), key="overlay", persist_state="session", width=190)
    opacity = st.slider(
        "Opacity",
        0.0,
        1.0,
        0.6,
        0.05,
        key="opacity",
        persist_state="session",
        disabled=style == "Lines over sky",
        width=150,
    )
    return Overlay(opacity, OVERLAYS[style])
