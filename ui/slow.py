"""Long work on a page: a bar and a Stop button appear once it takes a moment.

A click interrupts a Streamlit script at the next element it draws. The bar is drawn from inside the work, so that a
click on Stop (or any other change) ends the work there. Not for fragments: their clicks wait for the script.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import progress

from . import loaders

Answer = TypeVar("Answer")
PATIENCE = 0.4
"""Seconds before the bar appears; quick work shows nothing."""


def run(place: DeltaGenerator, key: str, label: str, work: Callable[[], Answer]) -> Answer | None:
    """Do the work with its progress in ``place`` (an ``st.empty``), which is empty again afterwards.

    None where the user stopped it: ``place`` then offers to run it after all. ``key`` names this very work.
    """
    stopped: set[str] = st.session_state.setdefault("stopped", set())
    if key in stopped:
        with place.container(gap="xsmall"):
            st.caption(f"{label}: stopped before it was done.")
            st.button("Run", key=f"run_{key}", icon=":material/play_arrow:", on_click=stopped.discard, args=(key,))
        return None
    place.caption(f"{label} …")
    began, bar = time.monotonic(), None

    def show(share: float) -> None:
        nonlocal bar
        if bar is None:
            if time.monotonic() - began < PATIENCE:
                return
            with place.container(gap="xsmall"):
                bar = st.progress(0.0, label)
                st.button("Stop", key=f"stop_{key}", icon=":material/stop:", on_click=stopped.add, args=(key,))
        bar.progress(share, f"{label}, {share:.0%}")

    with progress.watch(show):
        answer = work()
    place.empty()
    return answer


def kept(place: DeltaGenerator, word: tuple[str, ...], label: str, work: Callable[[], Answer]) -> Answer | None:
    """As ``run``, once for all browser sessions: the answer is remembered under ``word``, which names this work."""
    known: Answer | None = loaders.MEMORY.known(word)
    if known is not None:
        return known
    return run(place, " ".join(word), label, lambda: loaders.MEMORY.get_or_compute(word, work))
