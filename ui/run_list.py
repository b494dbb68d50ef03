"""Which run is in view: the newest, the chosen one, or the one that the address names (?run=...)."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from vlass_explorer.schema import Run


def show(run_id: str) -> None:
    """Put a run in view; call it before ``choice`` is drawn or from a callback."""
    st.session_state["train_run"] = run_id
    st.query_params["run"] = run_id


def choice(listing: list[Run]) -> Run | None:
    """Draw the picker of runs and return the chosen one, the first by default; None where there is no run."""
    known = {run.id: run for run in listing}
    if not known:
        return None
    asked = st.query_params.get("run")
    if "train_run" not in st.session_state and asked in known:
        st.session_state["train_run"] = asked
    if st.session_state.get("train_run") not in known:
        st.session_state.pop("train_run", None)
        if asked is not None and asked not in known:
            st.warning("The run in the address is not there any more; this is the newest one.")
    # The label never changes while a run goes on: a picker knows its options by their labels.
    chosen = st.selectbox(
        "Run", list(known), key="train_run", format_func=lambda i: f"{known[i].config.name} · {_when(known[i])}",
        label_visibility="collapsed",
    )  # fmt: skip
    st.query_params["run"] = chosen
    return known[chosen]


def _when(run: Run) -> str:
    return run.created.replace("T", " ")[:19]


def table(listing: list[Run]) -> None:
    """Draw all runs with their phase, progress and score, as they were when the page was drawn."""
    rows = [
        {
            "Run": run.config.name, "Phase": run.phase, "Progress": run.progress,
            "Macro F1": run.metrics.get("macro_f1", run.metrics.get("val_macro_f1")), "Created (UTC)": _when(run),
        }
        for run in listing
    ]  # fmt: skip
    columns = {
        "Phase": st.column_config.TextColumn(width=72),
        "Progress": st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0, width=90),
        "Macro F1": st.column_config.NumberColumn(format="%.3f", width=70),
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=columns, row_height=30, alt="All runs")
