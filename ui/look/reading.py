"""Ask where to cut a file that is too large, and offer what else its reading leaves open."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from vlass_explorer.schema import Cutout, CutoutError, EmptyPlane, NeedsPart

from .. import state


def again(entry: state.Entry, problem: CutoutError) -> None:
    """Draw the ways on from a file that cannot be read so: another part, or without what was chosen for it."""
    how = state.reading(entry)
    if how != state.Reading():
        st.button(
            "Read the file as it is",
            key="read_plainly",
            icon=":material/undo:",
            on_click=state.read_as,
            args=(entry, state.Reading()),
            help="Without the plane, part and orientation that were chosen for it.",
        )
    if isinstance(problem, EmptyPlane):
        plane = _plane(entry, problem.planes)
        if plane != how.plane:
            state.read_as(entry, replace(how, plane=plane))
            st.rerun()
    if isinstance(problem, NeedsPart) or how.is_part:
        _position_form(entry)


def _plane(entry: state.Entry, planes: int) -> int:
    """Draw the input for the plane and return what it says."""
    return int(
        st.number_input(
            "Plane",
            0,
            planes - 1,
            state.reading(entry).plane,
            key=f"plane_{entry.key}",
            help=f"Plane of a cube or page of a TIFF: 0 to {planes - 1}.",
            width=140,
        )
    )


def _position_form(entry: state.Entry) -> None:
    """Draw inputs for a position or a pixel box; the file is read again with them."""
    with st.form("where", width=560):
        st.segmented_control("Cut out", ["Position", "Pixel box"], default="Position", required=True, key="cut_by")
        with st.container(horizontal=True):
            st.number_input("RA (degrees)", 0.0, 360.0, 0.0, format="%.5f", key="cut_ra")
            st.number_input("Dec (degrees)", -90.0, 90.0, 0.0, format="%.5f", key="cut_dec")
            st.number_input("Size (″)", 1.0, 36000.0, 540.0, key="cut_size")
        with st.container(horizontal=True):
            for edge, default in (("y from", 0), ("y to", 540), ("x from", 0), ("x to", 540)):
                st.number_input(edge, 0, 1_000_000, default, key=f"cut_{edge}")
        st.form_submit_button("Cut out", type="primary", key="cut_out", on_click=_cut_out, args=(entry,))


def _cut_out(entry: state.Entry) -> None:
    given = st.session_state
    none = replace(state.reading(entry), position=None, size_arcsec=None, box=None)
    if given["cut_by"] == "Position":
        how = replace(none, position=(given["cut_ra"], given["cut_dec"]), size_arcsec=given["cut_size"])
    else:
        how = replace(none, box=tuple(given[f"cut_{edge}"] for edge in ("y from", "y to", "x from", "x to")))
    state.read_as(entry, how)


def plane(entry: state.Entry, cutout: Cutout) -> None:
    """Draw which plane of a cube is shown, above the picture; nothing for an image."""
    old = state.reading(entry)
    if cutout.planes > 1 and (chosen := _plane(entry, cutout.planes)) != old.plane:
        state.read_as(entry, replace(old, plane=chosen))
        st.rerun()


def choices(entry: state.Entry, cutout: Cutout) -> None:
    """Draw what the file leaves open: whether zeros are data; for a cube see ``plane``, for a picture ``story``."""
    old = state.reading(entry)
    keep_zeros = old.keep_zeros
    if cutout.blanked or old.keep_zeros:
        keep_zeros = st.toggle(
            "Keep zeros",
            old.keep_zeros,
            key=f"keep_zeros_{entry.key}",
            help="An edge where every pixel has one value is taken as no data; keep it where it was measured.",
        )
    chosen = replace(old, keep_zeros=keep_zeros)
    if chosen != old:
        state.read_as(entry, chosen)
        st.rerun()
