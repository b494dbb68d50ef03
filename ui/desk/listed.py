"""All cutouts of the desk as a table and as a gallery; what is chosen there is labelled together or put in view."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from vlass_explorer.schema import ExplorerError

from .. import loaders
from ..text import plain
from . import asked, together
from . import deck as decks
from .deck import Deck

PER_PAGE = 48
SHOWN = ("All", "Not labelled by me", "Labelled by me", "Labellers differ", "Unsure")


def table(deck: Deck) -> None:
    """Draw the table, in the order of the desk."""
    asked.offer(deck, "Answers, S/N and surveys of all cutouts are there once the model was asked.")
    frame = _frame(deck)
    wanted = st.pills("Show", SHOWN, default=SHOWN[0], required=True, key="desk_shown", label_visibility="collapsed")
    frame = frame[_matching(frame, wanted or SHOWN[0])]
    place = st.container()
    event = st.dataframe(
        frame.drop(columns="key"),
        hide_index=True,
        key=f"desk_table_{deck.word}_{wanted}",
        on_select="rerun",
        selection_mode="multi-row",
        height=560,
        column_config={
            "Score": st.column_config.NumberColumn(format="%.2f", help="Highest softmax score, not calibrated"),
            "S/N": st.column_config.NumberColumn(format="%.0f", help="Brightest pixel over the rms of the cutout"),
            "RA": st.column_config.NumberColumn(format="%.5f°"),
            "Dec": st.column_config.NumberColumn(format="%.5f°"),
        },
        placeholder="–",
        alt="Cutouts of the desk, their labels and answers",
    )
    rows = event.selection.rows
    with place:
        together.draw(deck, frame["key"].iloc[rows].tolist(), "table", with_answers=True)


def gallery(deck: Deck) -> None:
    """Draw the cutouts a page at a time; those that are ticked are labelled together."""
    pages = max(1, -(-len(deck.pieces) // PER_PAGE))
    number = min(st.session_state.get("desk_page") or 1, pages)
    place, chosen = st.container(), []
    cells = st.grid("auto", min_column_width=120, gap="small")
    for at in range((number - 1) * PER_PAGE, min(number * PER_PAGE, len(deck.pieces))):
        piece = deck.at(at)
        with cells.cell(), st.container(gap="xxsmall"):
            try:
                st.image(loaders.thumbnail(decks.cutout(deck, piece), 112), width=112)
            except ExplorerError as error:
                st.caption(plain(error))
            given = deck.labels.of(piece.key, deck.by)
            word = plain(given.word) if given is not None else f"{at + 1}"
            if st.checkbox(word, key=f"desk_tick_{deck.word}_{piece.key}", help=plain(deck.name(piece))):
                chosen.append(piece.key)
    st.pagination(pages, default=number, key="desk_page")
    with place:
        together.draw(deck, chosen, "gallery", with_answers=False)


def _matching(frame: pd.DataFrame, wanted: str) -> pd.Series:
    if wanted == "Not labelled by me":
        return frame["Mine"].isna()
    if wanted == "Labelled by me":
        return frame["Mine"].notna()
    if wanted == "Labellers differ":
        return (
            frame["All labels"]
            .fillna("")
            .map(lambda text: len({each.split(": ")[-1] for each in text.split(", ")}) > 1)
        )
    if wanted == "Unsure":
        return frame["Mine"] == "unsure"
    return pd.Series(True, index=frame.index)


def _frame(deck: Deck) -> pd.DataFrame:
    """One row a cutout in the order of the desk; what is hidden while labels are given blind is empty."""
    found, rows = asked.known(deck.card, deck.place, deck.desk), []
    for at, index in enumerate(deck.order.tolist()):
        piece = deck.pieces[index]
        mine = deck.labels.of(piece.key, deck.by)
        is_hidden = deck.blind and mine is None
        every = "" if is_hidden else ", ".join(f"{one.by}: {one.word}" for one in deck.labels.all_of(piece.key))
        row = {"key": piece.key, "#": at + 1, "Name": deck.name(piece), "Mine": mine.word if mine else None}
        row |= {"All labels": every or None, "Answer": None, "Score": None, "Validity": None}
        row |= {"S/N": None, "Survey": None, "RA": piece.ra, "Dec": piece.dec}
        if found is not None:
            ra, dec = (None if np.isnan(value) else float(value) for value in found.places[index])
            row |= {"S/N": found.snr[index], "Survey": found.survey[index] or None, "RA": ra, "Dec": dec}
            if not is_hidden:
                label = found.label(index)
                row |= {"Answer": label, "Score": float(found.scores[index].max()) if label else None}
                row["Validity"] = found.validity[index] or None
        rows.append(row)
    frame = pd.DataFrame(rows)
    numbers = ["Score", "S/N", "RA", "Dec"]
    frame[numbers] = frame[numbers].astype(float)
    empty = [name for name in frame.columns if name not in ("key", "#", "Name", "Mine") and frame[name].isna().all()]
    return frame.drop(columns=empty if found is None else [])
