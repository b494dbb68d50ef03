"""Classifications as runs: their table, and of the chosen one phase, progress with rate and time left, and buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pandas as pd
import streamlit as st

from vlass_explorer import launchers, runs
from vlass_explorer.catalogue import job
from vlass_explorer.launchers import begin
from vlass_explorer.runs.words import age, duration, phase, when
from vlass_explorer.schema import ExplorerError, Run

from .. import boundary, settings
from ..text import plain

CHOSEN, TABLE, SHOWN = "batch_run", "batch_runs", "batch_runs_shown"
LOG_LINES = 60
Look = tuple[Literal["gray", "green", "orange", "red", "blue"], str]
WORKING: Look = ("blue", ":material/play_circle:")
LOOKS: dict[str, Look] = {
    "queued": ("gray", ":material/hourglass_empty:"),
    "finished": ("green", ":material/check_circle:"),
    "stopped": ("orange", ":material/stop_circle:"),
    "failed": ("red", ":material/error:"),
    "lost": ("red", ":material/help:"),
}
COLUMNS = {
    "Progress": st.column_config.ProgressColumn(format="%d %%", min_value=0, max_value=100, width=110),
    "Left": st.column_config.TextColumn(width=90, help="Time left, by the rate of the last minute"),
    "Failed": st.column_config.NumberColumn(format="localized", width=80, help="Inputs without an answer"),
}


def listing() -> list[Run]:
    """All classifications, newest first."""
    return [run for run in runs.listing() if run.kind == "classification"]


def chosen(found: list[Run]) -> Run:
    """The classification in view: the one that the address names or that was chosen, else the newest."""
    asked = st.session_state.get(CHOSEN) or st.query_params.get("run")
    run = next((run for run in found if run.id == asked), None)
    if run is None and asked:
        boundary.broken_link(f"There is no classification {asked} any more: the newest one is shown instead.")
    run = run or found[0]
    st.session_state[CHOSEN] = run.id
    if st.query_params.get("run") != run.id:
        st.query_params["run"] = run.id
    return run


def table(found: list[Run], now: Run) -> None:
    """Draw all classifications with what they do now; a click chooses one."""
    st.session_state[SHOWN] = [run.id for run in found]
    place: Any = {"selection": {"rows": [[run.id for run in found].index(now.id)]}}
    st.dataframe(
        pd.DataFrame([_row(run) for run in found]).astype({"Failed": "Int64"}),
        hide_index=True,
        key=f"{TABLE}_{len(found)}",
        on_select=_choose,
        selection_mode="single-row",
        selection_default=place,
        row_height=30,
        height="content" if len(found) <= 6 else 30 * 7,
        column_config=COLUMNS,
        placeholder="",
        alt=f"All {len(found)} classifications",
    )


def _choose() -> None:
    ids = st.session_state[SHOWN]
    rows = st.session_state[f"{TABLE}_{len(ids)}"]["selection"]["rows"]
    if rows:
        st.session_state[CHOSEN] = ids[rows[0]]


def _row(run: Run) -> dict[str, Any]:
    return {
        "Classification": run.config.name,
        "Phase": phase(run),
        "Progress": int(100 * run.progress),
        "Left": duration(run.eta_seconds) if run.eta_seconds is not None else "",
        "Failed": run.metrics.get("failed"),
        "Device": "SLURM" if not run.device and run.phase == "classifying" else run.device,
        "Age": age(run),
    }


def draw(run: Run) -> None:
    """Draw one classification: what it does, what can be done with it, its command and its log."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.config.name), width="content", anchor=False)
        colour, icon = LOOKS.get(run.phase, WORKING)
        st.badge(run.phase, color=colour, icon=icon)
    _progress(run)
    if settings.training_allowed():
        _buttons(run)
    with st.expander("Command and log", key=f"batch-log-{run.id}"):
        try:
            st.code(job.command_line(run), language="bash", wrap_lines=True)
        except ExplorerError as error:
            st.error(plain(error))
        st.code(runs.log_tail(run, LOG_LINES) or "The log is empty.", language=None, height=160)
        st.caption(f"Begun {when(run)} UTC · folder `{run.path}`")


def _progress(run: Run) -> None:
    status = runs.read_status(run.path)
    done, total = int(status.get("step") or 0), int(status.get("total_steps") or 0)
    of = f"{done:,} of {total:,} inputs" if total else "nothing yet"
    if run.is_active:
        parts = [of]
        if run.queue_position is not None:
            parts = [f"position {run.queue_position} in the queue for {run.device}"]
        elif run.phase in ("queued", "starting"):
            parts = ["the process is coming up"]
        elif run.phase == "loading data":
            parts = ["reading the list of inputs"]
        elif rate := run.metrics.get("rows_per_second"):
            parts.append(f"{rate:.1f} a second")
        if run.eta_seconds is not None:
            parts.append(f"about {duration(run.eta_seconds)} left")
        st.progress(min(max(run.progress, 0.0), 1.0), text=f"{run.progress:.0%} · " + " · ".join(parts))
    elif run.phase == "finished":
        failed = int(run.metrics.get("failed", 0))
        said = f"{failed:,} of them without a prediction" if failed else "every one with a prediction"
        rows = int(run.metrics.get("rows", 0))
        st.success(f"{total:,} inputs in, {rows:,} rows out, none twice, {said}.", icon=LOOKS["finished"][1])
    else:
        draw_it = st.warning if run.phase == "stopped" else st.error
        draw_it(f"{plain(run.reason) or 'It ended without a word.'} Answered: {of}.", icon=LOOKS[run.phase][1])


def _buttons(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if run.is_active:
            is_stopping = (run.path / "stop").exists()
            _button("Stop", "stop", run, _stop, ":material/stop_circle:", "Ends within seconds.", off=is_stopping)
            _button("Kill now", "kill", run, _kill, ":material/dangerous:", "Ends its processes at once.")
            if is_stopping:
                st.caption("Stopping.")
            return
        if run.phase != "finished":
            _button("Resume", "resume", run, _resume, ":material/resume:", "Goes on behind the last answers.")
        with st.popover("Delete", icon=":material/delete:", type="tertiary", key=f"batch-ask-{run.id}"):
            st.markdown(f"Delete **{plain(run.config.name)}** with all its answers and its table?")
            _button("Delete it", "delete", run, _delete, ":material/delete:", "")


def _button(
    label: str, what: str, run: Run, act: Callable[[Run], object], icon: str, help: str, *, off: bool = False
) -> None:
    st.button(
        label,
        key=f"batch-{what}-{run.id}",
        icon=icon,
        disabled=off,
        on_click=_act,
        args=(act, run),
        help=help or None,
    )


@boundary.reported
def _act(act: Callable[[Run], object], run: Run) -> None:
    """In a callback; that the run has changed meanwhile, or that nothing may be started here, is said."""
    settings.check_training_allowed()
    act(run)


def _stop(run: Run) -> None:
    launchers.of(run).stop(run)


def _kill(run: Run) -> None:
    launchers.of(run).kill(run)


def _resume(run: Run) -> None:
    begin.resume(run, launchers.of(run).launch, settings.most_runs())


def _delete(run: Run) -> None:
    runs.delete(run)
    st.session_state.pop(CHOSEN, None)
    st.query_params.pop("run", None)
