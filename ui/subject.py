"""What an explaining page is about: a cutout that a checkpoint has classified, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, Prediction, Window

from . import loaders
from .sidebar import Choice
from .text import plain


@dataclass(frozen=True)
class Subject:
    """One cutout through one checkpoint."""

    label: str
    """Name of the file on the page; user text, so show it through ``text.plain``."""
    cutout: Cutout
    card: Checkpoint
    prediction: Prediction
    window: Window
    """Part of the cutout that the model saw."""


def draw(choice: Choice) -> Subject | None:
    """The chosen cutout through the chosen checkpoint; where that is not possible the reason is drawn."""
    if choice.entry is None or choice.card is None:
        st.info("Choose a cutout and a checkpoint on the left.")
        return None
    if choice.cutout is None:
        st.error(f"{plain(choice.entry.label)}: {plain(choice.problem)}")
        return None
    try:
        prediction = loaders.prediction(choice.card, choice.cutout)
        _, window = loaders.seen(choice.card, choice.cutout)
    except ExplorerError as error:
        st.warning(plain(error))
        return None
    return Subject(choice.entry.label, choice.cutout, choice.card, prediction, window)


def sentence(subject: Subject) -> str:
    """File, checkpoint and prediction as Markdown on one line."""
    score = float(subject.prediction.probabilities.max())
    validity = subject.prediction.validity.level
    doubt = {"ok": "", "caution": ", with caution", "outside": ", outside what the checkpoint is for"}[validity]
    return (
        f"{plain(subject.label)} through {plain(subject.card.name)}: {plain(subject.prediction.label)}, softmax score "
        f"{score:.2f}{doubt}."
    )
