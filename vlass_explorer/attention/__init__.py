"""Attention of a model on one image: recorded exactly, placed on the patch grid, rolled out over layers."""

from . import distance, flow, gated, impulse, position_bias, positions, relevance
from .capture import Call, capture
from .gradients import AttentionGradients, attention_gradients
from .graph import LayerGraph, TokenGraph
from .graphs import describe, own_size, supports
from .recording import HeadFusion, attention_maps, batch_attention_maps
from .rollout import (
    has_readout,
    layer_map,
    layer_row,
    padding_share,
    prefix_shares,
    rollout,
    start_words,
    token_rollout,
)

__all__ = [
    "AttentionGradients",
    "Call",
    "HeadFusion",
    "LayerGraph",
    "TokenGraph",
    "attention_gradients",
    "attention_maps",
    "batch_attention_maps",
    "capture",
    "describe",
    "distance",
    "flow",
    "gated",
    "has_readout",
    "impulse",
    "layer_map",
    "layer_row",
    "own_size",
    "padding_share",
    "position_bias",
    "positions",
    "prefix_shares",
    "relevance",
    "rollout",
    "start_words",
    "supports",
    "token_rollout",
]
