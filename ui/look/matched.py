"""The same sky at the beam that the checkpoint was trained with, beside the cutout as it is."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from vlass_explorer import match, pictures, validity
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.quantities import angle
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, Prediction

from .. import loaders, results
from ..boundary import Viewport
from ..text import plain
from . import explain, maps, verdict

LARGE = 2**21
"""Pixels from which matching takes over a second and waits until it is asked for."""


def draw(
    card: Checkpoint,
    cutout: Cutout,
    prediction: Prediction,
    result: explain.Result | None,
    view: SkyView,
    *,
    whole_cutout: bool,
    screen: Viewport,
) -> None:
    """Draw one line that says whether the label changes at the training beam, and behind a switch both side by side.

    Nothing is drawn where the cutout is as the training data already, where the beam of either is not known, and where
    the matched cutout is no valid input.
    """
    beam = card.input_spec.beam
    if beam is None or cutout.beam is None:
        return
    survey = validity.plain_survey(card.input_spec.survey or "the training data")
    where = f"At the beam of {plain(survey)}, {beam}"
    if cutout.pixels.size > LARGE and not st.session_state.get("matched"):
        st.toggle(where, key="matched", persist_state="session")
        return
    try:
        matched = loaders.matched(card, cutout)
        if matched.native is None:
            return
        there = loaders.prediction(card, matched)
    except ExplorerError as error:
        if prediction.validity.level != "ok":
            st.caption(f"Not matched to the beam of the training data. {plain(error)}")
        return
    if there.validity.level == "outside":
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        said = f"{where}: {plain(there.label)} {there.probabilities.max():.2f}."
        with st.container(gap="xxsmall", width="stretch"):
            st.markdown(f"{said} {_change(prediction, there)}")
            _second_view(card, cutout, there)
        if not st.toggle("Side by side", key="matched", persist_state="session"):
            return
    _side_by_side(card, matched, there, prediction, result, view, whole_cutout=whole_cutout, screen=screen)


def _second_view(card: Checkpoint, cutout: Cutout, there: Prediction) -> None:
    """Draw the label at the same scale in beams, and what it means that both views agree or do not, as measured."""
    try:
        other = loaders.in_beams(card, cutout)
        side = match.in_beams(cutout, card.input_spec).field_of_view
    except ExplorerError as error:
        st.caption(f"Not shown at the same scale in beams. {plain(error)}")
        return
    st.caption(
        f"Unsmoothed at the same scale in beams ({plain(angle(side))} across): {plain(other.label)} "
        f"{other.probabilities.max():.2f}. {plain(pictures.on_agreement(card, other.label == there.label))}"
    )


def _change(native: Prediction, there: Prediction) -> str:
    if native.validity.level == "outside":
        return "As it is, the cutout is no valid input."
    if native.label == there.label:
        return "**The label stays.**"
    return f"**The label changes**, from {plain(native.label)} {native.probabilities.max():.2f}."


def _side_by_side(
    card: Checkpoint,
    matched: Cutout,
    there: Prediction,
    native: Prediction,
    result: explain.Result | None,
    view: SkyView,
    *,
    whole_cutout: bool,
    screen: Viewport,
) -> None:
    """Image, model input and map of the matched cutout below those of the native one, and the scores of both."""
    other = None
    if result is not None:
        given = result.provenance
        request = maps.Request(card, there, given.method, given.target, given.against, dict(given.options))
        explanation = maps.explanation(st.empty(), matched, request)
        if explanation is not None:
            other = replace(
                result, explanation=explanation, provenance=request.provenance, stamp=f"matched {result.stamp}"
            )
    seen, window = loaders.seen(card, matched)
    # Limits by hand are those of the native beam: brightness per another beam is another number.
    explain.panels_chart(
        matched,
        replace(view, limits=None),
        window,
        seen,
        other,
        whole_cutout=whole_cutout,
        screen=screen,
        key="matched_panels",
    )
    if other is not None:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.caption(plain(" ".join(matched.native.steps if matched.native else ())), width="stretch")
            results.downloads(other.explanation, matched, other.provenance, key="get_matched")
    cells = st.grid(2, min_column_width=260, gap="medium")
    for title, said, key in (("As it is", native, "native_bars"), ("Matched", there, "matched_bars")):
        with cells.cell():
            st.caption(title)
            verdict.draw_small(said, said.label, None, key=key)
    if there.validity.reasons:
        st.caption("\n".join(f"- {plain(reason)}" for reason in there.validity.reasons))
