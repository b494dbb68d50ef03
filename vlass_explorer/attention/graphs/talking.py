"""EfficientFormerV2: heads talk after the softmax, on a grid that may be coarser than the stage.

Attention of stage 3 asks and answers on half the grid, and the model enlarges what it answers smoothly; here every
patch asks as the cell that it lies in. Layers between stages halve the grid and keep what their convolution hands on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from timm.models.efficientformer_v2 import Attention2d, Attention2dDownsample, EfficientFormerV2

from ...schema import IndexArray, Place, Tokens, UnsupportedError
from ..graph import LayerGraph, Size, SizeMisfit, TokenGraph, average_pool, everywhere, pooled, pooled_keys
from . import describes
from .windowed import CONVOLUTIONS

NOTE = "Heads talk after the softmax: their weights are taken as |a| with rows that sum to 1."


@describes(EfficientFormerV2)
def efficientformer_v2(model: Any, size: Size) -> TokenGraph:
    """Attention in the blocks of the last two stages, and where the last begins."""
    grid = size
    for convolution in (model.stem.conv1.conv, model.stem.conv2.conv):
        grid, _ = pooled(convolution, grid)
    layers: list[LayerGraph] = []
    merging = None
    for i, stage in enumerate(model.stages):
        downsample = getattr(stage.downsample, "conv", None)
        if downsample is not None:
            before = grid
            grid, merging = pooled(downsample.conv, before)
            attention = stage.downsample.attn
            if type(attention) is Attention2dDownsample:
                _fits(attention.resolution, before, size)
                tokens = Tokens(0, before)
                place = Place(tokens, Tokens(0, grid), tokens, pools_queries=merging)
                layers.append(LayerGraph(f"stages.{i}.downsample.attn", attention.num_heads, place))
                merging = None
        for j, block in enumerate(stage.blocks):
            if type(block.token_mixer) is not Attention2d:
                continue
            place = _inside(block.token_mixer, grid, size)
            place, merging = replace(place, pools_earlier=merging if layers else None), None
            name, attention = f"stages.{i}.blocks.{j}.token_mixer", block.token_mixer
            layers.append(LayerGraph(name, attention.num_heads, place, mixing=attention.talking_head2))
    if not layers:
        raise UnsupportedError("This model has no attention layer.")
    return average_pool(layers, model.global_pool, (CONVOLUTIONS, NOTE))


def _inside(attention: Any, grid: Size, size: Size) -> Place:
    """Place of an attention inside a stage, on its grid or on one that a convolution makes of it."""
    tokens = Tokens(0, grid)
    if attention.stride_conv is None:
        _fits(attention.resolution, grid, size)
        return everywhere(tokens)
    place = pooled_keys(tokens, attention.stride_conv.conv)
    _fits(attention.resolution, place.keys.grid, size)
    return replace(place, query_index=_cells(grid, place.keys.grid), key_index=_every(grid, place.keys.grid))


def _cells(grid: Size, coarse: Size) -> IndexArray:
    """Patch (place in a cell, cell) that asks as each cell of a coarser grid does."""
    rows, columns = grid[0] // coarse[0], grid[1] // coarse[1]
    if (rows * coarse[0], columns * coarse[1]) != grid:
        raise SizeMisfit(f"Cells of {coarse[0]} x {coarse[1]} do not tile {grid[0]} x {grid[1]} patches.")
    index = np.arange(grid[0] * grid[1]).reshape(coarse[0], rows, coarse[1], columns)
    return index.transpose(1, 3, 0, 2).reshape(rows * columns, coarse[0] * coarse[1])


def _every(grid: Size, coarse: Size) -> IndexArray:
    """All cells as keys, for every place in a cell."""
    cells = coarse[0] * coarse[1]
    return np.broadcast_to(np.arange(cells), (grid[0] * grid[1] // cells, cells))


def _fits(resolution: Size, grid: Size, size: Size) -> None:
    if resolution != grid:
        rows, columns = (-(-pixels // cells) for pixels, cells in zip(size, grid, strict=True))
        raise SizeMisfit(
            f"Attention was built for {resolution[0]} x {resolution[1]} patches, not for {grid[0]} x {grid[1]}.",
            (resolution[0] * rows, resolution[1] * columns),
        )
