"""One run: phase, progress, scores, buttons, curves, and its log, configuration or result."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from vlass_explorer import runs
from vlass_explorer.figures.curves import LEARNING, MACHINE, SEGMENTING, curves
from vlass_explorer.runs.words import duration, when
from vlass_explorer.schema import MaskReport, Report, Run

from .. import results
from ..text import plain
from . import actions, configuration

METRICS = {
    "macro_f1": "Macro F1",
    "accuracy": "Accuracy",
    "val_macro_f1": "Macro F1",
    "best_macro_f1": "Best macro F1",
    "val_accuracy": "Accuracy",
    "mean_iou": "Mean IoU",
    "pixel_accuracy": "Right pixels",
    "val_mean_iou": "Mean IoU",
    "best_mean_iou": "Best mean IoU",
    "val_pixel_accuracy": "Right pixels",
    "val_boundary_f1": "Boundary F1",
    "val_loss": "Loss, validation",
    "train_loss": "Loss, training",
}
"""What is shown of the latest metrics; scores are of the validation fold."""
LOG_LINES = 200

BADGES: dict[str, Literal["gray", "green", "orange", "red"]] = {
    "queued": "gray",
    "finished": "green",
    "stopped": "orange",
    "failed": "red",
    "lost": "red",
}
ICONS = {
    "queued": ":material/hourglass_empty:",
    "finished": ":material/check_circle:",
    "stopped": ":material/stop_circle:",
    "failed": ":material/error:",
    "lost": ":material/help:",
}
WORKING = ":material/play_circle:"


def draw(run: Run) -> None:
    """Draw a run as its folder tells it now."""
    _heading(run)
    _progress(run)
    actions.draw(run)
    series = follow(run.id).update(run)
    steps = steps_per_epoch(run)
    if series:
        learning = LEARNING if run.config.task == "classification" else SEGMENTING
        st.plotly_chart(
            curves(series, steps_per_epoch=steps, epochs=run.config.epochs, panels=learning),
            key=f"curves-{run.id}",
            config={"displaylogo": False},
            alt=f"Loss and {learning[1][0]} of the run {run.config.name} against epochs",
        )
    elif run.is_active:
        st.caption("Curves appear after the first steps.")
    report = results.report_of(run) or results.mask_report_of(run)
    views = [*(["Result"] if report else []), "Log", "Configuration", *(["Machine"] if series else [])]
    first = "Result" if report else "Log"
    # Another key once there is a result, so that a run that ends under one's eyes shows it.
    key = f"view-{run.id}-{first}"
    view = st.segmented_control("View", views, default=first, key=key, label_visibility="collapsed")
    if isinstance(report, MaskReport) and view == "Result":
        results.mask_report(report)
    elif isinstance(report, Report) and view == "Result":
        results.report(report, run.id)
    elif view == "Machine":
        panels = [panel for panel in MACHINE if any(key in series for key, _, _ in panel[1])]
        st.plotly_chart(
            curves(series, steps_per_epoch=steps, epochs=run.config.epochs, panels=panels, height=240),
            key=f"machine-{run.id}",
            config={"displaylogo": False},
            alt="Learning rate, throughput and memory",
        )
    elif view == "Configuration":
        configuration.draw(run)
    elif view == "Log":
        log = runs.log_tail(run, LOG_LINES) or "The log is empty."
        height: Literal["content"] | int = 300 if log.count("\n") > 12 else "content"
        with st.container(height=height, autoscroll=True, border=False, key=f"log-{run.id}"):  # it opens at its end
            st.code(log, language=None)


def steps_per_epoch(run: Run) -> float:
    """Optimiser steps of an epoch; 1 while the trainer has not told."""
    return (runs.read_status(run.path).get("total_steps") or run.config.epochs) / run.config.epochs


@st.cache_resource(max_entries=64, show_spinner=False)
def follow(run_id: str) -> runs.Curves:
    """The curves of a run, shared by all sessions: each refresh reads only what was added."""
    return runs.Curves()


def _heading(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.config.name), width="content", anchor=False)
        st.badge(run.phase, color=BADGES.get(run.phase, "blue"), icon=ICONS.get(run.phase, WORKING))
    start = run.config.architecture + (f" from {run.config.weights}" if run.config.weights != "none" else "")
    data = run.config.data_dir.rpartition("/")[2] or run.config.dataset
    parts = [start, data, run.device or run.config.device, when(run) + " UTC"]
    st.caption(" · ".join(plain(part) for part in parts))


def _progress(run: Run) -> None:
    if run.is_active:
        parts = [f"epoch {min(run.epoch + 1, run.config.epochs)} of {run.config.epochs}"]
        if run.queue_position is not None:
            parts = [f"position {run.queue_position} in the queue for {run.device}"]
        elif run.phase == "queued":
            parts = ["the trainer is coming up"]
        elif run.eta_seconds is not None:
            parts.append(f"about {duration(run.eta_seconds)} left")
        st.progress(min(max(run.progress, 0.0), 1.0), text=f"{run.progress:.0%} · " + " · ".join(parts))
    elif run.phase == "finished":
        name = runs.read_status(run.path).get("checkpoint", run.config.name)
        st.success(f"The checkpoint {plain(name)} is ready. {plain(run.reason)}", icon=ICONS["finished"])
    elif run.phase == "stopped":
        st.warning(plain(run.reason) or "Stopped on request.", icon=ICONS["stopped"])
    else:
        st.error(plain(run.reason) or "The run ended without a word.", icon=ICONS.get(run.phase))
    shown = [(name, run.metrics[key]) for key, name in METRICS.items() if key in run.metrics]
    if shown:
        with st.container(horizontal=True):
            for name, value in shown:
                st.metric(name, f"{value:.3f}", width="content")
