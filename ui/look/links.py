"""Deep links: what the address of a page names is chosen once, and the address follows the choice."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ..text import plain

BROKEN = "links_broken"
"""Session key: sentences on what a link names and is not here, and the choices of the page that said them first."""
CHOICES = ("cutout", "checkpoint", "runs_chosen")


def follow(key: str, parameter: str, known: Sequence[str], what: str, *, many: bool = False) -> None:
    """Once a session, put what the address names under ``parameter`` into the widget ``key``; call it before that.

    ``known`` are the possible names; another one is said, not obeyed. ``what`` is the word for one of them.
    """
    followed: set[str] = st.session_state.setdefault("links", set())
    if key in followed:
        return
    followed.add(key)
    named = list(dict.fromkeys(st.query_params.get_all(parameter)))
    found = [name for name in named if name in known]
    instead = "the others that it names are" if found and many else "the usual choice is"
    for name in named:
        if name not in known:
            broken(f"There is no {what} {name} here: {instead} shown instead.")
    if found:
        st.session_state[key] = found if many else found[0]


def keep(parameter: str, names: Sequence[str]) -> None:
    """Let the address name these under ``parameter``, or nothing."""
    if not names:
        st.query_params.pop(parameter, None)
    elif st.query_params.get_all(parameter) != list(names):
        st.query_params[parameter] = list(names)


def broken(sentence: str) -> None:
    """Say that a link names what is not here, and what is shown instead; ``told`` draws it."""
    said, at = st.session_state.setdefault(BROKEN, ([], None))
    if sentence not in said:
        st.session_state[BROKEN] = ([*said, sentence], at)


def told(place: DeltaGenerator, page: str) -> None:
    """Draw what links name in vain as one alert, until the user goes to another page or chooses something else."""
    said, at = st.session_state.get(BROKEN, ([], None))
    if not said:
        return
    now = [page, *(st.session_state.get(key) for key in CHOICES)]
    if at is not None and any(was is not None and was != new for was, new in zip(at, now, strict=True)):
        del st.session_state[BROKEN]
        return
    st.session_state[BROKEN] = (said, now)
    place.warning("  \n".join(plain(sentence) for sentence in said), icon=":material/link_off:")
