"""The list of all files: thumbnail, label, score and validity of each; a click on a row puts it in view."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import validity
from vlass_explorer.schema import Checkpoint, CutoutError, ExplorerError

from .. import loaders, state
from ..text import plain

VERDICTS = {"ok": "valid", "caution": "caution", "outside": "outside"}
PROBLEMS = "files_problems"
"""Session key: sentences on the files that could not be read in the last run of the page, by key."""
MOST = 15
"""Characters that fit the column of names."""
COLUMNS = {
    "picture": st.column_config.ImageColumn("", width=42),
    "name": st.column_config.TextColumn("File", width=104),
    "label": st.column_config.TextColumn("Label", width=60),
    "score": st.column_config.NumberColumn("Score", format="%.2f", width=42, help="Softmax score of the label"),
    "validity": st.column_config.TextColumn("Validity", width=58),
}


def draw(card: Checkpoint | None) -> dict[str, str]:
    """Draw the list and return, by key, one sentence for each file that cannot be read, naming it (plain text).

    All files are read and classified here, with progress where that takes long; each only once.
    """
    files = list(state.entries().values())
    st.space("small")  # for the tools of the table, which show above it
    progress = st.empty()
    rows, problems = [], {}
    for count, entry in enumerate(files, start=1):
        row, problem = _row(entry, state.reading(entry), card)
        rows.append({"name": short(entry.label), **row})
        if problem:
            problems[entry.key] = f"{entry.label}: {problem}"
        if count % 10 == 0 and len(files) > 20:
            progress.progress(count / len(files), f"{count} of {len(files)} files")
    progress.empty()
    _mark([entry.key for entry in files])
    st.dataframe(
        pd.DataFrame(rows, columns=list(COLUMNS)),
        column_config=COLUMNS,
        hide_index=True,
        row_height=46,
        height=min(38 + 46 * len(rows), 340),
        key="files",
        on_select=_pick,
        selection_mode="single-cell",
        placeholder="",
        alt="Files with their labels",
    )
    return problems


def short(name: str) -> str:
    """A name that fits the column: a long one without its suffix and its middle, for names differ at their ends."""
    if len(name) <= MOST:
        return name
    stem = name.split(".fits")[0] if ".fits" in name else name.rpartition(".")[0] or name
    half = (MOST - 1) // 2
    return stem if len(stem) <= MOST else f"{stem[:half]}…{stem[-half:]}"


def problems_before() -> dict[str, str]:
    """What the last run of the page said of files that are still here: shown at once, while the list is read anew."""
    known: dict[str, str] = st.session_state.get(PROBLEMS, {})
    return {key: problem for key, problem in known.items() if key in state.entries()}


def draw_problems(place: DeltaGenerator, problems: dict[str, str], before: dict[str, str] | None = None) -> None:
    """Draw one sentence a file that cannot be read, in one box in ``place`` (``st.empty``), with a way to forget them.

    ``before`` is what stands there already: it is drawn again only where it is something else.
    """
    if before is not None:
        st.session_state[PROBLEMS] = problems
    if problems == before or not (problems or before):
        return
    if not problems:
        place.empty()
        return
    with place.container(gap="xxsmall"):
        lines = [plain(problem) for problem in problems.values()]
        box = st.container(height=260) if len(lines) > 8 else st.container()
        box.error(lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines))
        st.button(
            "Forget unreadable files" if len(lines) > 1 else "Forget this file",
            key="forget_unreadable_now" if before else "forget_unreadable",
            type="tertiary",
            icon=":material/close:",
            on_click=state.forget_uploads,
            args=(list(problems),),
        )


@loaders.MEMORY.cached
def _row(entry: state.Entry, reading: state.Reading, card: Checkpoint | None) -> tuple[dict[str, Any], str]:
    """A row without its name, and why the file cannot be read; kept, as all cutouts at once may not fit in memory."""
    row: dict[str, Any] = {}
    try:
        cutout = loaders.cutout(entry, reading)
        row["picture"] = loaders.thumbnail(cutout)
        if card is not None and card.task == "segmentation":
            row["validity"] = VERDICTS[validity.check(cutout, card.input_spec).level]
        elif card is not None:
            prediction = loaders.prediction(card, cutout)
            row["validity"] = VERDICTS[prediction.validity.level]
            if prediction.validity.level != "outside":  # a label there would mean nothing
                row["label"], row["score"] = prediction.label, float(prediction.probabilities.max())
    except CutoutError as error:
        row["validity"] = "unreadable"
        return row, str(error)
    except ExplorerError:  # said where the prediction would stand
        row["validity"] = "refused"
    return row, ""


def _mark(keys: list[str]) -> None:
    """Frame the row of the file in view, whoever chose it, and remember which rows are drawn."""
    st.session_state["files_drawn"] = keys
    chosen = state.chosen_entry()
    if chosen is None:
        return
    row = st.session_state["files_marked"] = keys.index(chosen.key)
    marked = st.session_state.get("files", {}).get("selection", {}).get("cells")
    if not marked or marked[0][0] != row:
        st.session_state["files"] = {"selection": {"cells": [(row, "name")]}}


def _pick() -> None:
    cells = st.session_state["files"]["selection"]["cells"]
    drawn = st.session_state.get("files_drawn", [])
    # The browser also reports a row that was marked for it, perhaps together with another event.
    if cells and cells[0][0] < len(drawn) and cells[0][0] != st.session_state.get("files_marked"):
        state.choose(drawn[cells[0][0]])
