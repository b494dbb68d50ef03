"""Which launchers the pages may use here: this machine, and a cluster where it is there and switched on."""

from __future__ import annotations

from functools import partial

import streamlit as st

from vlass_explorer import options
from vlass_explorer.launchers import local, slurm
from vlass_explorer.launchers.begin import Launch

from .. import controls, settings

HERE, CLUSTER = "This machine", "SLURM"


def choice() -> Launch:
    """Draw the choice of a launcher, where there is one, with what a job asks for; return how to launch a run."""
    if not (settings.cluster_allowed() and slurm.is_available()):
        return local.launch
    name = st.segmented_control("Run on", [HERE, CLUSTER], default=HERE, required=True, key="train_launcher")
    return local.launch if name == HERE else partial(slurm.launch, resources=_resources())


def _resources() -> slurm.Resources:
    """One widget for each field."""
    known = options.of(slurm.Resources)
    st.caption("GPUs and nodes of the job are devices and nodes under All options, Machine.")
    with st.grid("auto", min_column_width=140, vertical_alignment="bottom"):
        asked = {name: controls.option(each, each.default, f"train_slurm_{name}") for name, each in known.items()}
    return slurm.Resources(**asked)
