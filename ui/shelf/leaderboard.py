"""Checkpoints that were measured on the same data, side by side: table, plots, CSV and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import streamlit as st

from vlass_explorer import predict
from vlass_explorer.evaluation import cost, leaderboard
from vlass_explorer.evaluation.cost import Cost
from vlass_explorer.figures import evaluation as figures
from vlass_explorer.schema import Checkpoint, ExplorerError

from .. import loaders
from ..text import plain

SCORES = ("macro F1", "accuracy", "macro AUROC")
WIDE = {"checkpoint": "Checkpoint", "architecture": "Architecture", "95 %": "95 % interval of macro F1"}


COST_HELP = (
    "Measured here when this is on: operations by torch's counter, a multiplication and an addition as two; medians of "
    "ten passes; weights, gradients and activations of the backward pass. On the command line: profile."
)
NOTES = {
    "trained": "These checkpoints were trained on cutouts that they are measured on here: this is no test.",
    "selected": "Each was validated on these cutouts while it was made and trained on none of them: a validation, "
    "not a test.",
    "unknown": "The cards do not list what was trained on, so that nobody knows whether this is a test.",
}


def draw(cards: list[Checkpoint]) -> None:
    """Draw the leaderboard of the cards that were measured on the same cutouts; nothing else can be compared."""
    groups = leaderboard.groups(cards)
    if not groups:
        st.caption("No checkpoint yet: train one on the Train page.")
        return
    setting = st.selectbox(
        "Measured on",
        list(groups),
        key="board_setting",
        format_func=lambda name: f"{name} ({len(groups[name])})",
        help="Figures on other cutouts, on another split or fold, or on what was trained on cannot be compared.",
    )
    chosen = groups[setting]
    frame = leaderboard.table(chosen)
    if any(card.provenance.simulated for card in chosen):
        st.badge("Simulated data", icon=":material/science:", color="orange")
    if told := NOTES.get(leaderboard.status(chosen[0])):
        (st.warning if leaderboard.status(chosen[0]) == "trained" else st.caption)(told)
    if st.toggle("Cost of one image", key="board_cost", help=COST_HELP):
        _insert_cost(frame, {card.name: _cost_or_reason(card) for card in chosen})
    numbers = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    st.dataframe(
        frame,
        hide_index=True,
        alt=f"Checkpoints measured on {setting}",
        column_config={name: st.column_config.NumberColumn(format="%.3f") for name in numbers}
        | {name: st.column_config.TextColumn(label) for name, label in WIDE.items()},
    )
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            leaderboard.to_csv(frame),
            "leaderboard.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            key="board_csv",
        )
        st.download_button(
            "LaTeX",
            leaderboard.to_latex(frame, setting),
            "leaderboard.tex",
            "application/x-tex",
            on_click="ignore",
            icon=":material/download:",
            key="board_tex",
        )
    _plots(frame)


def _plots(frame: pd.DataFrame) -> None:
    score = st.segmented_control("Score", SCORES, default=SCORES[0], required=True, key="board_score")
    if frame[score].isna().all():
        st.caption(f"None of these cards holds {plain(score)}.")
        return
    cells = st.grid(2, min_column_width=360, gap="medium")
    with cells.cell():
        st.plotly_chart(
            figures.score_bars(frame, score),
            key="board_bars",
            config={"displaylogo": False},
            alt=f"{score} of each checkpoint",
        )
    with cells.cell():
        st.plotly_chart(
            figures.against_parameters(frame, score),
            key="board_size",
            config={"displaylogo": False},
            alt=f"{score} against the number of parameters",
        )


def _insert_cost(frame: pd.DataFrame, by_name: dict[str, Cost | None]) -> None:
    """Columns of what one image costs, behind the parameters; the device is named above the table."""
    known = [found for found in by_name.values() if found is not None]
    if known:
        st.caption(f"One image in 32-bit floats on {plain(known[0].device)}.")
    costs = [by_name[name] for name in frame["checkpoint"]]
    columns: dict[str, Callable[[Cost], float]] = {
        "GFLOPs": lambda cost: cost.flops / 1e9,
        "forward (ms)": lambda cost: 1e3 * cost.forward_seconds,
        "forward and backward (ms)": lambda cost: 1e3 * cost.both_seconds,
        "memory (MB)": lambda cost: cost.peak_bytes / 1e6,
    }
    for place, (name, value) in enumerate(columns.items()):
        frame.insert(3 + place, name, [math.nan if cost is None else value(cost) for cost in costs])


def _cost_or_reason(card: Checkpoint) -> Cost | None:
    """None for a checkpoint that cannot be loaded; the reason is drawn."""
    try:
        return _cost(card)
    except ExplorerError as error:
        st.warning(f"{plain(card.name)} has no cost. {plain(error)}")
        return None


@st.cache_data(show_spinner="Measuring one image", max_entries=200, hash_funcs=loaders.HASHES)
def _cost(card: Checkpoint) -> Cost:
    model = loaders.model(card)
    with predict.model_errors(card):
        return cost.profile(model, cost.shape_of(card.input_spec))
