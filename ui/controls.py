"""Controls that several rooms draw: how the sky is shown, what lies over it, and the options of an explainer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from vlass_explorer.figures import colours
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.sky import Contours, Overlay
from vlass_explorer.options import Option
from vlass_explorer.schema import Cutout, Explanation

INKS = {"Automatic": "", "White": "#ffffff", "Black": "#101317", "Green": "#4de1c1", "Red": "#ff6b6b"}
MOST_LEVELS = 30
FIELD, WHOLE = "Field of view", "Whole cutout"
OVERLAYS: dict[str, Contours] = {
    "Colours over sky": "none",
    "Lines over sky": "explanation over sky",
    "Sky lines over colours": "sky over explanation",
}


def sky_view(cutout: Cutout, *, is_drawn: bool = True) -> tuple[SkyView, bool]:
    """Draw the display controls; return the view and whether the whole cutout is shown first.

    Without ``is_drawn`` nothing is drawn: the view is what was chosen last.
    """
    if is_drawn:
        _draw_sky_view(cutout)
    chosen = st.session_state.get
    has_noise = colours.sky_rms(cutout) is not None
    contours = bool(chosen("contours", False)) and has_noise
    levels, ink = (_levels(chosen("levels", "")) or (), INKS[chosen("ink", "Automatic")]) if contours else ((), "")
    own = _own(cutout)
    low, high = (chosen(f"{end}_{own}") for end in ("low", "high"))
    limits = (low, high) if chosen(f"by_hand_{own}") and low is not None and high is not None else None
    view = SkyView(
        chosen("stretch", "asinh"),
        chosen("percentile", 99.9),
        limits,
        chosen("colour_map", colours.SKY_MAP),
        contours,
        levels,
        ink,
    )
    return view, chosen("extent", FIELD) == WHOLE


def _own(cutout: Cutout) -> str:
    return cutout.file_sha256[:12]  # limits belong to a file: those of another one would show nothing


def _draw_sky_view(cutout: Cutout) -> None:
    factor, unit = colours.display_unit(cutout.unit)
    st.segmented_control("Show", [FIELD, WHOLE], default=FIELD, required=True, key="extent", persist_state="session")
    st.segmented_control(
        "Stretch",
        colours.STRETCHES,
        default="asinh",
        required=True,
        key="stretch",
        persist_state="session",
        help="asinh is linear up to about 3 rms and logarithmic above. The model has a stretch of its own.",
    )
    st.selectbox("Colour map", colours.SKY_MAPS, key="colour_map", persist_state="session")
    has_noise = colours.sky_rms(cutout) is not None
    contours = st.toggle(
        "Contours at −3, 3, 6, 12, 24 … rms",
        key="contours",
        disabled=not has_noise,
        persist_state="session",
        help=None if has_noise else "Off: this file has no rms in units of brightness.",
    )
    if contours and has_noise:
        _contours()
    percentile = st.select_slider(
        "Upper limit, percentile of the pixels",
        colours.PERCENTILES,
        value=99.9,
        key="percentile",
        persist_state="session",
    )
    own = _own(cutout)
    if st.toggle("Limits by hand", key=f"by_hand_{own}", persist_state="session"):
        known = colours.limits(cutout, SkyView(percentile=percentile))
        ends = []
        with st.container(horizontal=True):
            for end, value in zip(("low", "high"), known, strict=True):
                label = f"{'Lower' if end == 'low' else 'Upper'} ({unit})"
                start = float(f"{factor * value:.3g}")
                ends.append(
                    st.number_input(label, value=start, format="%.4g", key=f"{end}_{own}", persist_state="session")
                )
        if ends[0] >= ends[1]:
            st.warning("The lower limit must lie below the upper one; the percentile is used.")


def _contours() -> None:
    """Draw levels and colour of the contours."""
    with st.container(horizontal=True):
        text = st.text_input(
            "Levels, times rms", key="levels", placeholder="-3 3 6 12 24 …", persist_state="session", width=190
        )
        st.selectbox("Colour of contours", list(INKS), key="ink", persist_state="session", width=140)
    if _levels(text) is None:
        st.warning("Levels are numbers other than 0, such as -3 3 5 10 20.")


def _levels(text: str) -> tuple[float, ...] | None:
    """Levels as typed; None where they cannot be read."""
    try:
        levels = sorted({float(word) for word in text.replace(",", " ").split()[:MOST_LEVELS]})
    except ValueError:
        return None
    return None if not all(map(math.isfinite, levels)) or 0.0 in levels else tuple(levels)


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


def options(known: Mapping[str, Option], prefix: str) -> dict[str, Any]:
    """Draw one widget for each option of an explainer, a slider for a share, and return the values by name.

    ``prefix`` keeps the keys of one method's widgets apart from another's.
    """
    return {name: option(each, each.default, f"{prefix}_{name}", sliders=True) for name, each in known.items()}


def option(option: Option, value: Any, key: str, label: str = "", *, sliders: bool = False) -> Any:
    """Draw the widget that fits what an option may be, starting at ``value``; return what was chosen."""
    label = label or option.name.replace("_", " ").capitalize()
    common: dict[str, Any] = {"key": key, "help": option.help}
    if option.choices:
        return st.selectbox(label, option.choices, index=option.choices.index(value), **common)
    if option.kind is bool:
        return st.checkbox(label, value, **common)
    if option.kind is str:
        return st.text_input(label, value, max_chars=400, **common)
    if option.kind is int:
        return st.number_input(label, value=value, min_value=option.least, step=1, placeholder="default", **common)
    if sliders and option.least == 0.0 and option.most is not None:
        return st.slider(label, 0.0, option.most, value, 0.05, **common)
    step = value / 10 or 0.01  # a tenth of the default: rates differ by orders of magnitude
    return st.number_input(label, value=float(value), min_value=option.least, step=step, format="%g", **common)
