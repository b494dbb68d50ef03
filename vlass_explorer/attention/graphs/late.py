"""Class tokens that join late: ConViT (gated layers without it), CaiT, VOLO and XCiT (layers that only it asks in)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from timm.models.cait import Cait, ClassAttn, TalkingHeadAttn
from timm.models.convit import GPSA, MHSA, ConVit
from timm.models.volo import VOLO, ClassAttention, Outlooker
from timm.models.volo import Transformer as VoloTransformer
from timm.models.xcit import XCA, Xcit
from torch import nn

from ...schema import IndexArray, Tokens, UnsupportedError
from ..graph import (
    LayerGraph,
    Size,
    TokenGraph,
    class_attention,
    everywhere,
    first_of,
    no_row,
    only,
    patch_mean,
    pooled,
    windowed,
)
from . import describes
from .isotropic import only_embedding


@describes(ConVit)
def convit(model: Any, size: Size) -> TokenGraph:
    """ConViT: gated layers without the class token, then plain ones with it."""
    joins = model.local_up_to_layer
    if joins >= len(model.blocks):
        raise UnsupportedError("The class token joins after the last layer, so that no attention reads the patches.")
    only_embedding(model.patch_embed)
    grid = model.patch_embed.dynamic_feat_size(size)
    layers = []
    for index, block in enumerate(model.blocks):
        only(block.attn, GPSA, MHSA)
        place = everywhere(Tokens(int(index >= joins), grid))
        # A gated layer has two softmaxes; values are weighted with the blend that its dropout receives.
        gated = type(block.attn) is GPSA
        layers.append(
            LayerGraph(f"blocks.{index}.attn", block.attn.num_heads, place, softmaxes=1 + gated, changed=gated)
        )
    last = Tokens(1, grid)
    if model.global_pool not in ("token", "avg"):
        raise UnsupportedError(no_row(model.global_pool))
    readout = first_of(last, 1) if model.global_pool == "token" else patch_mean(last)
    return TokenGraph("late_class_token", tuple(layers), readout)


@describes(Cait)
def cait(model: Any, size: Size) -> TokenGraph:
    """CaiT: patches among themselves, then layers in which the class token alone asks."""
    only_embedding(model.patch_embed)
    grid = model.patch_embed.dynamic_feat_size(size)
    layers = []
    for index, block in enumerate(model.blocks):
        only(block.attn, TalkingHeadAttn)
        layers.append(
            LayerGraph(f"blocks.{index}.attn", block.attn.num_heads, everywhere(Tokens(0, grid)), changed=True)
        )
    last = Tokens(1, grid)
    for index, block in enumerate(model.blocks_token_only):
        only(block.attn, ClassAttn)
        layers.append(LayerGraph(f"blocks_token_only.{index}.attn", block.attn.num_heads, class_attention(last)))
    if model.global_pool not in ("token", "avg"):
        raise UnsupportedError(no_row(model.global_pool))
    readout = first_of(last, 1) if model.global_pool == "token" else patch_mean(last)
    note = "Heads talk after the softmax: their weights are taken as |a| with rows that sum to 1."
    return TokenGraph("late_class_token", tuple(layers), readout, (note,))


@describes(Xcit)
def xcit(model: Any, size: Size) -> TokenGraph:
    """XCiT: attention between channels, which is not drawn, then the class token's."""
    if model.global_pool != "token":
        raise UnsupportedError("XCiT attends between channels; patches are read by its class token alone.")
    grid = size
    for convolution in (each for each in model.patch_embed.modules() if isinstance(each, nn.Conv2d)):
        grid, _ = pooled(convolution, grid)
    layers = []
    for index, block in enumerate(model.blocks):
        only(block.attn, XCA)
        channels = everywhere(Tokens(0, (1, model.embed_dim // block.attn.num_heads)))
        layers.append(LayerGraph(f"blocks.{index}.attn", block.attn.num_heads, channels, drawn=False))
    last = Tokens(1, grid)
    for index, block in enumerate(model.cls_attn_blocks):
        only(block.attn, ClassAttn)
        layers.append(LayerGraph(f"cls_attn_blocks.{index}.attn", block.attn.num_heads, class_attention(last)))
    note = "Only the class token's attention to the patches is drawn: what is before it attends between channels."
    return TokenGraph("late_class_token", tuple(layers), first_of(last, 1), (note,))


@describes(VOLO)
def volo(model: Any, size: Size) -> TokenGraph:
    """VOLO: outlook windows, plain attention, then layers in which the class token alone asks."""
    if model.post_network is None or model.global_pool not in ("token", "avg"):
        raise UnsupportedError(no_row(model.global_pool))
    grid = size
    for convolution in (model.patch_embed.conv and model.patch_embed.conv[0], model.patch_embed.proj):
        grid, _ = pooled(convolution, grid)
    layers: list[LayerGraph] = []
    merging = None
    for i, stage in enumerate(model.network):
        if not hasattr(stage, "__len__"):
            grid, merging = pooled(stage.proj, grid)
            continue
        for j, block in enumerate(stage):
            only(block, Outlooker, VoloTransformer)
            attention = block.attn
            if type(block) is VoloTransformer:
                place, axes = everywhere(Tokens(0, grid)), "bhqk"
            else:
                index = _outlook(grid, attention.kernel_size, attention.stride, attention.padding)
                place, axes = windowed(Tokens(0, grid), index), "bhwqk"
            place, merging = replace(place, pools_earlier=merging), None
            layers.append(LayerGraph(f"network.{i}.{j}.attn", attention.num_heads, place, axes))
    last = Tokens(1, grid)
    for number, block in enumerate(model.post_network):
        only(block.attn, ClassAttention)
        layers.append(LayerGraph(f"post_network.{number}.attn", block.attn.num_heads, class_attention(last)))
    notes = ["Outlook windows overlap: what a patch receives from several of them is added up before rows are scaled."]
    if model.aux_head is not None:
        notes.append("Half of the largest logit of a second head on the patches is added to each label, left out here.")
    readout = first_of(last, 1) if model.global_pool == "token" else first_of(last, 1, patches=True)
    return TokenGraph("late_class_token", tuple(layers), readout, tuple(notes))


def _outlook(grid: Size, kernel: int, stride: int, padding: int) -> IndexArray:
    """Patches (window, place) of overlapping windows, -1 outside the grid."""
    index = np.pad(np.arange(grid[0] * grid[1]).reshape(grid), padding, constant_values=-1)
    views = np.lib.stride_tricks.sliding_window_view(index, (kernel, kernel))[::stride, ::stride]
    return views.reshape(-1, kernel * kernel)
