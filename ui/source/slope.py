"""The spectral index of a source between two of its images, with every warning that belongs to it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from vlass_explorer import quantities
from vlass_explorer.export import epochs as export
from vlass_explorer.schema import ExplorerError

from ..text import plain
from . import cached, changes
from .gather import Gathered


def draw(gathered: Gathered) -> None:
    """Draw the choice of two images, the index with both errors, what it is between, and the warnings."""
    pair = changes.choose(gathered, "source_slope", _usual(gathered))
    if pair is None:
        return
    try:
        with st.spinner("Measuring"):
            found = cached.index(pair[0].cutout, pair[1].cutout, gathered.position)
    except ExplorerError as error:
        st.info(plain(error), icon=":material/show_chart:")
        return
    scales = "flux scales not known" if found.scale_error is None else f"± {found.scale_error:.2f} by the flux scales"
    value = f"{found.value:.2f} ± {found.error:.2f}".replace("-", "−")
    st.markdown(f"**Spectral index {plain(value)} by the noise, {plain(scales)}**")
    parts = []
    for name, frequency, measured in zip(found.names, found.frequencies, found.fluxes, strict=True):
        flux = quantities.flux(measured.flux, measured.flux_error)
        parts.append(f"{name} {flux} at {quantities.frequency(frequency)}")
    st.caption(plain(f"{'; '.join(parts)}. Both at {found.beam}, summed over one footprint. S ~ frequency^index."))
    st.warning("\n".join(f"- {plain(line)}" for line in found.warnings), icon=":material/warning:")
    st.download_button(
        "JSON",
        partial(export.index_json, found),
        "spectral_index.json",
        "application/json",
        on_click="ignore",
        icon=":material/download:",
        key="source_get_index",
    )


def _usual(gathered: Gathered) -> tuple[int, int]:
    """The first image with another frequency than the first of all."""
    shown = gathered.shown
    told = [one.cutout.origin.frequency_ghz for one in shown]
    for place, frequency in enumerate(told):
        if told[0] is not None and frequency is not None and abs(frequency / told[0] - 1.0) > 0.05:
            return 0, place
    return 0, min(1, len(shown) - 1)
