"""Which launchers the pages may use here: this machine, and a cluster where it is there and switched on."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from types import ModuleType

import streamlit as st

from ui import settings
from vlass_explorer import launchers
from vlass_explorer.launchers import local, slurm
from vlass_explorer.launchers.begin import Launch
from vlass_explorer.runs.slurm import read_note
from vlass_explorer.schema import Run, RunError, field_help

HERE, CLUSTER = "This machine", "SLURM"


def check_allowed() -> None:
    """RunError where training is off, whoever asks."""
    if not settings.training_allowed():
        raise RunError("Training from the page is switched off here (VLASS_EXPLORER_TRAINING).")


def choice() -> Launch:
    """Draw the choice of a launcher, where there is one, with what a job asks for; return how to launch a run."""
    if not (settings.cluster_allowed() and slurm.is_available()):
        return local.launch
    name = st.segmented_control("Run on", [HERE, CLUSTER], default=HERE, required=True, key="train_launcher")
    return local.launch if name == HERE else partial(slurm.launch, resources=_resources())


def _resources() -> slurm.Resources:
    """One widget for each field: its help is the docstring under it."""
    texts, asked = field_help(slurm.Resources), slurm.Resources()
    st.caption("GPUs and nodes of the job are devices and nodes under All options, Machine.")
    with st.grid("auto", min_column_width=140, vertical_alignment="bottom"):
        for field in fields(slurm.Resources):
            label, key = field.name.replace("_", " ").capitalize(), f"train_slurm_{field.name}"
            if isinstance(field.default, str):
                value: object = st.text_input(label, field.default, key=key, help=texts[field.name], max_chars=80)
            else:
                value = st.number_input(label, value=field.default, min_value=0, key=key, help=texts[field.name])
            asked = replace(asked, **{field.name: value})
    return asked


def of(run: Run) -> ModuleType:
    """The launcher that started a run; RunError where training is off."""
    check_allowed()
    return launchers.of(run)


def again(run: Run) -> Launch:
    """How to launch an ended run again: where it ran before, with the same partition and time limit."""
    module = of(run)
    if module is not slurm:
        return local.launch
    note = read_note(run.path)
    known = {key: note[key] for key in ("partition", "minutes") if key in note}
    return partial(slurm.launch, resources=slurm.Resources(**known))
