"""Pyramids whose patches attend everywhere: pooled keys (PVT v2, MViT v2, NextViT), LeViT, PiT, Hiera, SAM 2's Hiera.

Keys on a coarser grid are spread over the patches that they cover; strided convolutions count as means.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from timm.layers.attention import Attention as PlainAttention
from timm.models.hiera import Hiera
from timm.models.hieradet_sam2 import HieraDet
from timm.models.levit import Attention as LevitAttention
from timm.models.levit import Levit, LevitDistilled
from timm.models.mvitv2 import MultiScaleAttention, MultiScaleVit
from timm.models.nextvit import EfficientAttention, NextTransformerBlock, NextViT
from timm.models.pit import PoolingVisionTransformer
from timm.models.pvt_v2 import Attention as PvtAttention
from timm.models.pvt_v2 import PyramidVisionTransformerV2
from torch import nn

from ...schema import Place, Tokens, UnsupportedError
from ..graph import (
    Kind,
    LayerGraph,
    Size,
    TokenGraph,
    average_pool,
    coarser,
    everywhere,
    first_of,
    no_row,
    only,
    patch_mean,
    pooled,
    pooled_keys,
    stripped_keys,
    windows,
)
from . import describes
from .windowed import CONVOLUTIONS


@describes(PyramidVisionTransformerV2)
def pvt(model: Any, size: Size) -> TokenGraph:
    """PVT v2: keys on a coarser grid in each stage, overlapping patch merging in between."""
    grid, _ = pooled(model.patch_embed.proj, size)
    layers = []
    for i, stage in enumerate(model.stages):
        merging = None
        if stage.downsample is not None:
            grid, merging = pooled(stage.downsample.proj, grid)
        for j, block in enumerate(stage.blocks):
            only(block.attn, PvtAttention)
            # Linear attention pools first; its convolution of 1 x 1 stays on that grid.
            place = pooled_keys(Tokens(0, grid), block.attn.pool or block.attn.sr)
            place = replace(place, pools_earlier=None if j else merging)
            layers.append(LayerGraph(f"stages.{i}.blocks.{j}.attn", block.attn.num_heads, place))
    return average_pool(layers, model.global_pool, (CONVOLUTIONS,))


@describes(MultiScaleVit)
def mvit(model: Any, size: Size) -> TokenGraph:
    """MViT v2: pooled keys, and pooled queries where a stage begins."""
    prefix = model.num_prefix_tokens
    before = Tokens(prefix, pooled(model.patch_embed.proj, size)[0])
    layers = []
    for i, stage in enumerate(model.stages):
        for j, block in enumerate(stage.blocks):
            attention = block.attn
            only(attention, MultiScaleAttention)
            after, pools_queries = pooled(attention.pool_q, before.grid)
            place = pooled_keys(before, attention.pool_k)
            place = replace(place, after=Tokens(prefix, after), pools_queries=pools_queries)
            layers.append(LayerGraph(f"stages.{i}.blocks.{j}.attn", attention.num_heads, place))
            before = place.after
    notes = (CONVOLUTIONS, "Each token also receives its own query, which counts as what it keeps.")
    if model.global_pool == "avg":
        return TokenGraph("average_pool", tuple(layers), patch_mean(before), notes)
    if model.global_pool == "token" and prefix:
        return TokenGraph("class_token", tuple(layers), first_of(before, 1), notes)
    raise UnsupportedError(no_row(model.global_pool))


@describes(NextViT)
def nextvit(model: Any, size: Size) -> TokenGraph:
    """Next-ViT: the transformer blocks among its convolutions, keys pooled along the list of patches."""
    grid = coarser(size, 4)
    layers = []
    for i, stage in enumerate(model.stages):
        for j, block in enumerate(stage.blocks):
            if isinstance(block.patch_embed.pool, nn.AvgPool2d):
                grid, _ = pooled(block.patch_embed.pool, grid)
            if type(block) is not NextTransformerBlock:
                continue
            only(block.e_mhsa, EfficientAttention)
            tokens = Tokens(0, grid)
            kernel = block.e_mhsa.sr and block.e_mhsa.sr.kernel_size
            strip = kernel[0] if isinstance(kernel, tuple) else kernel
            place = stripped_keys(tokens, strip) if strip else everywhere(tokens)
            layers.append(LayerGraph(f"stages.{i}.blocks.{j}.e_mhsa", block.e_mhsa.num_heads, place))
    return average_pool(layers, model.head, (CONVOLUTIONS,))


@describes(Levit, LevitDistilled)
def levit(model: Any, size: Size) -> TokenGraph:
    """LeViT: attention everywhere, and attention that halves the grid between stages."""
    grid = coarser(size, model.stem.stride)
    layers = []
    for i, stage in enumerate(model.stages):
        if hasattr(stage.downsample, "attn_downsample"):
            attention = stage.downsample.attn_downsample
            before, grid = grid, coarser(grid)
            place = Place(Tokens(0, before), Tokens(0, grid), Tokens(0, before), residual=False)
            layers.append(LayerGraph(f"stages.{i}.downsample.attn_downsample", attention.num_heads, place))
        for j, block in enumerate(stage.blocks):
            only(block.attn, LevitAttention)
            layers.append(LayerGraph(f"stages.{i}.blocks.{j}.attn", block.attn.num_heads, everywhere(Tokens(0, grid))))
    return average_pool(layers, model.global_pool)


@describes(PoolingVisionTransformer)
def pit(model: Any, size: Size) -> TokenGraph:
    """PiT: a plain transformer a stage, its class token carried through the pooling."""
    prefix = model.num_tokens
    grid: Size = (model.patch_embed.height, model.patch_embed.width)
    layers = []
    for i, stage in enumerate(model.transformers):
        if stage.pool is not None and hasattr(stage.pool, "conv"):
            grid = coarser(grid)
        for j, block in enumerate(stage.blocks):
            only(block.attn, PlainAttention)
            place = everywhere(Tokens(prefix, grid))
            layers.append(LayerGraph(f"transformers.{i}.blocks.{j}.attn", block.attn.num_heads, place))
    if model.global_pool != "token":
        raise UnsupportedError(no_row(model.global_pool))
    last = layers[-1].place.after
    kind: Kind = "distilled" if prefix == 2 else "class_token"
    return TokenGraph(kind, tuple(layers), first_of(last, prefix), (CONVOLUTIONS,))


@describes(HieraDet)
def hieradet(model: Any, size: Size) -> TokenGraph:
    """SAM 2's Hiera: windows or the whole grid, queries pooled where a stage begins."""
    grid, _ = pooled(model.patch_embed.proj, size)
    layers = []
    for index, block in enumerate(model.blocks):
        before, stride = grid, block.q_stride
        grid, pooling = pooled(block.pool if stride else None, grid)
        place = Place(Tokens(0, before), Tokens(0, grid), Tokens(0, before), pools_queries=pooling)
        heads = block.attn.num_heads
        if block.is_windowed:
            window = block.window_size
            small = (window[0] // stride[0], window[1] // stride[1]) if stride else window
            queries, keys = windows(grid, small), windows(before, window)
            place = replace(place, query_index=queries, key_index=keys)
            layers.append(LayerGraph(f"blocks.{index}.attn", heads, place, "bwhqk", 2))
        else:
            layers.append(LayerGraph(f"blocks.{index}.attn", heads, place))
    return average_pool(layers, model.head, ("Pooling of queries and of the residual counts as a mean.",))


@describes(Hiera)
def hiera(model: Any, size: Size) -> TokenGraph:
    """Tokens lie in the order of Hiera's unrolling: mask units, and inside them strides of pooling, outermost first."""
    stride = model.patch_embed.proj.stride
    grid = (-(-size[0] // stride[0]), -(-size[1] // stride[1]))
    order = _unrolled(grid, [tuple(each) for each in model.unroll.schedule])
    layers = []
    for index, block in enumerate(model.blocks):
        attention = block.attn
        before, pooled = order, attention.q_stride
        if pooled > 1:
            rows, columns = model.q_stride
            order = order[: order.size // pooled]
            coarse = (grid[0] // rows, grid[1] // columns)
            order = (order // grid[1] // rows) * coarse[1] + (order % grid[1]) // columns
        else:
            coarse = grid
        tokens, finer = Tokens(0, coarse), Tokens(0, grid)
        units = before.size // (pooled * attention.window_size) if attention.use_mask_unit_attn else 1
        # Tokens of a mask unit are spread over the list: (place in the unit, unit).
        queries, keys = order.reshape(-1, units).T, before.reshape(-1, units).T
        place = Place(finer, tokens, finer, queries, keys)
        axes = "bhwqk" if attention.use_mask_unit_attn else "bhqk"
        layers.append(LayerGraph(f"blocks.{index}.attn", attention.heads, place, axes))
        grid = coarse
    return average_pool(layers, model.head, ("Pooling of queries and of the residual counts as a mean.",))


def _unrolled(grid: Size, schedule: list[tuple[int, ...]]) -> np.ndarray:
    """Patch at each position of the list after every stride of ``schedule`` was moved to the front."""
    index = np.arange(grid[0] * grid[1]).reshape(1, *grid)
    for rows, columns in schedule:
        batch, gy, gx = index.shape
        cut = index.reshape(batch, gy // rows, rows, gx // columns, columns)
        index = cut.transpose(0, 2, 4, 1, 3).reshape(batch * rows * columns, gy // rows, gx // columns)
    return index.ravel()
