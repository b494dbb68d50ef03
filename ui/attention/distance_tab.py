"""The distance tab of the Attention page: how far each head looks, on one cutout or as a mean over many.

No fragment: measuring many cutouts takes a while and can be stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from vlass_explorer.attention.distance import many_attention_distances
from vlass_explorer.figures.distance import distance_plot
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, FloatArray, Window

from .. import loaders, slow, state
from ..text import plain
from . import cached, view
from .view import MEAN, Key

MOST = 64
"""Cutouts that are measured at most."""
ONE, OWN, EXAMPLES = "this cutout", "all own cutouts", "all examples"
ABOUT = (
    "Attention times distance between patch centres, mean over all patches; attention on class tokens counts as 0. "
    "Heads that look near work like a convolution. A click chooses layer and head of the first tab."
)


def draw(key: Key, card: Checkpoint, cutout: Cutout, window: Window) -> None:
    """Draw the distance of every head and layer, in arcsec where there is a pixel scale."""
    kinds = {entry.kind == "example" for entry in state.entries().values()}
    over = st.segmented_control(
        "Measured on",
        [ONE, *([OWN] if False in kinds else []), *([EXAMPLES] if True in kinds else [])],
        default=ONE,
        required=True,
        key=key("far_over"),
    )
    if over == ONE:
        pixel = view.input_pixel(cutout, window, card.input_spec.img_size)
        _plot(key, cached.distances(card, cutout), None, pixel)
        st.caption(ABOUT)
        return
    cutouts, left = _cutouts(card, examples=over == EXAMPLES)
    if not cutouts:
        st.info(f"{plain(card.name)} takes none of these files.")
        return
    hashes = tuple(each.sha256 for each in cutouts)
    found = slow.run(
        st.empty(),
        f"far_{card.name}_{hash(hashes)}",
        f"Attention of {len(cutouts)} cutouts",
        lambda: loaders.remembered("distances", card, cutouts[0], hashes, lambda: _measure(card, cutouts)),
    )
    if found is None:
        return
    pixels = [_input_pixel(card, each) for each in cutouts]
    scales = [1.0 if pixel is None else pixel for pixel in pixels]
    on_sky = None not in pixels
    values = [layer * np.array(scales)[:, None] if on_sky else layer for layer in found]
    _plot(key, [layer.mean(0) for layer in values], [layer.std(0) for layer in values], 1.0 if on_sky else None)
    more = f" {left} were left out: beyond the first {MOST}, or not for this checkpoint." if left else ""
    if not on_sky:
        more += f" In pixels of the model input: {pixels.count(None)} have no pixel scale."
    st.caption(f"Mean and standard deviation over {len(cutouts)} cutouts.{more} {ABOUT}")


def _cutouts(card: Checkpoint, *, examples: bool) -> tuple[list[Cutout], int]:
    """Cutouts of the session that this checkpoint takes, and how many more there are."""
    entries = [entry for entry in state.entries().values() if (entry.kind == "example") == examples]
    found = []
    for entry in entries[:MOST]:
        try:
            cutout = loaders.cutout(entry, state.reading(entry))
            loaders.tensor(card, cutout)
        except ExplorerError:
            continue  # said in the list of files
        found.append(cutout)
    return found, len(entries) - len(found)


def _measure(card: Checkpoint, cutouts: Sequence[Cutout]) -> tuple[FloatArray, ...]:
    images = (loaders.tensor(card, cutout) for cutout in cutouts)
    return many_attention_distances(loaders.model(card), images, len(cutouts))


def _input_pixel(card: Checkpoint, cutout: Cutout) -> float | None:
    _, window = loaders.seen(card, cutout)
    return view.input_pixel(cutout, window, card.input_spec.img_size)


def _plot(key: Key, distances: Sequence[FloatArray], spread: Sequence[FloatArray] | None, arcsec: float | None) -> None:
    """Draw one point a head, the chosen one ringed; a click chooses it."""
    layer = st.session_state.get(key("layer"), len(distances) - 1)
    head = st.session_state.get(key("head"), MEAN)
    chosen = layer, None if head == MEAN else int(head) - 1
    tiles = [(row, column) for row, each in enumerate(distances) for column in range(len(each))]

    def take(point: int) -> None:
        chosen_layer, chosen_head = tiles[point]
        st.session_state.update({key("layer"): chosen_layer, key("head"): str(chosen_head + 1)})

    chart = key("distances")
    st.plotly_chart(
        distance_plot(distances, spread=spread, arcsec=arcsec, chosen=chosen),
        key=chart,
        on_select=view.pick(chart, take),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Attention distance of each head against the layers",
    )
