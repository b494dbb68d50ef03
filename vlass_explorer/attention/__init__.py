"""Attention of a model on one image: recorded exactly, placed on the patch grid, rolled out over layers."""

from . import positions
from .capture import Call, capture
from .graph import LayerGraph, TokenGraph
from .graphs import describe, supports
from .recording import HeadFusion, attention_maps, batch_attention_maps
from .rollout import has_readout, layer_map, rollout, token_rollout

__all__ = [
    "Call", "HeadFusion", "LayerGraph", "TokenGraph", "attention_maps", "batch_attention_maps", "capture", "describe",
    "has_readout", "layer_map", "positions", "rollout", "supports", "token_rollout",
]  # fmt: skip
