"""Deep links: what the address of a page names is chosen once, and the address follows the choice."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from .. import boundary


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
            boundary.broken_link(f"There is no {what} {name} here: {instead} shown instead.")
    if found:
        st.session_state[key] = found if many else found[0]


def keep(parameter: str, names: Sequence[str]) -> None:
    """Let the address name these under ``parameter``, or nothing."""
    if not names:
        st.query_params.pop(parameter, None)
    elif st.query_params.get_all(parameter) != list(names):
        st.query_params[parameter] = list(names)
