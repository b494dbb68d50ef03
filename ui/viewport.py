"""How wide the page is, told by the browser: panels get a fitting height and narrow pages another order."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

NARROW = 900
"""Windows up to this width in pixels show everything in one column."""

# Reports the width of the main column in steps of 80 pixels, so that a script run follows only a real change.
_SCRIPT = """
export default function ({ parentElement, setStateValue, data }) {
  const bar = parentElement.querySelector("div")
  let waiting = 0
  const tell = () => {
    const width = Math.round(bar.getBoundingClientRect().width / 80) * 80
    const seen = `${width} ${window.innerWidth <= data.narrow ? "narrow" : "wide"}`
    if (width > 0 && seen !== data.known) setStateValue("seen", seen)
  }
  const observer = new ResizeObserver(() => {
    clearTimeout(waiting)
    waiting = setTimeout(tell, 250)
  })
  observer.observe(bar)
  return () => {
    clearTimeout(waiting)
    observer.disconnect()
  }
}
"""
_probe = st.components.v2.component("vlass_explorer_viewport", html="<div></div>", js=_SCRIPT)


@dataclass(frozen=True)
class Viewport:
    """Width of the main column in pixels, and whether the window is narrow."""

    width: int = 960
    narrow: bool = False


def current() -> Viewport:
    """What the browser last told in this browser session; a usual desktop window before it did."""
    return st.session_state.get("viewport", Viewport())


def probe() -> None:
    """Let the browser tell its width; draws nothing, so call it last."""
    now = current()
    known = f"{now.width} {'narrow' if now.narrow else 'wide'}"
    _probe(key="viewport_probe", data={"known": known, "narrow": NARROW}, on_seen_change=_hear)


def _hear() -> None:
    told = st.session_state["viewport_probe"].get("seen")
    if told:
        width, kind = told.split()
        st.session_state["viewport"] = Viewport(min(max(int(width), 240), 4000), kind == "narrow")
