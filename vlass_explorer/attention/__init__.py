"""Attention of a model on one image: recorded exactly, placed on the patch grid, rolled out over layers."""

from . import positions
from .capture import Call, capture
from .graph import TokenGraph, attention_maps, describe, supports
from .rollout import HeadFusion, has_readout, layer_map, rollout, token_rollout

__all__ = [
    "Call", "HeadFusion", "TokenGraph", "attention_maps", "capture", "describe", "has_readout", "layer_map",
    "positions", "rollout", "supports", "token_rollout",
]  # fmt: skip
