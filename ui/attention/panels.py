"""The parts of the Attention page; each is a fragment, so that a click redraws only its own part."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import explainers, export
from vlass_explorer.schema import (
    Checkpoint,
    Cutout,
    Explanation,
    ExplorerError,
    Prediction,
    Window,
)

from .. import boundary, controls, loaders, results, slow
from ..text import WITHHELD, plain
from . import cached, distance_tab, position_tab, token_tab, view
from .view import Key


def draw(card: Checkpoint, cutout: Cutout, window: Window, prediction: Prediction, width: int) -> None:
    """Draw the parts as tabs; a model without attention that can be placed gets its reason and the gradients.

    ``width``: of the main column in pixels.
    """
    key = view.keys(card.name)
    applies, reason = loaders.supports(card, "attention_rollout")
    if loaders.supports(card, "token_maps")[0]:
        learned, gradients = st.tabs(["Token maps", "Integrated gradients"], on_change="rerun", key="token_tabs")
        if learned.open:
            with learned:
                token_tab.draw(key, card, cutout, window, prediction, width)
        if gradients.open:
            with gradients:
                integrated_gradients(card, cutout, window, prediction)
        return
    if not applies:
        st.info(f"No attention to show: {plain(reason)}")
        _others()
        st.subheader("Integrated gradients", anchor=False)
        integrated_gradients(card, cutout, window, prediction)
        return
    names = ["Layers and heads", "How far each head looks", "Position embedding", "Integrated gradients"]
    layers, far, positions, gradients = st.tabs(names, on_change="rerun", key="attention_tabs")
    if layers.open:
        with layers:
            layers_and_heads(key, card, cutout, window, prediction, width)
    if far.open:
        with far:
            distance_tab.draw(key, card, cutout, window)
    if positions.open:
        with positions:
            position_tab.draw(key, card, cutout, window)
    if gradients.open:
        with gradients:
            integrated_gradients(card, cutout, window, prediction)


def is_of_pixels(card: Checkpoint | None) -> bool:
    """Does it label pixels and have something to show here all the same?"""
    try:
        return card is not None and card.task == "segmentation" and loaders.supports(card, "token_maps")[0]
    except ExplorerError:  # said where the checkpoint is asked
        return False


def draw_pixels(card: Checkpoint, cutout: Cutout, width: int) -> None:
    """Draw the token maps of a checkpoint that labels pixels, or why its input cannot be made."""
    try:
        _, window = loaders.seen(card, cutout)
    except ExplorerError as error:
        st.warning(plain(error))
        return
    st.caption(
        f"{plain(cutout.name)} through {plain(card.name)}, which labels pixels: its tokens alone are shown, for other "
        "maps need the score of a whole image."
    )
    token_tab.draw(view.keys(card.name), card, cutout, window, None, width)


def _others() -> None:
    """Offer the checkpoints of the shelf that have attention."""
    names = []
    for card in loaders.cards():
        with suppress(ExplorerError):  # one that cannot be loaded
            names += [card.name] if loaders.supports(card, "attention_rollout")[0] else []
    with st.container(horizontal=True, gap="small"):
        for name in names[:4]:
            st.button(
                f"Look at {plain(name)}",
                icon=":material/grid_view:",
                key=f"attention_of_{name}",
                on_click=st.session_state.update,
                args=({"checkpoint": name},),
            )


@st.fragment
@boundary.guarded()
def layers_and_heads(
    key: Key, card: Checkpoint, cutout: Cutout, window: Window, prediction: Prediction, width: int
) -> None:
    """Overview of all layers and heads; below it the sky, one enlarged map and the rollout on the same axes."""
    found = cached.maps(card, cutout)
    layers, heads = len(found.layers), max(layer.weights.shape[0] for layer in found.layers)
    label = card.label_names.index(prediction.label)  # attention is the same for every label
    top = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        overlay_place = st.container(horizontal=True, width="content")
    panels = st.grid(3, min_column_width=270)
    sky, one, rolled = panels.cell(), panels.cell(), panels.cell()
    with sky:
        with _controls():
            query = view.query_controls(key, found.grid)
        view.draw_sky(key, cached.sky_figure(cutout, window, found.grid, query), found.grid)
    with one:
        with _controls():
            layer, head = view.layer_controls(key, layers, heads)
        layer_options = {"layer": layer, "head": head, "query": query}
        asked = ("layer_attention", label, tuple(layer_options.items()))
        layer_map = loaders.explanation(card, cutout, *asked)
        with overlay_place:
            overlay = controls.overlay(layer_map)
        figure = cached.map_figure(card, cutout, window, *asked, overlay, query)
        view.draw_map(key("one"), figure, layer_map.titles[overlay.panel])
    with rolled:
        with _controls():
            rollout_options: dict[str, Any] = {**view.rollout_controls(key), "query": query}
        asked = ("attention_rollout", label, tuple(rollout_options.items()))
        rollout = loaders.explanation(card, cutout, *asked)
        figure = cached.map_figure(card, cutout, window, *asked, overlay, query)
        view.draw_map(key("rolled"), figure, rollout.titles[overlay.panel])
    with top:
        picture = partial(cached.overview_picture, card, cutout, query)
        view.draw_overview(key, cached.overview(card, cutout, query), picture, layer, head, width)
    st.caption("  \n".join(f"{plain(each.titles[0])}: {plain(each.caption)}" for each in (layer_map, rollout)))
    every = cached.all_layers(card, cutout, head, query)
    play = st.expander("Play through the layers", icon=":material/animation:", on_change="rerun", key=key("play"))
    if play.open:
        with play:
            view.draw_player(key, cutout, window, every, overlay)
    shown = {
        "Rollout": (rollout, "attention_rollout", rollout_options),
        "Layer": (layer_map, "layer_attention", layer_options),
        "All layers": (every, "layer_attention", {"head": head, "query": query}),
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        what = st.segmented_control(
            "Download", list(shown), default="Rollout", required=True, key=key("what"), label_visibility="collapsed"
        )
        explanation, method, options = shown[what]
        results.downloads(explanation, cutout, export.Provenance(card, method, prediction.label, options, prediction))


def _controls() -> DeltaGenerator:
    """Room of one line for the controls of each panel, so that the three pictures stand level."""
    return st.container(height=84, border=False, vertical_alignment="bottom")


def integrated_gradients(card: Checkpoint, cutout: Cutout, window: Window, prediction: Prediction) -> None:
    """Attribution of one label's score with its completeness error; works for every checkpoint."""
    method = "integrated_gradients"
    names = list(card.label_names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = None if prediction.validity.level == "outside" else names.index(prediction.label)
        target = st.selectbox("Explained label", names, first, width=190, placeholder="none")
        chosen = controls.options(explainers.options(method), f"attention_{method}_{card.name}")
    if target is None:
        st.info(WITHHELD, icon=":material/block:")
        return
    key = (method, names.index(target), tuple(sorted(chosen.items())))
    try:
        explanation = slow.run(
            st.empty(),
            f"attention_{cutout.sha256[:8]}_{card.name}_{key}",
            "Integrating the gradients",
            lambda: loaders.explanation(card, cutout, *key),
        )
    except ExplorerError as error:
        st.info(plain(error))
        return
    if explanation is None:  # stopped
        return
    with st.container(horizontal=True):
        overlay = controls.overlay(explanation)
    panels = st.grid(3, min_column_width=270)
    with panels.cell():
        view.draw_plain_sky("attention_gradients_sky", cutout, window)
    with panels.cell():
        figure = view.map_figure(cutout, window, explanation, overlay, None, scale="logit a pixel")
        view.draw_map("attention_gradients", figure, explanation.titles[overlay.panel])
    with panels.cell():
        _numbers(explanation)
    results.downloads(explanation, cutout, export.Provenance(card, method, target, chosen, prediction))


def _numbers(explanation: Explanation) -> None:
    """How complete the attribution is: its pixels should add up to the change of the logit."""
    found = dict(explanation.numbers)
    st.metric(
        "Completeness error",
        f"{float(found.pop('completeness_error')):.2%}",
        help="|sum of the map − change of the logit| as a share of that change. Below 5 % counts as converged.",
    )
    if found.pop("converged"):
        st.badge("Converged", icon=":material/check:", color="green")
    else:
        st.badge("Not converged", icon=":material/priority_high:", color="orange")
    results.numbers(replace(explanation, numbers=found))
