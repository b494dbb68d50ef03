"""The card of a checkpoint: what it is, what it was trained on and how good it was there."""

from __future__ import annotations

import streamlit as st

from vlass_explorer import checkpoints
from vlass_explorer.schema import Checkpoint, Reports

from . import boundary
from .text import plain


def draw(card: Checkpoint) -> None:
    """Draw the short card, with the whole model card behind a button."""
    spec = card.input_spec
    lines = [f"{plain(card.architecture)}, {_count(card.parameters)} parameters"]
    lines.append(f"Tells apart {', '.join(plain(name) for name in card.label_names)}")
    lines.append(f"Trained on {plain(trained_on(card))}")
    if score := score_text(card.reports):
        lines.append(score)
    if card.provenance.simulated:
        st.badge("Trained on simulated data", icon=":material/science:", color="orange")
    st.caption("  \n".join(lines))
    size = f"{spec.img_size} × {spec.img_size}"
    if st.button("Model card", key="model_card", icon=":material/description:", type="tertiary", help=f"Input {size}"):
        _whole(card)


def trained_on(card: Checkpoint) -> str:
    """Survey, frequency and beam of the training data, or its name, in a few words."""
    spec = card.input_spec
    facts = [f"{spec.frequency_ghz:g} GHz"] if spec.frequency_ghz else []
    facts += (
        [
            f"{spec.beam_arcsec[0]:g}″"
            if len(set(spec.beam_arcsec)) == 1
            else f"{spec.beam_arcsec[0]:g}″×{spec.beam_arcsec[1]:g}″"
        ]
        if spec.beam_arcsec
        else []
    )
    facts += [f"{spec.pixel_scale_arcsec:g}″ pixels"] if spec.pixel_scale_arcsec else []
    name = spec.survey or card.provenance.data or "unnamed data"
    return f"{name} ({', '.join(facts)})" if facts else name


def score_text(reports: Reports) -> str | None:
    """Macro F1 with its interval and the accuracy of the first evaluation on a card."""
    found = {name: figures for name, figures in reports.evaluations.items() if figures.macro_f1 is not None}
    if not found:
        return None
    name, figures = next(iter(found.items()))
    low, high = figures.macro_f1_interval or (None, None)
    spread = f" ({low:.2f} to {high:.2f})" if low is not None else ""
    tail = f", accuracy {figures.accuracy:.2f}" if figures.accuracy is not None else ""
    leaks = " (trained on: no test)" if figures.seen is not None and figures.seen.status == "trained" else ""
    return f"Macro F1 {figures.macro_f1:.2f}{spread}{tail}, {plain(name)}{leaks}"


@st.dialog("Model card", width="large")
@boundary.guarded()
def _whole(card: Checkpoint) -> None:
    st.markdown(checkpoints.model_card(card))


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.2f} million" if parameters >= 1e5 else f"{parameters:,}"
