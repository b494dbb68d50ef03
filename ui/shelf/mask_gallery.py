"""Evaluate a checkpoint that labels pixels on images with masks: its report, and the images where it is worst."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer.evaluation import MaskResult, Part, evaluate_masks, mask_pairs, parts
from vlass_explorer.evaluation.mask_pairs import MaskPair
from vlass_explorer.figures import classes
from vlass_explorer.schema import Checkpoint, ExplorerError, RunConfig

from .. import loaders, results, slow, state
from ..text import plain
from . import evaluate

SHOWN = 12


@dataclass(frozen=True, eq=False)
class Done:
    """An evaluation that the open page holds: of which part, from where, and what came out."""

    part: Part
    data_dir: str
    result: MaskResult
    worst: dict[int, MaskPair | ExplorerError]
    """Place in the data set -> the image, or why it cannot be shown; the worst first."""


def draw(card: Checkpoint) -> None:
    """Draw the form that evaluates on images with masks, and what that gave."""
    st.subheader("On images with masks", anchor=False)
    done = evaluate.asked(card, f"mask_evaluation_{card.name}_{card.sha256}", _run)
    if done is not None:
        _draw(card, done)


def _run(place: DeltaGenerator, card: Checkpoint, config: RunConfig, part: str) -> Done | None:
    """The evaluation, with its progress in ``place``; None where it was stopped."""
    chosen = parts.select(card, config, part)
    key, model = f"mask_evaluate_{card.name}", loaders.model(card)
    st.session_state.get("stopped", set()).discard(key)  # the button was pressed again
    result = slow.run(place, key, "Evaluating", lambda: evaluate_masks(model, card, chosen))
    if result is None:
        return None
    worst: dict[int, MaskPair | ExplorerError] = {}
    for one in result.report.worst[:SHOWN]:
        index = result.indices[one.index]
        try:
            worst[index] = mask_pairs.of_item(model, card, chosen.data_set, index)
        except ExplorerError as error:  # the file may have gone since
            worst[index] = error
    return Done(chosen, config.data_dir, result, worst)


def _draw(card: Checkpoint, done: Done) -> None:
    part, report = done.part, done.result.report
    st.caption(f"{plain(part.data_set.title)} in `{done.data_dir or 'memory'}`: {plain(str(part))}")
    results.mask_report(report)
    if done.result.unreadable:
        first = next(iter(done.result.unreadable.values()))
        st.warning(f"{len(done.result.unreadable)} images have no figures, among them {plain(first)}")
    if not report.worst:
        return
    st.subheader("Where it is worst", anchor=False)
    st.html(f"Image, truth and prediction around what is labelled. {classes.legend(card.label_names)}")
    places = st.grid("auto", min_column_width=420, gap="medium")
    for index, found in done.worst.items():
        with places.cell(), st.container(gap="xxsmall"):
            _pair(done, index, found)
    if report.count > len(done.worst):
        st.caption(f"The {len(done.worst)} of {report.count} with the lowest mean IoU.")


def _pair(done: Done, index: int, found: MaskPair | ExplorerError) -> None:
    """One image three times, with its IoU."""
    item = done.part.data_set.items[index]
    if isinstance(found, ExplorerError):
        st.caption(plain(found))
        return
    part = classes.around(found.truth, found.predicted)
    st.image(classes.row([found.image[part]] * 3, [None, found.truth[part], found.predicted[part]]))
    each = ", ".join(f"{plain(name)} {value:.2f}" for name, value in found.iou.items())
    st.caption(f"Mean IoU {found.mean_iou:.2f}: {each}")
    if st.button(
        "Explore",
        key=f"worst_{index}",
        type="tertiary",
        icon=":material/explore:",
        on_click=partial(state.borrow, item, done.data_dir),
        help=plain(item.name),
    ):
        st.switch_page("pages/explore.py")
