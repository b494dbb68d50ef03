"""Where a page begins and where its errors end: through app.py, in a window of known width, inside a guard.

``guarded`` stands around every page (app.py) and every fragment, which Streamlit runs alone; ``reported`` around
callbacks, which it runs before the page. Bad input and a file system that refuses are one sentence, a bug is in the
log; the app goes on. Streamlit's own requests (stop, rerun, another page) are no errors and pass.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunException

from vlass_explorer.foreign import sentence
from vlass_explorer.schema import ExplorerError

from .text import plain

SAID = "boundary_said"
"""Session key: sentences of callbacks, to be drawn with the page that follows them."""
BROKEN = "links_broken"
"""Session key: sentences on what a link names and is not here, and the choices of the page that said them first."""
LINKED = ("cutout", "checkpoint", "runs_chosen")
"""Session keys of the choices of a page that a link can name."""
HEAVY = "ui.loaders"
"""What brings torch, timm and captum with it."""
NARROW = 900
"""Windows up to this width in pixels show everything in one column, and the sidebar closed."""
SIDEBAR = 360
"""Width of the sidebar in pixels, on every page."""
PATIENCE = 3.0
"""Seconds that a page waits for the browser to tell the width of its window."""

_probe = st.components.v2.component(
    "vlass_explorer_viewport", html="<div></div>", js=Path(__file__).with_suffix(".js").read_text()
)
_LOG = logging.getLogger(__name__)
# Before torch is loaded: its idle threads sleep, and do not spin. Where a browser, another session or a training run
# wants the same cores, a pass of a small model took twenty times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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


def is_measured() -> bool:
    """Is the window known? Until then nothing is drawn that would stand elsewhere in a window of another width.

    True as well where no browser asks for the page, or one that does not tell for some seconds.
    """
    return "viewport" in st.session_state or not st.context.headers.get("User-Agent")


def remember(cookie: str, word: str | None, days: float) -> None:
    """Let the browser keep a word for so long; ``probe`` hands it over."""
    st.session_state["remembered"] = {"cookie": cookie, "word": word, "seconds": round(86400 * days)}


def heard() -> str | None:
    """The word that the browser keeps already, where that is another one than it was told to keep."""
    return st.session_state.get("heard")


def probe() -> None:
    """Let the browser tell its width, and hand it the word to keep; draws nothing.

    A browser that comes back to a server that was started anew has told it already, with what is chosen on its page.
    The page is drawn in that very run: had one ended without it, the browser would have dropped these choices, while
    Streamlit (1.67, ``SessionState.register_widget``) believes that it still has them and does not say them again.
    """
    now = viewport()
    known = f"{now.width} {'narrow' if now.narrow else 'wide'}" if is_measured() else ""
    told = _probe(
        key="viewport_probe",
        data={"known": known, "narrow": NARROW, "sidebar": SIDEBAR, **st.session_state.get("remembered", {})},
        on_seen_change=_hear,
        on_kept_change=_hear,
        on_back_change=_hear,
    )
    if not is_measured() and told.get("seen"):
        _hear()
        st.rerun()  # the sidebar, too, is as it was


def _hear() -> None:
    told = st.session_state["viewport_probe"]
    if told.get("seen"):
        width, kind = told["seen"].split()
        st.session_state["viewport"] = Viewport(min(max(int(width), 240), 4000), kind == "narrow")
    if told.get("kept"):
        st.session_state["heard"] = told["kept"]


def wait_for_window() -> None:
    """Stop here until the width of the window is known; a browser that does not tell gets the usual page."""
    if is_measured():
        return

    @st.fragment(run_every=PATIENCE)
    def assume() -> None:
        if st.session_state.get("window_asked") and not is_measured():
            st.session_state["viewport"] = Viewport()
            st.rerun()
        st.session_state["window_asked"] = True

    assume()
    st.stop()


@cache
def loading() -> Thread:
    """The thread that imports what is heavy, started with the first call."""
    thread = Thread(target=_load, name="loading", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    importlib.import_module(HEAVY)
    # What was imported stays: Streamlit collects garbage after each run, and need not look through all of it again.
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)


def opening() -> None:
    """Say at once what the first visit after a start waits for, and wait for it; quick on every later one.

    The import runs beside the script, so that the page is drawn meanwhile and a click is heard; whoever comes second
    waits for the same one. An import that failed fails again, and loudly, where the page needs it.
    """
    place = st.empty()  # always, so that nothing on the page moves to another place with the second run
    work, began = loading(), time.monotonic()
    if not work.is_alive():
        return
    while work.is_alive():
        seconds = time.monotonic() - began
        waited = f": {seconds:.0f} s" if seconds >= 1 else ""
        # one element: where a run is cut short, a child of a container may reach the browser before the one above it
        place.markdown(
            "# VLASS Explorer\n\nWhat trained vision models say of a radio cutout, and where they looked.\n\n"
            f":material/progress_activity: Loading PyTorch and the models, once after a start{waited} …"
        )
        work.join(1.0)
    place.empty()


def broken_link(sentence: str) -> None:
    """Say that a link names what is not here, and what is shown instead; ``broken_links`` draws it."""
    said, at = st.session_state.setdefault(BROKEN, ([], None))
    if sentence not in said:
        st.session_state[BROKEN] = ([*said, sentence], at)


def broken_links(place: DeltaGenerator, page: str) -> None:
    """Draw what links name in vain as one alert, until the user goes to another page or chooses something else."""
    said, at = st.session_state.get(BROKEN, ([], None))
    if not said:
        return
    now = [page, *(st.session_state.get(key) for key in LINKED)]
    if at is not None and any(was is not None and was != new for was, new in zip(at, now, strict=True)):
        del st.session_state[BROKEN]
        return
    st.session_state[BROKEN] = (said, now)
    place.warning("  \n".join(plain(sentence) for sentence in said), icon=":material/link_off:")


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
    """A callback whose errors are drawn as one sentence by the page that follows it, and that is done to its end.

    Streamlit (1.67, ``SessionState._call_callbacks``) takes a callback for done that another event of the browser cut
    off at an access to the session state: it is called again, so it must lead to the same from half-way. With
    ``runner.fastReruns`` on it would be ended for good (config.toml).
    """

    @functools.wraps(callback)
    def call(*args: Any, **options: Any) -> None:
        cut: RerunException | None = None
        while True:
            try:
                callback(*args, **options)
            except RerunException as event:
                cut = event
                continue
            except Exception as error:
                st.session_state.setdefault(SAID, []).append(_said(error))
            break
        if cut is not None:
            raise cut  # now the other event

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
