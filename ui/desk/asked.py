"""What a checkpoint says of all cutouts on the desk: asked once when somebody wants it, with progress."""

from __future__ import annotations

import streamlit as st

from vlass_explorer import calibration, memory
from vlass_explorer.calibration import Reference
from vlass_explorer.desk import answers
from vlass_explorer.desk.answers import Answers
from vlass_explorer.desk.pieces import Desk
from vlass_explorer.schema import Checkpoint, CheckpointError

from .. import loaders, slow
from ..text import plain
from .deck import Deck


def known(card: Checkpoint | None, place: str, desk: Desk) -> Answers | None:
    """The answers, if they were asked for and are remembered, else those that came with the cutouts."""
    if card is None:
        return None
    found: Answers | None = loaders.MEMORY.known(_key(card, place))
    return found or desk.stored.get(card.sha256)


def offer(deck: Deck, why: str) -> Answers | None:
    """The answers; where they are not there, a button that asks for them, and why one would want them."""
    if deck.card is None:
        st.caption("Choose a checkpoint that tells classes apart on the left: it is asked for scores and features.")
        return None
    found = known(deck.card, deck.place, deck.desk)
    if found is not None:
        _failed(found)
    if found is not None and found is not deck.stored:
        return found
    if found is not None:
        st.caption(
            "These answers are those of the table. Asking anew gives features, too: for the map, and for orders."
        )
    elif deck.desk.asked:
        names = " and ".join(deck.desk.asked)
        st.caption(plain(f"The table holds answers of {names}, not of {deck.card.name} with these weights."))
    wanted = f"{deck.card.sha256} {deck.place}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(why))
        turned = st.checkbox(
            "Eight orientations", key="desk_turned", help="How far they disagree counts for the order; takes longer."
        )
        st.button(
            f"Ask {deck.card.name} about all {len(deck.pieces):,}",
            key="desk_ask",
            icon=":material/psychology:",
            on_click=_want,
            args=(wanted,),
        )
    place = st.empty()
    if st.session_state.get("desk_asked") != wanted:
        return found
    card, key = deck.card, f"desk_{wanted}"

    def work() -> Answers:
        made = answers.ask(loaders.model(card), card, deck.pieces, _reference(card), turned=turned)
        # kept under a key that the page asks for before it draws anything
        kept: Answers = loaders.MEMORY.get_or_compute(_key(card, deck.place), lambda: made)
        return kept

    if slow.run(place, key, f"{card.name} looks at {len(deck.pieces):,} cutouts", work) is not None:
        st.rerun()  # orders, list and map know them from the start
    return None


def _want(wanted: str) -> None:
    st.session_state["desk_asked"] = wanted
    st.session_state.get("stopped", set()).discard(f"desk_{wanted}")


def _key(card: Checkpoint, place: str) -> tuple[str, ...]:
    return ("desk answers", memory.of_card(card), place)


def _failed(found: Answers) -> None:
    if found.failed:
        first = next(iter(found.failed.values()))
        st.caption(plain(f"{len(found.failed):,} have no answer, the first because: {first}"))


def _reference(card: Checkpoint) -> Reference | None:
    try:
        return calibration.read_reference(card)
    except CheckpointError:
        return None  # Checkpoints and Explore say what is wrong with it
