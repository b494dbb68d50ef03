"""What the checkpoint says of each image of a source, as it is and matched, and whether these answers agree."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from vlass_explorer.checkpoints import tasks
from vlass_explorer.epochs import agreement
from vlass_explorer.epochs.groups import Shown
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, Prediction

from .. import loaders
from ..text import plain
from .gather import Gathered

COLUMNS = {
    "image": st.column_config.TextColumn("Image", width=110),
    "date": st.column_config.TextColumn("Date", width=90),
    "beam": st.column_config.TextColumn("Beam", width=90),
    "native": st.column_config.TextColumn("As it is", width=110),
    "native score": st.column_config.NumberColumn("Score", format="%.2f", width=60, help="Softmax score of the label"),
    "validity": st.column_config.TextColumn("Validity", width=80),
    "matched": st.column_config.TextColumn("Matched", width=110, help="At the beam and pixels of the training data"),
    "matched score": st.column_config.NumberColumn("Score ", format="%.2f", width=60),
}


def draw(gathered: Gathered, card: Checkpoint | None) -> None:
    """Draw a table with a row an image, and one sentence each on the agreement of native and matched answers."""
    if card is None:
        st.info("Choose a checkpoint on the left: it says what it makes of each image.")
        return
    try:
        tasks.require(card, "classification")
    except ExplorerError as error:
        st.info(plain(error))
        return
    rows, answers, reasons = [], [], []
    for one in gathered.shown:
        native, _ = _asked(card, one.cutout)
        matched, why = _matched(card, one)
        row = _row(one, native, matched, why)
        reasons += [f"{one.name} is not matched: {row['why']}"] if row["why"] else []
        rows.append(row)
        answers.append(agreement.said(one.name, native, matched))
    lines = agreement.sentences(answers)
    st.markdown(
        "  \n".join(plain(line) for line in lines) if lines else "Fewer than two answers count: none to compare."
    )
    st.dataframe(
        pd.DataFrame(rows, columns=list(COLUMNS)),
        column_config=COLUMNS,
        hide_index=True,
        key="source_answers",
        placeholder="",
        alt="What the checkpoint says of each image",
    )
    for reason in reasons:
        st.caption(plain(reason))


def _asked(card: Checkpoint, cutout: Cutout) -> tuple[Prediction | None, str]:
    try:
        return loaders.prediction(card, cutout), ""
    except ExplorerError as error:
        return None, str(error)


def _matched(card: Checkpoint, one: Shown) -> tuple[Prediction | None, str]:
    try:
        other = loaders.matched(card, one.cutout)
    except ExplorerError as error:
        return None, str(error)
    return _asked(card, other)


def _row(one: Shown, native: Prediction | None, matched: Prediction | None, why: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image": one.name,
        "date": one.cutout.origin.date or "",
        "beam": str(one.cutout.beam or ""),
        "validity": "refused" if native is None else native.validity.level,
        "native": "",
        "matched": "",
        "why": why,
    }
    for key, answer in (("native", native), ("matched", matched)):
        if answer is not None and answer.validity.level != "outside":
            row[key], row[f"{key} score"] = answer.label, float(answer.probabilities.max())
    if matched is not None and matched.validity.level == "outside":
        row["why"] = " ".join(matched.validity.reasons)
    return row
