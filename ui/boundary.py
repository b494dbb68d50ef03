"""Where errors end: bad input and a file system that refuses are one sentence, a bug is in the log; the app goes on.

``guarded`` stands around every page (app.py) and every fragment, which Streamlit runs alone; ``told`` around callbacks,
which it runs before the page. Streamlit's own requests (stop, rerun, another page) are no errors and pass.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from vlass_explorer.foreign import sentence
from vlass_explorer.schema import ExplorerError

from .text import plain

SAID = "boundary_said"
"""Session key: sentences of callbacks, to be drawn with the page that follows them."""
_LOG = logging.getLogger(__name__)


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


def told(callback: Callable[..., None]) -> Callable[..., None]:
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
