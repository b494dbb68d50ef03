"""Label several cutouts at once: those that were chosen in a list, a gallery or a map."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from vlass_explorer.desk import records
from vlass_explorer.desk.records import Kind
from vlass_explorer.schema import InputError

from .. import boundary
from ..text import plain
from . import asked
from .deck import Deck

MARKS: dict[str, Kind] = {"Unsure": "unsure", "Artefact": "artefact"}


def draw(deck: Deck, keys: Sequence[str], where: str, *, with_answers: bool) -> None:
    """Draw the choice of a class and the button that gives it to all of these; ``where`` tells places apart.

    ``with_answers``: the model's answers are seen there, where they are not hidden.
    """
    if not deck.writable:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        word = st.selectbox("Label", [*deck.classes, *MARKS], key=f"desk_word_{where}", width=180)
        st.button(
            f"Label {len(keys):,} chosen",
            key=f"desk_give_{where}",
            icon=":material/label:",
            disabled=not keys,
            on_click=boundary.reported(_give),
            args=(deck, tuple(keys), word, with_answers),
        )
        if st.session_state.get("desk_gave"):
            st.caption(plain(st.session_state.pop("desk_gave")))


def _give(deck: Deck, keys: Sequence[str], word: str | None, with_answers: bool) -> None:
    if word is None or (word not in deck.classes and word not in MARKS):
        raise InputError("Choose a class of the set.")
    new = [] if deck.labels.refresh().declared else [records.classes(deck.by, deck.classes)]
    found = asked.known(deck.card, deck.place, deck.desk)
    kind = MARKS.get(word, "class") if word not in deck.classes else "class"
    for key in keys:
        at = int(deck.order[deck.index[key]])
        piece, answer = deck.pieces[at], ""
        was_seen = deck.labels.of(key, deck.by) is not None or (with_answers and not deck.blind)
        if deck.card is not None and found is not None and was_seen:
            label = found.label(at)
            score = "" if label is None else f" {float(found.scores[at].max()):.2f} (softmax score)"
            answer = f"{deck.card.name}: {label or 'no label'}{score}"
        place = (piece.ra, piece.dec) if piece.ra is not None and piece.dec is not None else None
        new.append(records.label(deck.by, key, word, kind=kind, shown=answer, name=piece.name, place=place))
    deck.labels.append(*new)
    st.session_state["desk_gave"] = f"{len(keys):,} labelled {word}."
