"""Check and launch: the buttons under the form, the dry run's answer, and the new run."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from ui import run_check, run_list, train_data
from ui.text import plain
from vlass_explorer import runs
from vlass_explorer.launchers import local
from vlass_explorer.schema import ExplorerError, RunConfig

WANTED = "train_check"
"""Session key: the configuration that is being checked, and whether it is launched when all is well."""


def area(config: RunConfig) -> None:
    """Draw the buttons, the dry run while it goes on and its result; launch what passed."""
    stamp = train_data.stamp(config.data_dir)
    wanted, launches = st.session_state.get(WANTED, (None, False))
    check = run_check.start(config, stamp) if wanted == config else None
    is_waiting = check is not None and not check.is_done
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Launch", type="primary", icon=":material/play_arrow:", disabled=is_waiting, key="train_launch",
            on_click=_want, args=(config, True), help="Checks first; the run starts when nothing is wrong.",
        )  # fmt: skip
        st.button(
            "Check only", icon=":material/fact_check:", disabled=is_waiting, key="train_check_only",
            on_click=_want, args=(config, False), help="Reads every file and tries one step.",
        )  # fmt: skip
        if is_waiting:
            _wait(check)
    if check is None or is_waiting:
        return
    if launches and not check.result["errors"]:
        st.session_state.pop(WANTED)
        _launch(config)
    else:
        _show(check)


def _want(config: RunConfig, launches: bool) -> None:
    st.session_state[WANTED] = (config, launches)


@st.fragment(run_every=1.0)
def _wait(check: run_check.Check) -> None:
    if check.is_done:
        st.rerun()
    st.caption(f":material/progress_activity: Checking the data and one step: {time.monotonic() - check.started:.0f} s")


def _show(check: run_check.Check) -> None:
    """Draw the answer of a dry run: what would stop the run, what is only worth knowing, and its numbers."""
    found = check.result
    for sentence in found["errors"]:
        st.error(plain(sentence))
    for name, reason in found["unreadable"].items():
        st.caption(f"{plain(name)}: {plain(reason)}")
    for sentence in found["warnings"]:
        st.caption(f":material/info: {plain(sentence)}")
    if not found["errors"]:
        st.success("Nothing is wrong. Every file can be read.", icon=":material/check:")
    if counts := found["counts"]:
        columns = {"train": "Training", "validation": "Validation"}
        table = pd.DataFrame(counts).rename(columns=columns).rename_axis("Class").reset_index()
        st.dataframe(table, hide_index=True, row_height=28, alt="Cutouts of each class in training and validation")
    if "parameters" in found:
        st.caption(
            f"{found['parameters']:,} parameters, {found['trained_parameters']:,} of them trained · "
            f"{found['steps_per_epoch']:,} steps an epoch · {plain(found['device'])}"
        )


def _launch(config: RunConfig) -> None:
    twin = next((run for run in runs.listing() if run.is_active and run.config == config), None)
    if twin is not None:
        run_list.show(twin.id)
        st.warning("The same run is active already: it is shown, and no second one was started.")
        return
    try:
        run = runs.create(config)
        local.launch(run)
    except ExplorerError as error:
        st.error(plain(error))
        return
    run_list.show(run.id)
    st.toast(f"Launched {config.name}.", icon=":material/play_arrow:")
