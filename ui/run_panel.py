"""The live panel of one run: phase, progress, curves, log and the buttons that stop it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.text import plain
from vlass_explorer import runs
from vlass_explorer.figures.curves import curves
from vlass_explorer.launchers import local
from vlass_explorer.recipes import to_yaml
from vlass_explorer.schema import Run, RunError

REFRESH_SECONDS = 2.0
METRICS = {
    "macro_f1": "Macro F1", "accuracy": "Accuracy", "val_macro_f1": "Macro F1", "best_macro_f1": "Best macro F1",
    "val_accuracy": "Accuracy", "val_loss": "Loss, validation", "train_loss": "Loss, training",
}  # fmt: skip
"""What is shown of the latest metrics; scores are of the validation fold."""
BADGES = {"queued": "gray", "finished": "green", "stopped": "orange", "failed": "red", "lost": "red"}
ICONS = {
    "queued": ":material/hourglass_empty:", "finished": ":material/check_circle:", "stopped": ":material/stop_circle:",
    "failed": ":material/error:", "lost": ":material/help:",
}  # fmt: skip


def duration(seconds: float) -> str:
    """A time as people say it: 45 s, 12 min, 3 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def live_panel(run: Run, *, may_act: bool) -> None:
    """Draw a run and keep drawing it while a process works on it; ``may_act`` allows stopping."""
    st.fragment(_panel, run_every=REFRESH_SECONDS if run.is_active else None)(run, may_act)


def _panel(known: Run, may_act: bool) -> None:
    try:
        run = runs.read(known.path)
    except RunError as error:
        st.error(plain(error))
        return
    if known.is_active and not run.is_active:
        st.rerun()  # the whole page: polling ends and the new checkpoint joins every picker
    _heading(run)
    _progress(run)
    if run.is_active and may_act:
        _buttons(run)
    elif may_act and run.phase != "finished":
        st.button(
            "Resume", key=f"resume-{run.id}", icon=":material/resume:", on_click=_act, args=(_resume, run),
            help="Continues from the last saved state, or from the start when none was saved.",
        )  # fmt: skip
    rows = _metrics(run)
    if rows:
        steps = runs.read_status(run.path)["total_steps"] / run.config.epochs
        st.plotly_chart(
            curves(rows, steps_per_epoch=steps, epochs=run.config.epochs), key=f"curves-{run.id}",
            config={"displaylogo": False}, alt=f"Loss and macro F1 of the run {run.config.name} against epochs",
        )  # fmt: skip
    elif run.is_active:
        st.caption("Curves appear after the first epoch.")
    with st.expander("Log", expanded=run.phase in ("failed", "lost"), key=f"log-{run.id}"):
        log = runs.log_tail(run) or "The log is empty."
        st.code(log, language=None, height=260 if log.count("\n") > 10 else "content")
    with st.expander("Configuration", key=f"config-{run.id}"):
        st.code(to_yaml(run.config), language="yaml")
        st.caption(f"Folder: `{run.path}`")


def _heading(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(run.config.name, width="content")
        st.badge(run.phase, color=BADGES.get(run.phase, "blue"), icon=ICONS.get(run.phase, ":material/play_circle:"))
    start = run.config.architecture + (f" from {run.config.weights}" if run.config.weights != "none" else "")
    parts = [start, run.device or run.config.device, run.created.replace("T", " ")[:19] + " UTC"]
    st.caption(" · ".join(parts))


def _progress(run: Run) -> None:
    if run.is_active:
        parts = [f"epoch {min(run.epoch + 1, run.config.epochs)} of {run.config.epochs}"]
        if run.queue_position is not None:
            parts = [f"place {run.queue_position} in the queue of its device"]
        elif run.eta_seconds is not None:
            parts.append(f"about {duration(run.eta_seconds)} left")
        st.progress(min(max(run.progress, 0.0), 1.0), text=f"{run.progress:.0%} · " + " · ".join(parts))
    elif run.phase == "finished":
        name = runs.read_status(run.path).get("checkpoint", run.config.name)
        st.success(f"The checkpoint {name} is ready.", icon=ICONS["finished"])
        if st.button(
            "Use it in Explore", key=f"explore-{run.id}", icon=":material/explore:", on_click=_choose, args=(name,)
        ):
            st.switch_page("pages/explore.py")
    elif run.phase == "stopped":
        st.warning(plain(run.reason) or "Stopped on request.", icon=ICONS["stopped"])
    else:
        st.error(plain(run.reason) or "The run ended without a word.", icon=ICONS.get(run.phase))
    shown = [(name, run.metrics[key]) for key, name in METRICS.items() if key in run.metrics]
    if shown:
        with st.container(horizontal=True):
            for name, value in shown:
                st.metric(name, f"{value:.3f}", width="content")


def _choose(checkpoint: str) -> None:
    """In a callback, because the sidebar has drawn its picker when the page is reached."""
    st.session_state["checkpoint"] = checkpoint


def _act(what: Callable[[Run], None], run: Run) -> None:
    """Stop or kill; that the run has just ended by itself is said, not an error of the page."""
    try:
        what(run)
    except RunError as error:
        st.toast(plain(error))


def _resume(run: Run) -> None:
    local.launch(runs.new_attempt(run))


def _buttons(run: Run) -> None:
    is_stopping = (run.path / "stop").exists()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Stop after saving", key=f"stop-{run.id}", icon=":material/stop_circle:", disabled=is_stopping,
            on_click=_act, args=(runs.request_stop, run), help="Finishes the step, saves the full state and ends.",
        )  # fmt: skip
        st.button(
            "Kill now", key=f"kill-{run.id}", icon=":material/dangerous:", type="tertiary",
            on_click=_act, args=(local.kill, run), help="Ends the processes at once; work since the last save is lost.",
        )  # fmt: skip
        if is_stopping:
            st.caption("Stopping: finishing the step and saving.")


def _metrics(run: Run) -> list[dict[str, float]]:
    """Rows of metrics.jsonl; each refresh reads only what was added since the last one."""
    rows, offset = st.session_state.get(f"metrics-{run.id}", ([], 0))
    new, offset = runs.metrics(run, offset)
    st.session_state[f"metrics-{run.id}"] = ([*rows, *new], offset)
    return [*rows, *new]
