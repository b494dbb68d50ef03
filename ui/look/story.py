"""Ask how a picture was made, which its file does not say: stretch, clip, pixels, beam, survey and orientation."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from vlass_explorer import pictures
from vlass_explorer.cutouts import declared
from vlass_explorer.cutouts.origin import NOMINAL_GHZ
from vlass_explorer.schema import Checkpoint, Cutout

from .. import state
from ..text import plain

STRETCHES = {"Linear": "linear", "Square root": "sqrt", "asinh": "asinh", "Logarithmic": "log"}
"""Names on the page and in a declaration; the last two have a strength."""
STRENGTHS = {"asinh": ("Strength A", 10.0, 1e-3), "log": ("Range R", 100.0, 1.01)}
"""Label, usual value and smallest one of the strength of a stretch."""


def draw(entry: state.Entry, cutout: Cutout, card: Checkpoint | None) -> None:
    """Draw the declaration of a picture or array; nothing for FITS. The file is read again where it changes."""
    if cutout.kind == "fits" or entry.source is not None:
        return
    old = state.reading(entry)
    what = "picture" if cutout.kind == "image" else "array"
    with st.expander(f"How this {what} was made", icon=":material/history_edu:"):
        if cutout.stretch is None:
            st.caption(plain(_as_it_is(what, card)))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            stretch = _stretch(entry, old)
            clip = _clip(entry, old) if stretch else None
        with st.container(horizontal=True, vertical_alignment="bottom"):
            scale = _number("Pixel (″)", f"pixel_{entry.key}", old.pixel_scale, _PIXEL_HELP)
            beam = _beam(entry, old)
            survey = st.selectbox(
                "Survey",
                list(NOMINAL_GHZ),
                index=list(NOMINAL_GHZ).index(old.survey) if old.survey in NOMINAL_GHZ else None,
                placeholder="unknown",
                key=f"survey_{entry.key}",
                width=150,
            )
            row0 = st.segmented_control(
                "First row of the file",
                ["Top", "Bottom"],
                default="Bottom" if old.row0 == "south" else "Top",
                required=True,
                key=f"row0_{entry.key}",
                help="Pictures have their first row on top. Some data sets store them as FITS does, bottom row first.",
            )
    chosen = replace(
        old,
        row0="south" if row0 == "Bottom" else None,
        pixel_scale=scale,
        beam=beam,
        stretch=stretch,
        clip=clip,
        survey=survey,
    )
    if chosen != old:
        state.read_as(entry, chosen)
        st.rerun()


_PIXEL_HELP = "Arcsec a pixel: the field of view and sizes are then those on the sky."


def _as_it_is(what: str, card: Checkpoint | None) -> str:
    """What it costs to leave the story of a picture untold, with what was measured where it was."""
    said = (
        f"Shown to the model as it is. What it says of a {what} depends on stretch and beam: declared, the stretch is "
        "undone, and the answer at the beam of the training data becomes possible."
    )
    known = None if card is None else pictures.measured(card)
    if card is None or known is None:
        return said
    return (
        f"{said} Of {pictures.COUNT} VLASS pictures of FR I and FR II galaxies, {card.name} tells "
        f"{known.as_they_are:.2f} as they are and {known.matched:.2f} declared and matched (balanced accuracy of the "
        "better of the two classes)."
    )


def _stretch(entry: state.Entry, old: state.Reading) -> str | None:
    name, _, strength = (old.stretch or "").partition(":")
    label = next((label for label, value in STRETCHES.items() if value == name), None)
    chosen = st.selectbox(
        "Stretch",
        list(STRETCHES),
        index=None if label is None else list(STRETCHES).index(label),
        placeholder="unknown",
        key=f"stretch_{entry.key}",
        help="How brightness became grey: undone before anything else.",
        width=170,
    )
    if chosen is None:
        return None
    name = STRETCHES[chosen]
    if name not in STRENGTHS:
        return name
    words, usual, least = STRENGTHS[name]
    value = st.number_input(
        words,
        least,
        declared.STRONGEST,
        float(strength) if strength and name == (old.stretch or "").partition(":")[0] else usual,
        format="%g",
        key=f"strength_{name}_{entry.key}",
        help="asinh(A x) / asinh(A)" if name == "asinh" else "log(1 + (R - 1) x) / log(R), as in DS9 and astropy",
        width=130,
    )
    return f"{name}:{value:g}"


def _clip(entry: state.Entry, old: state.Reading) -> tuple[float, float] | None:
    low, high = (
        _number(label, f"{key}_{entry.key}", value, _CLIP_HELP, least=None)
        for label, key, value in zip(
            ("Black (mJy/beam)", "White (mJy/beam)"), ("black", "white"), old.clip or (None, None), strict=True
        )
    )
    if low is None or high is None:
        return None
    if not low < high:
        st.warning("Black is fainter than white: the clip is not used.")
        return None
    return low, high


_CLIP_HELP = "Brightness at both ends of the scale: fluxes are then in mJy. Leave it empty where it is not known."


def _beam(entry: state.Entry, old: state.Reading) -> tuple[float, float, float] | None:
    major, minor = (
        _number(label, f"{label}_{entry.key}", value, None)
        for label, value in zip(("Beam, major (″)", "Beam, minor (″)"), (old.beam or (None, None))[:2], strict=True)
    )
    if major is None or minor is None:
        return None
    return max(major, minor), min(major, minor), old.beam[2] if old.beam else 0.0


def _number(label: str, key: str, value: float | None, text: str | None, *, least: float | None = 1e-6) -> float | None:
    return st.number_input(
        label, least, 36000.0, value, format="%g", placeholder="unknown", key=key, help=text, width=150
    )
