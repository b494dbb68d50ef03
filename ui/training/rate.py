"""The learning-rate finder of the Train page: a range test as a process, its curve, a click that takes its rate."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from vlass_explorer.figures import rates
from vlass_explorer.schema import RunConfig

from .. import boundary
from ..text import plain
from . import data_step, dry_run

WANTED = "train_rate"
"""Session key: the configuration whose rate is looked for."""


def draw(config: RunConfig, origin_key: str) -> None:
    """Draw the button and what it found; ``origin_key`` is the key of the field that a click fills."""
    stamp = data_step.stamp(config.data_dir)
    wanted = st.session_state.get(WANTED)
    check = dry_run.start(config, stamp, finds_rate=True) if wanted == config else None
    with st.expander("Find a learning rate", icon=":material/show_chart:", expanded=wanted == config):
        st.caption(
            "A hundred steps whose rate rises from 1e-6 to 10 (range test, Smith 2017): where the loss falls fastest "
            "is a good peak rate for the schedule."
        )
        st.button(
            "Find",
            key="train_rate_find",
            icon=":material/play_arrow:",
            disabled=check is not None and not check.is_done,
            on_click=_want,
            args=(config, stamp),
        )
        if check is not None and not check.is_done:
            _wait(check)
            st.button("Stop", key="train_rate_stop", type="tertiary", on_click=_stop, args=(config, stamp))
        elif check is not None:
            _show(check.result, origin_key)


def _want(config: RunConfig, stamp: str) -> None:
    dry_run.forget_failures(config, stamp)
    st.session_state[WANTED] = config


def _stop(config: RunConfig, stamp: str) -> None:
    st.session_state.pop(WANTED, None)
    dry_run.stop(config, stamp, finds_rate=True)


@st.fragment(run_every=1.0)
@boundary.guarded()
def _wait(check: dry_run.Check) -> None:
    if check.is_done:
        st.rerun()
    share, seconds = check.progress, time.monotonic() - check.started
    doing = "Starting" if share is None else f"{share:.0%} of the steps"
    st.caption(f":material/progress_activity: {doing}: {seconds:.0f} s")


def _show(found: Mapping[str, Any], origin_key: str) -> None:
    """Draw the curve with its suggestion, or what stood in the way."""
    for sentence in found["errors"]:
        st.error(plain(sentence))
    for sentence in found["notes"]:
        st.caption(f":material/info: {plain(sentence)}")
    curve = found.get("rate")
    if curve is None:
        return
    figure = rates.found(curve["rates"], curve["losses"], curve["smoothed"], curve["suggested"])
    st.plotly_chart(figure, key="train_rate_curve", config={"displaylogo": False}, alt="Loss against learning rate")
    if curve["suggested"] is not None:
        st.button(
            f"Take {curve['suggested']:g}",
            key="train_rate_take",
            icon=":material/check:",
            on_click=st.session_state.update,
            args=({origin_key: curve["suggested"]},),
        )
