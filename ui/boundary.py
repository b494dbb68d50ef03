"""Where a page begins and where its errors end: through app.py, in a window of known width, inside a guard.

``guarded`` stands around every page (app.py) and every fragment, which Streamlit runs alone; ``reported`` around
callbacks, which it runs before the page. Bad input and a file system that refuses are one sentence, a bug is in the
log; the app goes on. Streamlit's own requests (stop, rerun, another page) are no errors and pass.
"""

from __future__ import annotations

import functools
import importlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Thread
from typing import Any

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from vlass_explorer.foreign import sentence
from vlass_explorer.schema import ExplorerError

from .text import plain

SAID = "boundary_said"
"""Session key: sentences of callbacks, to be drawn with the page that follows them."""
HEAVY = "ui.loaders"
"""What brings torch, timm and captum with it."""
NARROW = 900
"""Windows up to this width in pixels show everything in one column."""

# Reports the width of the main column in steps of 80 pixels, so that a script run follows only a real change.
_SCRIPT = """
export default function ({ parentElement, setStateValue, data }) {
  if (data.word && !document.cookie.includes(data.word)) {
    const secure = location.protocol === "https:" ? "; Secure" : ""
    document.cookie = `${data.cookie}=${data.word}; path=/; SameSite=Strict; max-age=${data.seconds}${secure}`
  }
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
_LOG = logging.getLogger(__name__)


def through_app() -> None:
    """Start again through app.py where this page was run on its own; call it first on a page.

    Streamlit still knows an older kind of app, in which each file in pages/ runs on its own. It assumes that kind until
    ``st.navigation`` is called for the first time, so a deep link to a restarted server would miss app.py.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


@dataclass(frozen=True)
class Viewport:
    """Width of the main column in pixels, and whether the window is narrow."""

    width: int = 960
    narrow: bool = False


def viewport() -> Viewport:
    """What the browser last told in this browser session; a usual desktop window before it did."""
    return st.session_state.get("viewport", Viewport())


def remember(cookie: str, word: str | None, days: float) -> None:
    """Let the browser keep a word for so long; ``probe`` hands it over."""
    st.session_state["remembered"] = {"cookie": cookie, "word": word, "seconds": round(86400 * days)}


def probe() -> None:
    """Let the browser tell its width; draws nothing, so call it last."""
    now = viewport()
    known = f"{now.width} {'narrow' if now.narrow else 'wide'}"
    _probe(
        key="viewport_probe",
        data={"known": known, "narrow": NARROW, **st.session_state.get("remembered", {})},
        on_seen_change=_hear,
    )


def _hear() -> None:
    heard = st.session_state["viewport_probe"].get("seen")
    if heard:
        width, kind = heard.split()
        st.session_state["viewport"] = Viewport(min(max(int(width), 240), 4000), kind == "narrow")


@cache
def loading() -> Thread:
    """The thread that imports what is heavy, started with the first call."""
    thread = Thread(target=importlib.import_module, args=(HEAVY,), name="loading", daemon=True)
    thread.start()
    return thread


def opening() -> None:
    """Say at once what the first visit after a start waits for, and wait for it; quick on every later one.

    The import runs beside the script, so that the page is drawn meanwhile and a click is heard; whoever comes second
    waits for the same one. An import that failed fails again, and loudly, where the page needs it.
    """
    place = st.empty()  # always, so that nothing on the page moves to another place with the second run
    work, began = loading(), time.monotonic()
    if not work.is_alive():
        return
    with place.container():
        st.title("VLASS Explorer", anchor=False)
        st.caption("What trained vision models say of a radio cutout, and where they looked.")
        line = st.empty()
        while work.is_alive():
            seconds = time.monotonic() - began
            waited = f": {seconds:.0f} s" if seconds >= 1 else ""
            line.caption(f":material/progress_activity: Loading PyTorch and the models, once after a start{waited} …")
            work.join(1.0)
    place.empty()


@contextmanager
def guarded() -> Iterator[None]:
    """Draw what went wrong inside as one sentence, with a way out; also a decorator, under ``st.fragment``."""
    for said in st.session_state.pop(SAID, []):
        st.error(plain(said))
    try:
        yield
    except Exception as error:
        st.error(plain(_said(error)))
        _way_out(is_bug=not isinstance(error, ExplorerError))


def reported(callback: Callable[..., None]) -> Callable[..., None]:
    """A callback whose errors are drawn as one sentence by the page that follows it."""

    @functools.wraps(callback)
    def call(*args: Any, **options: Any) -> None:
        try:
            callback(*args, **options)
        except Exception as error:
            st.session_state.setdefault(SAID, []).append(_said(error))

    return call


def _said(error: Exception) -> str:
    """One sentence; whatever is not bad input goes to the log with its traceback."""
    if isinstance(error, ExplorerError):
        return str(error)
    if isinstance(error, OSError):
        _LOG.warning("The file system refused.", exc_info=error)
        return sentence(error)
    _LOG.error("A page met a bug.", exc_info=error)
    return f"The program itself failed here ({type(error).__name__}); the log of the server says where."


def _way_out(*, is_bug: bool) -> None:
    """What stays and what can be left behind, so that a broken choice is not met again at every click.

    A link that loads the app anew: widgets live in the browser, and would bring their values back into a cleared state.
    """
    if is_bug:
        count = len(st.session_state.get("uploads", {}))
        dropped = f"the {count} uploaded files and " if count > 1 else "the uploaded file and " if count else ""
        st.caption(
            "Another file, checkpoint or page may work. Starting again leaves "
            f"{dropped}all choices of this browser session behind; runs, checkpoints and data sets stay."
        )
    st.html('<a href="./" style="color: inherit">Forget and start again</a>')
