"""The table of all runs, and which of them are in view: chosen in it, or named by the address (?run=...)."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from vlass_explorer.runs.words import age, duration, phase, score
from vlass_explorer.schema import Run

from .. import boundary, state

SHOWN, WIDGET = "runs_shown", "runs_table"
MOST_COMPARED = 8


def follow_link(listing: list[Run]) -> None:
    """Choose what the address names, once a visit; a run that is not there is said."""
    asked = st.query_params.get_all("run")
    if not asked or asked == st.session_state.get(state.CHOSEN_RUNS):
        return
    known = {run.id for run in listing}
    if state.CHOSEN_RUNS not in st.session_state and any(run_id in known for run_id in asked):
        state.choose_runs(*(run_id for run_id in asked if run_id in known))
    shown = "the other runs it names are" if any(run_id in known for run_id in asked) else "the newest one is"
    for run_id in asked:
        if run_id not in known:
            boundary.broken_link(f"There is no run {run_id} any more: {shown} shown instead.")


def draw(listing: list[Run]) -> list[Run]:
    """Draw all runs with what they do now, and return those in view: the chosen ones, by default the newest."""
    ids = [run.id for run in listing]
    wanted = [run_id for run_id in st.session_state.get(state.CHOSEN_RUNS, []) if run_id in ids]
    chosen = wanted[:MOST_COMPARED] or ids[:1]
    st.session_state[state.CHOSEN_RUNS], st.session_state[SHOWN] = chosen, ids
    if st.query_params.get_all("run") != chosen:
        st.query_params["run"] = chosen
    # A row is known by its number, which changes when another run is launched: what counts is the id.
    now: Any = {"selection": {"rows": [ids.index(run_id) for run_id in chosen]}}
    selected = st.session_state.get(WIDGET)
    has_moved = selected is not None and list(selected["selection"]["rows"]) != now["selection"]["rows"]
    if has_moved:
        st.session_state[WIDGET] = now
    st.dataframe(
        _table(listing),
        hide_index=True,
        key=WIDGET,
        on_select=_choose,
        selection_mode="multi-row",
        row_height=30,
        selection_default=None if has_moved else now,
        height="content" if len(ids) <= 8 else 30 * 9,
        column_config=COLUMNS,
        placeholder="",
        alt=f"All {len(ids)} runs",
    )
    by_id = {run.id: run for run in listing}
    return [by_id[run_id] for run_id in chosen]


COLUMNS = {
    "Phase": st.column_config.TextColumn(width=90),
    "Progress": st.column_config.ProgressColumn(format="%d %%", min_value=0, max_value=100, width=100),
    "Left": st.column_config.TextColumn(width=80, help="Time left, from the speed so far"),
    "Macro F1": st.column_config.NumberColumn(
        format="%.3f", width=80, help="Of the report where there is one, else the best validation so far"
    ),
    "Device": st.column_config.TextColumn(width=80),
    "Age": st.column_config.TextColumn(width=80),
}


def _table(listing: list[Run]) -> pd.DataFrame:
    rows = [
        {
            "Run": run.config.name,
            "Phase": phase(run),
            "Progress": int(100 * min(max(run.progress, 0.0), 1.0)),
            "Left": duration(run.eta_seconds) if run.eta_seconds is not None else "",
            "Macro F1": score(run),
            "Device": run.device or run.config.device,
            "Age": age(run),
        }
        for run in listing
    ]
    return pd.DataFrame(rows).astype({"Macro F1": float})


def _choose() -> None:
    """Rows that were clicked, in the order of the table as the browser showed it, as ids."""
    ids = st.session_state.get(SHOWN, [])
    state.choose_runs(*(ids[row] for row in st.session_state[WIDGET]["selection"]["rows"] if row < len(ids)))
