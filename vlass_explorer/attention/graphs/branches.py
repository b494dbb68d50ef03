"""Two branches of patches of two sizes, whose class tokens read the patches of the other: CrossViT."""

from __future__ import annotations

from typing import Any

import numpy as np
from timm.layers.attention import Attention
from timm.models.crossvit import CrossAttention, CrossVit

from ...schema import IndexArray, Place, Tokens, UnsupportedError
from ..graph import LayerGraph, Size, TokenGraph, no_row, only
from . import describes

NOTE = "Patches of both sizes on one map: the large ones are spread over the small ones."


@describes(CrossVit)
def crossvit(model: Any, size: Size) -> TokenGraph:
    """Both branches as one list of tokens: two class tokens, the fine patches, then the coarse ones."""
    if model.num_branches != 2 or model.crop_scale:
        raise UnsupportedError("Only two branches that both see the whole image can be drawn on one map.")
    grids = [
        (each.img_size[0] // each.patch_size[0], each.img_size[1] // each.patch_size[1]) for each in model.patch_embed
    ]
    tokens = Tokens(2, *grids)
    small = grids[0][0] * grids[0][1]
    patches = [np.arange(2, 2 + small), np.arange(2 + small, tokens.size)]
    layers = []
    for number, stage in enumerate(model.blocks):
        for branch, blocks in enumerate(stage.blocks):
            own = np.concatenate([[branch], patches[branch]])
            for index, block in enumerate(blocks):
                only(block.attn, Attention)
                layers.append(_layer(f"blocks.{number}.blocks.{branch}.{index}.attn", block.attn, tokens, own, own))
        for branch, fusion in enumerate(stage.fusion):
            readers = [(name, each) for name, each in fusion.named_modules() if type(each) is CrossAttention]
            if len(stage.blocks) != 2 or len(readers) != 1:
                raise UnsupportedError("Only branches that read each other once a stage can be drawn on one map.")
            # The class token of this branch, in the width of the other, reads the patches of the other.
            [(name, attention)], asks = readers, np.array([branch])
            keys = np.concatenate([asks, patches[1 - branch]])
            layers.append(_layer(f"blocks.{number}.fusion.{branch}.{name}", attention, tokens, asks, keys))
    if model.global_pool not in ("token", "avg"):
        raise UnsupportedError(no_row(model.global_pool))
    readout = np.zeros(tokens.size, np.float32)
    for branch in (0, 1):  # the head averages the logits of both branches
        read = [branch] if model.global_pool == "token" else patches[branch]
        readout[read] = 0.5 / len(read)
    return TokenGraph(
        "class_token" if model.global_pool == "token" else "average_pool", tuple(layers), readout, (NOTE,)
    )


def _layer(name: str, attention: Any, tokens: Tokens, asks: IndexArray, keys: IndexArray) -> LayerGraph:
    return LayerGraph(name, attention.num_heads, Place(tokens, tokens, tokens, asks[None], keys[None]))
