"""The button that launches a classification, and the command that it is."""

from __future__ import annotations

import shlex

import streamlit as st

from vlass_explorer.launchers import begin, local

from .. import boundary, settings
from . import panel
from .request import Request


def draw(asked: Request | None) -> None:
    """Draw the button; the new run is then in view."""
    st.button(
        "Classify",
        key="batch_launch",
        type="primary",
        icon=":material/play_arrow:",
        disabled=asked is None,
        on_click=_launch,
        args=(asked,),
        help="A process of its own: it outlives this page and the app." if asked else "Choose what to classify first.",
    )
    if asked is not None:
        words = shlex.join(["python", "-m", "vlass_explorer", "classify", *asked.words])
        with st.expander("Command", key="batch_command"):
            st.code(words, language="bash", wrap_lines=True)


@boundary.reported
def _launch(asked: Request) -> None:
    settings.check_training_allowed()
    run = begin.start(asked.config, local.launch, settings.most_runs(), asked.files)
    st.session_state[panel.CHOSEN] = run.id
