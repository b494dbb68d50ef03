"""What is compared on the Compare page: checkpoints by one method, or methods on one checkpoint."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer.checkpoints import tasks
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, Window

from .. import loaders
from ..sidebar import Subject
from ..text import WITHHELD, plain
from . import links, methods
from .maps import Request

MOST = 4
CHECKPOINTS, METHODS = "checkpoints", "methods"
PREDICTED = "what each predicts"


def window(card: Checkpoint, cutout: Cutout) -> Window:
    """The part of the cutout that a checkpoint saw."""
    return loaders.seen(card, cutout)[1]


def choose(about: Subject) -> list[Request]:
    """Draw what is compared; return one explanation to make for each column, at most four."""
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        links.follow("compare_what", "compare", [CHECKPOINTS, METHODS], "comparison")
        what = st.segmented_control(
            "Compare",
            [CHECKPOINTS, METHODS],
            default=CHECKPOINTS,
            required=True,
            key="compare_what",
            persist_state="session",
            format_func=str.capitalize,
        )
    links.keep("compare", [what])
    return _methods(about, row) if what == METHODS else _checkpoints(about, row)


def _methods(about: Subject, row: DeltaGenerator) -> list[Request]:
    """Up to four methods on the chosen checkpoint."""
    links.keep("with", [])
    with row:
        with st.container(width=360):
            chosen = methods.choose_many(about.card, "compare_methods", MOST)
        target, against = methods.choose_labels(about.card, about.prediction, "compare")
    options = methods.draw_options(chosen, f"compare_{about.card.name}")
    return [Request(about.card, about.prediction, name, target, against, options[name]) for name in chosen if target]


def _checkpoints(about: Subject, row: DeltaGenerator) -> list[Request]:
    """The chosen checkpoint and up to three others, by one method."""
    cards = {card.name: card for card in tasks.of(loaders.cards(), "classification")}
    others = [name for name in cards if name != about.card.name]
    links.follow("compare_with", "with", others, "checkpoint", many=True)
    wanted = st.session_state.get("compare_with", others[:1])
    st.session_state["compare_with"] = [name for name in wanted if name in others][: MOST - 1]
    with row:
        with st.container(width=300):
            chosen = st.multiselect(
                f"{about.card.name} with",
                others,
                key="compare_with",
                max_selections=MOST - 1,
                persist_state="session",
                placeholder="Choose checkpoints",
            )
        compared = [about.card, *(cards[name] for name in chosen)]
        method = methods.choose_one(compared, "compare_method")
        common = [name for name in about.card.label_names if all(name in card.label_names for card in compared)]
        label = st.selectbox("Explained label", [PREDICTED, *common], key=f"compare_label_{common}", width=180)
    links.keep("with", chosen)
    options = methods.draw_options([method], "compare")[method]
    requests = []
    for card in compared:
        try:
            prediction = loaders.prediction(card, about.cutout)
        except ExplorerError as error:
            st.info(f"{plain(card.name)}: {plain(error)}")
            continue
        if label == PREDICTED and prediction.validity.level == "outside":
            st.info(f"{plain(card.name)}: {WITHHELD}", icon=":material/block:")
            continue
        applies, reason = loaders.supports(card, method)
        if not applies:
            st.info(f"{plain(card.name)}: {plain(reason)}", icon=":material/visibility_off:")
            continue
        requests.append(
            Request(card, prediction, method, prediction.label if label == PREDICTED else label, None, options)
        )
    return requests
