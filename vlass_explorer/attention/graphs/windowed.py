"""Windows on a pyramid: Swin, SwinV2, S3 and CR (shifted), MaxViT and CoAtNet, NesT, GC ViT, TinyViT.

Between stages patches are merged 2 x 2: exact where merging is a mean; the linear map that follows, and convolutions
between the layers, are left out of the map.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from timm.models.gcvit import GlobalContextVit, WindowAttentionGlobal
from timm.models.maxxvit import (
    Attention2d,
    AttentionCl,
    ConvNeXtBlock,
    MaxxVit,
    MaxxVitBlock,
    MbConvBlock,
    TransformerBlock2d,
)
from timm.models.nest import Attention as NestAttention
from timm.models.nest import Nest
from timm.models.swin_transformer import SwinTransformer, WindowAttention
from timm.models.swin_transformer_v2 import SwinTransformerV2
from timm.models.swin_transformer_v2 import WindowAttention as WindowAttentionV2
from timm.models.swin_transformer_v2_cr import SwinTransformerV2Cr, WindowMultiHeadAttention
from timm.models.tiny_vit import Attention as TinyAttention
from timm.models.tiny_vit import TinyVit, TinyVitBlock
from timm.models.twins import GlobalSubSampleAttn, LocallyGroupedAttn, Twins

from ...schema import IndexArray, Place, Tokens
from ..graph import (
    LayerGraph,
    Size,
    TokenGraph,
    average_pool,
    coarser,
    only,
    pooled,
    pooled_keys,
    strided_windows,
    windowed,
    windows,
)
from . import describes

MERGING = "Merging of patches counts as their mean; the linear map after it is left out."
CONVOLUTIONS = "Convolutions between the attention layers are left out; a coarse patch counts as the mean of its area."


def window_layer(name: str, attention: Any, grid: Size, index: IndexArray) -> LayerGraph:
    """A layer over windows of a grid without prefix tokens, recorded as (batch * window, head, query, key)."""
    return LayerGraph(name, attention.num_heads, windowed(Tokens(0, grid), index), "bwhqk", 2)


@describes(SwinTransformer, SwinTransformerV2, SwinTransformerV2Cr)
def swin(model: Any, size: Size) -> TokenGraph:
    """Swin, Swin V2, S3 and CR: windows, shifted in every other block."""
    name = "stages" if type(model) is SwinTransformerV2Cr else "layers"
    embedding = model.patch_embed
    patch = embedding.patch_size
    grid = embedding.dynamic_feat_size(size) if hasattr(embedding, "dynamic_feat_size") else None
    grid = grid or (size[0] // patch[0], size[1] // patch[1])
    layers = []
    for i, stage in enumerate(getattr(model, name)):
        if i:
            grid = coarser(grid)
        for j, block in enumerate(stage.blocks):
            only(block.attn, WindowAttention, WindowAttentionV2, WindowMultiHeadAttention)
            index = windows(grid, tuple(block.window_size), tuple(block.shift_size))
            layers.append(window_layer(f"{name}.{i}.blocks.{j}.attn", block.attn, grid, index))
    return average_pool(layers, model.head, (MERGING,))


@describes(MaxxVit)
def maxvit(model: Any, size: Size) -> TokenGraph:
    """MaxViT and CoAtNet: blocks of neighbours, grids of distant patches, or the whole stage."""
    grid = coarser(size, model.stem.stride)
    layers: list[LayerGraph] = []
    for i, stage in enumerate(model.stages):
        for j, block in enumerate(stage.blocks):
            grid = grid if j else coarser(grid)
            name = f"stages.{i}.blocks.{j}"
            if type(block) in (MbConvBlock, ConvNeXtBlock):
                continue
            if type(block) is TransformerBlock2d:
                # The first of a stage pools first; its attention runs on the coarser grid.
                only(block.attn, Attention2d)
                place = Place(Tokens(0, grid), Tokens(0, grid), Tokens(0, grid))
                layers.append(LayerGraph(f"{name}.attn", block.attn.num_heads, place))
                continue
            only(block, MaxxVitBlock)
            for part, cut in (("attn_block", windows), ("attn_grid", strided_windows)):
                partition = getattr(block, part)
                if partition is None:
                    continue
                only(partition.attn, AttentionCl, Attention2d)
                index = cut(grid, partition.partition_size)
                layers.append(window_layer(f"{name}.{part}.attn", partition.attn, grid, index))
    return average_pool(layers, model.global_pool, (CONVOLUTIONS,))


@describes(Nest)
def nest(model: Any, size: Size) -> TokenGraph:
    """NesT: blocks that do not overlap, merged from level to level."""
    patch = model.patch_embed.patch_size
    grid = (size[0] // patch[0], size[1] // patch[1])
    layers = []
    for i, level in enumerate(model.levels):
        grid = coarser(grid) if i else grid
        for j, block in enumerate(level.transformer_encoder):
            only(block.attn, NestAttention)
            place = windowed(Tokens(0, grid), windows(grid, (level.block_size, level.block_size), pad=False))
            name = f"levels.{i}.transformer_encoder.{j}.attn"
            layers.append(LayerGraph(name, block.attn.num_heads, place, "bhwqk"))
    return average_pool(layers, model.global_pool, (CONVOLUTIONS,))


@describes(GlobalContextVit)
def gcvit(model: Any, size: Size) -> TokenGraph:
    """GC ViT: windows, every other one asked by queries of the whole image."""
    grid = coarser(size, 4)
    layers = []
    for i, stage in enumerate(model.stages):
        grid = coarser(grid) if i else grid
        for j, block in enumerate(stage.blocks):
            only(block.attn, WindowAttentionGlobal)
            index = windows(grid, block.window_size, pad=False)
            layers.append(window_layer(f"stages.{i}.blocks.{j}.attn", block.attn, grid, index))
    note = "Global queries are features of the whole image: what they look for is not traced back."
    return average_pool(layers, model.head, (CONVOLUTIONS, note))


@describes(TinyVit)
def tiny_vit(model: Any, size: Size) -> TokenGraph:
    """TinyViT: windows in its transformer stages, convolutions in the first."""
    grid = coarser(size, 4)
    layers = []
    for i, stage in enumerate(model.stages):
        grid = coarser(grid) if i else grid
        for j, block in enumerate(stage.blocks):
            if type(block) is not TinyVitBlock:
                continue
            only(block.attn, TinyAttention)
            side = block.window_size
            index = windows(grid, (side, side))
            layers.append(window_layer(f"stages.{i}.blocks.{j}.attn", block.attn, grid, index))
    return average_pool(layers, model.head, (CONVOLUTIONS,))


@describes(Twins)
def twins(model: Any, size: Size) -> TokenGraph:
    """Twins: windows in turn with attention to a coarser grid of keys."""
    grid: Size = size
    layers = []
    for i, blocks in enumerate(model.blocks):
        grid, merging = pooled(model.patch_embeds[i].proj, grid)
        tokens = Tokens(0, grid)
        for j, block in enumerate(blocks):
            attention, axes = block.attn, "bhqk"
            if type(attention) is LocallyGroupedAttn:
                place, axes = windowed(tokens, windows(grid, (attention.ws, attention.ws))), "bwhqk"
            else:
                only(attention, GlobalSubSampleAttn)
                place = pooled_keys(tokens, attention.sr)
            place = replace(place, pools_earlier=merging if i and not j else None)
            layers.append(LayerGraph(f"blocks.{i}.{j}.attn", attention.num_heads, place, axes))
    return average_pool(layers, model.global_pool, (CONVOLUTIONS,))
