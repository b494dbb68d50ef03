"""The walk on the page: its parts, the lines of one part, the picture of one line; below, how the answer forms."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from torch import nn

from vlass_explorer import anatomy
from vlass_explorer.anatomy import Step
from vlass_explorer.figures import anatomy as drawn
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, FloatArray, Prediction

from .. import boundary, loaders
from ..text import plain
from . import pictures

ENDS = {"start": "Start"}


@loaders.MEMORY.cached
def walk(card: Checkpoint, cutout: Cutout) -> tuple[tuple[Step, ...], FloatArray | None, str]:
    """Steps of the pass, logits after each block, and the reason where there are none; shared, so never change it."""
    model = loaders.model(card)
    _, operations = anatomy.record(model, loaders.tensor(card, cutout))
    try:
        return anatomy.steps(operations), anatomy.after_blocks(model, operations), ""
    except ExplorerError as error:
        return anatomy.steps(operations), None, str(error)


@loaders.MEMORY.cached
def heads(card: Checkpoint, cutout: Cutout, target: int) -> FloatArray:
    """Change (layer, head) of the target's score with one head off."""
    return anatomy.without_heads(loaders.model(card), loaders.tensor(card, cutout), target)


def draw(card: Checkpoint, cutout: Cutout, prediction: Prediction) -> None:
    """Draw the walk and what follows from it."""
    model = loaders.model(card)
    steps, logits, reason = walk(card, cutout)
    _walk(card, model, steps)
    _answer(card, cutout, prediction, logits, reason)
    _notes()


@st.fragment
@boundary.guarded()
def _walk(card: Checkpoint, model: nn.Module, steps: tuple[Step, ...]) -> None:
    parts = list(dict.fromkeys(step.part for step in steps))
    key = f"anatomy_part_{card.name}"
    part = st.pills("Part of the model, in the order of the pass", parts, default=parts[0], required=True, key=key)
    lines = [step for step in steps if step.part == part]
    table = pd.DataFrame(
        {
            "Step": [step.name for step in lines],
            "Formula": [step.formula for step in lines],
            "Shape": [" × ".join(map(str, step.shape)) for step in lines],
            "Parameters": [_count(model, step) for step in lines],
            "RMS": [step.norm for step in lines],
            "Module": [step.module for step in lines],
        }
    )
    chosen: Any = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        row_height=28,
        height="content",
        key=f"anatomy_lines_{card.name}_{part}",
        column_config={"RMS": st.column_config.NumberColumn(format="%.3g", help="Root mean square of the result.")},
        alt="The steps of this part of the model",
    )
    rows = chosen["selection"]["rows"]
    step = lines[rows[0]] if rows else lines[-1]
    said = "" if rows else " (choose a line for another)"
    st.caption(f"**{plain(step.name)}**, {' × '.join(map(str, step.shape))}{said}")
    if step.output is None:
        st.info("The tensors of this pass are too large to be kept: numbers only.")
        return
    grid, prefix = tokens(model)
    figure, words = pictures.picture(step, grid, prefix, card.label_names)
    weights = pictures.filters(step, model)
    if weights is not None:
        both = ["What it makes", "Its filters"]
        key = f"anatomy_shown_{card.name}_{part}_{step.operation}"
        shown = st.segmented_control("Picture", both, default=both[0], required=True, key=key)
        figure, words = weights if shown == both[1] else (figure, words)
    st.plotly_chart(figure, key=f"anatomy_picture_{card.name}_{part}_{step.name}_{step.operation}")
    st.caption(words)


def _count(model: nn.Module, step: Step) -> int:
    sizes = dict(model.named_parameters())
    return sum(sizes[name].numel() for name in step.parameters if name in sizes)


def tokens(model: nn.Module) -> tuple[tuple[int, int] | None, int]:
    """Patch grid (gy, gx) of the tokens, None for a model without patches, and how many tokens precede them."""
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    if grid is None:
        return None, 0
    return (int(grid[0]), int(grid[1])), int(getattr(model, "num_prefix_tokens", 0))


def _answer(card: Checkpoint, cutout: Cutout, prediction: Prediction, logits: FloatArray | None, reason: str) -> None:
    if prediction.validity.level == "outside":
        st.info("Outside what this checkpoint is for: how an answer forms is not shown where there is none.")
        return
    st.subheader("How the answer forms", anchor=False)
    if logits is None:
        st.caption(plain(reason))
        return
    st.plotly_chart(drawn.forming(logits, card.label_names), key=f"anatomy_forming_{card.name}")
    st.caption(
        "The tokens after each block, read out by the model's own last norm and head: they were trained for the last "
        "block, so that the first ones say little. The last point is the score itself."
    )
    _heads(card, cutout, prediction)


@st.fragment
@boundary.guarded()
def _heads(card: Checkpoint, cutout: Cutout, prediction: Prediction) -> None:
    if not st.toggle("Switch the heads off, one at a time", key=f"anatomy_heads_{card.name}"):
        return
    target = int(prediction.probabilities.argmax())
    found = heads(card, cutout, target)
    label = card.label_names[target]
    st.plotly_chart(drawn.heads(found, label), key=f"anatomy_off_{card.name}")
    st.caption(
        f"Change of the softmax score of {plain(label)} when this head alone adds nothing. Others may stand in for it: "
        "a change near 0 does not say that a head is unused."
    )


def _notes() -> None:
    with st.expander("What is often said otherwise", icon=":material/info:"):
        st.markdown(
            "- The MLP is not the only non-linearity of a transformer: the softmax of attention and every LayerNorm "
            "are non-linear, too.\n"
            "- The residual adds the input of each half of a block to what that half computes, so that a block starts "
            "from the tokens as they were and gradients pass it unchanged.\n"
            "- Accuracy on cutouts that a model trained on says nothing of others: the card gives validation and "
            "training figures apart.\n"
            "- Everything above is read from the real pass, bit for bit; scores and their softmax, which one fused "
            "function hides, are computed once more from what it was given."
        )
