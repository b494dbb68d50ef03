"""What the keyboard does on Explore: the source alone and back, sky and map in turn; and the list of all keys."""

from __future__ import annotations

import streamlit as st

from vlass_explorer.figures import zoom as closer
from vlass_explorer.schema import Cutout, Window

from .. import loaders

ZOOMED = "zoomed"
"""Session key: the cutout (its hash) that is shown around its source."""
LARGEST = 1000
"""Pixels along a side from which an image is no cutout of one source."""
KEYS = {
    "J, K": "next and previous cutout of the list",
    "Z": "zoom to the source, and back",
    "B": "blink the map: sky, both, map",
    "M": "sky, model input and map in turn, in one place",
    "N, P": "next and previous source of a large image",
    "C, R": "Streamlit's own: clear its caches, run the page again",
}
# Presses the next of the figure's own buttons, without the server. Keys that are typed into a field stay there.
_SCRIPT = """
export default function ({ data }) {
  const press = event => {
    const at = event.composedPath()[0]
    if (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName)) return
    if (event.key.toLowerCase() !== "b" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return
    const plot = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`)
    const menu = plot?._fullLayout?.updatemenus?.[0], buttons = plot?.querySelectorAll(".updatemenu-button")
    if (menu && buttons.length) buttons[(menu.active + 1) % buttons.length].dispatchEvent(new MouseEvent("click"))
  }
  document.addEventListener("keydown", press)
  return () => document.removeEventListener("keydown", press)
}
"""
_blink = st.components.v2.component("vlass_explorer_blink", html="<div></div>", js=_SCRIPT)


def zoom(cutout: Cutout) -> Window | None:
    """Draw the button that shows the source alone, and back; return the part to show, None for the usual view."""
    part = _around(cutout) if max(cutout.shape) < LARGEST else None  # a large image is gone through by its sources
    is_zoomed = part is not None and st.session_state.get(ZOOMED) == cutout.sha256
    st.button(
        "Zoom out" if is_zoomed else "Zoom to source",
        icon=":material/zoom_out:" if is_zoomed else ":material/zoom_in:",
        key="zoom_source",
        type="tertiary",
        shortcut="z",
        disabled=part is None,
        help=None
        if part is not None
        else "Off: no source stands out here, it fills the cutout, or this is a large image of many.",
        on_click=st.session_state.update,
        args=({ZOOMED: None if is_zoomed else cutout.sha256},),
    )
    return part if is_zoomed else None


def draw(chart: str) -> None:
    """Draw the list of keys, and let B blink the chart of this key."""
    with st.popover("Keys", icon=":material/keyboard:", type="tertiary"):
        st.markdown("\n".join(f"- **{key}**: {what}" for key, what in KEYS.items()))
        st.caption("Nothing happens while you type into a field.")
    _blink(key="blink_keys", data={"chart": chart})


@loaders.MEMORY.cached
def _around(cutout: Cutout) -> Window | None:
    return closer.around_source(cutout)
