"""Which launchers the pages may use here: this machine, and a cluster where it is there and switched on."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import Any

import streamlit as st

from vlass_explorer.launchers import local, slurm
from vlass_explorer.launchers.begin import Launch
from vlass_explorer.schema import field_help

from .. import settings

HERE, CLUSTER = "This machine", "SLURM"


def choice() -> Launch:
    """Draw the choice of a launcher, where there is one, with what a job asks for; return how to launch a run."""
    if not (settings.cluster_allowed() and slurm.is_available()):
        return local.launch
    name = st.segmented_control("Run on", [HERE, CLUSTER], default=HERE, required=True, key="train_launcher")
    return local.launch if name == HERE else partial(slurm.launch, resources=_resources())


def _resources() -> slurm.Resources:
    """One widget for each field: its help is the docstring under it."""
    texts, chosen = field_help(slurm.Resources), dict[str, Any]()
    st.caption("GPUs and nodes of the job are devices and nodes under All options, Machine.")
    with st.grid("auto", min_column_width=140, vertical_alignment="bottom"):
        for field in fields(slurm.Resources):
            label, key = field.name.replace("_", " ").capitalize(), f"train_slurm_{field.name}"
            default: Any = field.default
            if isinstance(default, str):
                value: object = st.text_input(label, default, key=key, help=texts[field.name], max_chars=80)
            else:
                zero = type(default)(0)  # streamlit refuses a mixture of whole and other numbers
                value = st.number_input(label, value=default, min_value=zero, key=key, help=texts[field.name])
            chosen[field.name] = value
    return slurm.Resources(**chosen)
