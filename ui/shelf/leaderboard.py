"""Checkpoints that were measured on the same data, side by side: table, plots, CSV and LaTeX."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from vlass_explorer import predict
from vlass_explorer.evaluation import cost, leaderboard
from vlass_explorer.figures import evaluation as figures
from vlass_explorer.schema import Checkpoint, ExplorerError

from .. import loaders
from ..text import plain

SCORES = ("macro F1", "accuracy", "macro AUROC")
WIDE = {"checkpoint": "Checkpoint", "architecture": "Architecture", "95 %": "95 % interval of macro F1"}


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
    if st.toggle("Cost of one forward pass", key="board_cost", help="FLOPs by torch's counter, time measured here."):
        by_name = {card.name: _cost_or_reason(card) for card in chosen}
        frame.insert(3, "GFLOPs", [by_name[name][0] for name in frame["checkpoint"]])
        frame.insert(4, "forward (ms)", [by_name[name][1] for name in frame["checkpoint"]])
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


def _cost_or_reason(card: Checkpoint) -> tuple[float, float]:
    """NaN for a checkpoint that cannot be loaded; the reason is drawn."""
    try:
        return _cost(card)
    except ExplorerError as error:
        st.warning(f"{plain(card.name)} has no cost. {plain(error)}")
        return math.nan, math.nan


@st.cache_data(show_spinner="Measuring one forward pass", max_entries=200, hash_funcs=loaders.HASHES)
def _cost(card: Checkpoint) -> tuple[float, float]:
    model = loaders.model(card)
    with predict.model_errors(card):
        return cost.flops(model, card.input_spec) / 1e9, 1e3 * cost.forward_seconds(model, card.input_spec)
