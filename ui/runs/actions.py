"""Buttons of one run: stop, kill, resume, keep, run again, delete, use in Explore."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from vlass_explorer import launchers, runs
from vlass_explorer.launchers import begin
from vlass_explorer.schema import Run

from .. import boundary, settings, state
from ..text import plain


def draw(run: Run) -> None:
    """Draw what can be done with a run in its phase; where training is off, only what changes nothing."""
    may_act = settings.training_allowed()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if name := runs.read_status(run.path).get("checkpoint"):
            _explore(run, name)
        if may_act and run.is_active:
            _while_active(run)
        elif may_act:
            _when_ended(run)
        if may_act and st.button(
            "Run again with changes",
            key=f"again-{run.id}",
            icon=":material/edit:",
            on_click=_again,
            args=(run,),
            help="Fills the Train page with this configuration.",
        ):
            st.switch_page("pages/train.py")
        if may_act and not run.is_active:
            _delete(run)


def _explore(run: Run, checkpoint: str) -> None:
    if st.button(
        "Use it in Explore",
        key=f"explore-{run.id}",
        icon=":material/explore:",
        type="primary",
        on_click=_choose,
        args=(checkpoint,),
    ):
        st.switch_page("pages/explore.py")


def _while_active(run: Run) -> None:
    is_stopping = (run.path / "stop").exists()
    st.button(
        "Stop after saving",
        key=f"stop-{run.id}",
        icon=":material/stop_circle:",
        disabled=is_stopping,
        on_click=_act,
        args=(_stop, run),
        help="Finishes the step, saves the full state and ends.",
    )
    st.button(
        "Kill now",
        key=f"kill-{run.id}",
        icon=":material/dangerous:",
        type="tertiary",
        on_click=_act,
        args=(_kill, run),
        help="Ends the processes at once; work since the last save is lost.",
    )
    if is_stopping:
        st.caption("Stopping: finishing the step and saving.")


def _when_ended(run: Run) -> None:
    if run.phase == "finished":
        return
    if (run.path / "last.ckpt").exists():
        st.button(
            "Keep as checkpoint",
            key=f"keep-{run.id}",
            icon=":material/bookmark_add:",
            on_click=_act,
            args=(_keep, run),
            help="Trains no further: the saved state is tested and becomes a checkpoint.",
        )
    st.button(
        "Resume",
        key=f"resume-{run.id}",
        icon=":material/resume:",
        on_click=_act,
        args=(_resume, run),
        help="Continues from the last saved state, or from the start when none was saved.",
    )


def _delete(run: Run) -> None:
    with st.popover("Delete", icon=":material/delete:", type="tertiary", key=f"ask-delete-{run.id}"):
        kept = "Its checkpoint stays." if run.phase == "finished" else "Its saved state goes, too: no resuming."
        st.markdown(f"Delete the folder of **{plain(run.config.name)}** with its curves and log? {kept}")
        st.button("Delete the run", key=f"delete-{run.id}", type="primary", on_click=_act, args=(runs.delete, run))


@boundary.reported
def _act(what: Callable[[Run], object], run: Run) -> None:
    """In a callback; that the run has changed meanwhile, or training is switched off, is said."""
    settings.check_training_allowed()
    what(run)


def _resume(run: Run, *, keep: bool = False) -> None:
    """Where it ran before; a job asks for what the last one asked for."""
    begin.resume(run, launchers.of(run).launch, settings.most_runs(), keep=keep)


def _keep(run: Run) -> None:
    _resume(run, keep=True)


def _stop(run: Run) -> None:
    launchers.of(run).stop(run)


def _kill(run: Run) -> None:
    launchers.of(run).kill(run)


def _choose(checkpoint: str) -> None:
    """In a callback, because the sidebar has drawn its picker when the page is reached."""
    st.session_state["checkpoint"] = checkpoint


def _again(run: Run) -> None:
    st.session_state[state.AGAIN] = run.id
