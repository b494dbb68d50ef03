"""Check and launch: the buttons under the form, the dry run's answer, and the new run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from vlass_explorer import recipes, runs
from vlass_explorer.launchers import begin
from vlass_explorer.runs.words import duration, when
from vlass_explorer.schema import ExplorerError, RunConfig

from .. import boundary, settings, state
from ..text import plain
from . import data_step, dry_run, launchers

WANTED = "train_check"
"""Session key: the configuration that is being checked, whether it is then launched, and even where it is doubted."""
NOW = "train_now_config"
"""Session key: the configuration that is launched without any check."""
LONG_SECONDS = 1800.0
"""A run on the CPU that takes longer than this is asked about."""
UNEVEN = 5.0
"""Largest over smallest class from which an unweighted loss is asked about."""


def area(config: RunConfig) -> None:
    """Draw the buttons, the dry run while it goes on and its result; launch what passed."""
    launch = launchers.choice()
    stamp = data_step.stamp(config.data_dir)
    wanted, launches, accepted = st.session_state.get(WANTED, (None, False, False))
    check = dry_run.start(config, stamp, quick=launches) if wanted == config else None
    is_waiting = check is not None and not check.is_done
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Launch",
            type="primary",
            icon=":material/play_arrow:",
            disabled=is_waiting,
            key="train_launch",
            on_click=_request,
            args=(config, stamp, True),
            help="Starts the run after a quick look at the configuration; it does not wait for the check.",
        )
        st.button(
            "Check only",
            icon=":material/fact_check:",
            disabled=is_waiting,
            key="train_check_only",
            on_click=_request,
            args=(config, stamp, False),
            help="Reads every file, tries a few steps, measures time and memory.",
        )
        st.download_button(
            "YAML",
            recipes.to_yaml(config, differences=True),
            f"{config.name}.yaml",
            "application/yaml",
            on_click="ignore",
            icon=":material/download:",
            key="train_yaml_out",
            help="The keys that differ from the defaults; start from this file another time.",
        )
        if check is not None and is_waiting:
            _wait(check)
            if launches:
                st.button("Launch now", key="train_now", on_click=_skip, args=(config, stamp, True), type="tertiary")
            else:
                st.button("Stop", key="train_stop_check", on_click=_skip, args=(config, stamp, False), type="tertiary")
    if st.session_state.pop(NOW, None) == config:
        _launch(config, launch)
        return
    if check is None or is_waiting:
        return
    questions, notes = _sorted_warnings(config, check.result)
    if launches and not check.result["errors"] and (accepted or not questions):
        st.session_state.pop(WANTED)
        _launch(config, launch)
        return
    _show(check.result, questions, notes)
    if questions and not check.result["errors"]:
        st.button(
            "Launch anyway",
            key="train_anyway",
            icon=":material/play_arrow:",
            on_click=_request,
            args=(config, stamp, True, True),
        )


def _skip(config: RunConfig, stamp: str, launches: bool) -> None:
    """In a callback: wait no longer for the check, and launch where that was wanted."""
    st.session_state.pop(WANTED, None)
    if launches:
        st.session_state[NOW] = config  # the quick check ends by itself; others may wait for it
    else:
        dry_run.stop(config, stamp)


def _request(config: RunConfig, stamp: str, launches: bool, accepted: bool = False) -> None:
    dry_run.forget_failures(config, stamp)
    st.session_state[WANTED] = (config, launches, accepted)


@st.fragment(run_every=1.0)
@boundary.guarded()
def _wait(check: dry_run.Check) -> None:
    if check.is_done:
        st.rerun()
    share, seconds = check.progress, time.monotonic() - check.started
    doing = "Starting" if share is None else f"{share:.0%} of the files read" if share < 1 else "Training a few steps"
    st.caption(f":material/progress_activity: {doing}: {seconds:.0f} s")


def estimate(config: RunConfig, found: Mapping[str, Any]) -> float | None:
    """Seconds of the whole run from what the dry run measured, None where it did not."""
    seconds = found.get("measured", {}).get("seconds_per_epoch")
    return None if seconds is None else float(seconds) * config.epochs


def _sorted_warnings(config: RunConfig, found: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is asked about before a launch, and what is only said."""
    questions, notes = [*found["warnings"]], [*found["notes"]]
    total = estimate(config, found)
    if found.get("device") == "cpu" and total is not None and total >= LONG_SECONDS:
        questions.append(f"The run takes about {duration(total)} on the CPU.")
    questions += duplicates(config)
    counts = found["counts"].get("train", {})
    if counts and min(counts.values()) > 0 and not config.class_weighting and not config.balance:
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        if counts[most] >= UNEVEN * counts[least]:
            ratio = counts[most] / counts[least]
            questions.append(
                f"{most} has {ratio:.0f} times as many cutouts as {least}: class_weighting evens that out."
            )
    return questions, notes


def duplicates(config: RunConfig) -> list[str]:
    """One sentence where a run with the same configuration is active or has finished."""
    same = [run for run in runs.listing() if run.config == config and run.phase not in ("failed", "lost")]
    return [f"The same configuration is {same[0].phase} already, as the run of {when(same[0])} UTC."] if same else []


def _show(found: Mapping[str, Any], questions: Sequence[str], notes: Sequence[str]) -> None:
    """Draw the answer of a dry run: what stops the run, what is asked about, and its numbers."""
    for sentence in found["errors"]:
        st.error(plain(sentence))
    for name, reason in found["unreadable"].items():
        st.caption(f"{plain(name)}: {plain(reason)}")
    for sentence in questions:
        st.warning(plain(sentence))
    for sentence in notes:
        st.caption(f":material/info: {plain(sentence)}")
    if not found["errors"]:
        st.success("Nothing is wrong. Every file can be read.", icon=":material/check:")
    _numbers(found)
    if counts := found["counts"]:
        columns = {"train": "Training", "validation": "Validation", "test": "Test"}
        table = pd.DataFrame(counts).rename(columns=columns).rename_axis("Class").reset_index()
        st.dataframe(table, hide_index=True, row_height=28, alt="Cutouts of each class in each split")


def _numbers(found: Mapping[str, Any]) -> None:
    parts = []
    if "parameters" in found:
        parts.append(f"{found['parameters']:,} parameters, {found['trained_parameters']:,} of them trained")
    if "steps_per_epoch" in found:
        parts.append(f"{found['steps_per_epoch']:,} steps an epoch on {plain(found['device'])}")
    if parts:
        st.caption(" · ".join(parts))
    measured = found.get("measured", {})
    if "seconds_per_epoch" in measured:
        each, total = (duration(float(measured[key])) for key in ("seconds_per_epoch", "seconds_in_all"))
        st.caption(
            f"Measured: {each} an epoch, about {total} in all · {measured['peak_memory_mib'] / 1024:.2g} of "
            f"{measured['available_memory_mib'] / 1024:.3g} GiB of memory at batch size {measured['batch_size']} · "
            f"largest batch that fits: {measured['largest_batch_size']}"
        )


def _launch(config: RunConfig, launch: begin.Launch) -> None:
    try:
        settings.check_training_allowed()
        run = begin.start(config, launch, settings.most_runs())
    except ExplorerError as error:
        st.error(plain(error))
        return
    state.choose_runs(run.id)
    st.switch_page("pages/runs.py")
