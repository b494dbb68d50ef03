"""Cached attention of one cutout through one checkpoint, and what is drawn from it: small maps, pictures, figures."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from vlass_explorer import attention
from vlass_explorer.attention import position_bias
from vlass_explorer.attention.position_bias import PositionBias
from vlass_explorer.explainers import token_maps
from vlass_explorer.explainers.token_maps import TokenMaps
from vlass_explorer.figures.colours import UNSIGNED_MAP
from vlass_explorer.figures.overview import picture
from vlass_explorer.figures.sky import Overlay
from vlass_explorer.schema import AttentionMaps, Checkpoint, Cutout, Explanation, FloatArray, Window

from .. import loaders
from . import view


@loaders.MEMORY.cached
def maps(card: Checkpoint, cutout: Cutout) -> AttentionMaps:
    """Attention of every layer in one forward pass; shared, so never change it."""
    return attention.attention_maps(loaders.model(card), loaders.tensor(card, cutout))[1]


@loaders.MEMORY.cached
def overview(card: Checkpoint, cutout: Cutout, query: int | None) -> FloatArray:
    """Maps (row, layer, gy, gx): row 0 the mean over heads, then every head; from the read-out or from one patch."""
    found = maps(card, cutout)
    heads = max(layer.weights.shape[0] for layer in found.layers)
    rows = [
        [
            attention.layer_map(found, layer, head if head is None or head < have else None, query)
            for layer, have in enumerate(each.weights.shape[0] for each in found.layers)
        ]
        for head in (None, *range(heads))
    ]
    return np.asarray(rows, np.float32)


def all_layers(card: Checkpoint, cutout: Cutout, head: int | None, query: int | None) -> Explanation:
    """Attention of every layer as the panels of one explanation: mean over the heads, or one head."""
    stack = overview(card, cutout, query)[0 if head is None else head + 1]
    which = "mean of the heads" if head is None else f"head {head + 1}"
    return Explanation(
        maps=stack,
        titles=tuple(f"Layer {number} of {len(stack)}, {which}" for number in range(1, len(stack) + 1)),
        signed=False,
        caption="Where attention flowed in each layer, not a cause.",
    )


@loaders.MEMORY.cached
def overview_picture(card: Checkpoint, cutout: Cutout, query: int | None, common: bool) -> str:
    """The maps of ``overview`` as one picture, a data URL; ``common``: on one colour scale."""
    return picture(overview(card, cutout, query), UNSIGNED_MAP, common=common)


@loaders.MEMORY.cached
def sky_figure(cutout: Cutout, window: Window, grid: tuple[int, int], query: int | None) -> go.Figure:
    """The field of view with a marker a patch; shared, so never change it."""
    return view.sky_figure(cutout, window, grid, query)


@loaders.MEMORY.cached
def map_figure(
    card: Checkpoint,
    cutout: Cutout,
    window: Window,
    method: str,
    target: int,
    options: loaders.Options,
    overlay: Overlay,
    query: int | None,
) -> go.Figure:
    """An explanation (see ``loaders.explanation``) on the axes of the sky; shared, so never change it."""
    return view.map_figure(cutout, window, loaders.explanation(card, cutout, method, target, options), overlay, query)


@loaders.MEMORY.cached
def distances(card: Checkpoint, cutout: Cutout) -> tuple[FloatArray, ...]:
    """Mean attention distance of each head (head,) in pixels of the model input, one array a layer."""
    return attention.distance.attention_distances(maps(card, cutout))


@loaders.MEMORY.cached
def tokens(card: Checkpoint, cutout: Cutout, after_attention: bool) -> tuple[TokenMaps, ...]:
    """Where the learned tokens of each tokenizer gather from; shared, so never change it; raises UnsupportedError."""
    return token_maps.token_maps(loaders.model(card), loaders.tensor(card, cutout), after_attention=after_attention)


@loaders.MEMORY.cached
def similarity(card: Checkpoint, resize: int | None) -> tuple[tuple[int, int], FloatArray]:
    """Grid (gy, gx) and cosine similarity (patch, patch) of the position embedding; raises UnsupportedError."""
    return attention.positions.similarity(loaders.model(card), None if resize is None else (resize, resize))


def is_rotary(card: Checkpoint) -> bool:
    """Are patches placed by rotation alone, so that there is no table to interpolate."""
    return attention.positions.is_rotary(loaders.model(card))


@loaders.MEMORY.cached
def position_biases(card: Checkpoint) -> tuple[PositionBias, ...]:
    """Kernels of all layers that place patches relative to each other; raises UnsupportedError."""
    return position_bias.position_biases(loaders.model(card))


@loaders.MEMORY.cached
def filter_components(card: Checkpoint) -> tuple[FloatArray, FloatArray]:
    """Principal components of the patch filters and their share of the variance; raises UnsupportedError."""
    return attention.positions.filter_components(loaders.model(card))
