"""Convolutional networks with attention in their later stages: rollout inside those stages, enlarged to the image.

EfficientFormer, CAFormer, FastViT, Visformer, iFormer, MobileNetV4 hybrids, SHViT, CSATv2; BoTNet, HaloNet and
MobileViT; ResNets that read by attention pooling (CLIP).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from timm.layers.attention import Attention
from timm.layers.attention2d import MultiQueryAttention2d
from timm.layers.attention_pool2d import AttentionPool2d, RotAttentionPool2d
from timm.layers.bottleneck_attn import BottleneckAttn
from timm.layers.halo_attn import HaloAttn
from timm.layers.lambda_layer import LambdaLayer
from timm.layers.non_local_attn import NonLocalAttn
from timm.models.byobnet import ByobNet
from timm.models.csatv2 import CSATv2
from timm.models.efficientformer import Attention as EfficientFormerAttention
from timm.models.efficientformer import EfficientFormer
from timm.models.fastvit import Attention as FastAttention
from timm.models.fastvit import FastVit
from timm.models.iformer import SHMA, IFormer
from timm.models.metaformer import Attention as MetaAttention
from timm.models.metaformer import MetaFormer
from timm.models.mobilenetv3 import MobileNetV3
from timm.models.mobilevit import LinearSelfAttention, MobileVitBlock
from timm.models.shvit import SHSA, SHViT
from timm.models.visformer import Attention as VisAttention
from timm.models.visformer import Visformer
from torch import nn

from ...schema import Place, Tokens, UnsupportedError
from ..graph import (
    LayerGraph,
    Size,
    SizeMisfit,
    TokenGraph,
    average_pool,
    coarser,
    everywhere,
    first_of,
    pooled,
    pooled_keys,
    windowed,
    windows,
)
from . import describes
from .refused import why_without
from .windowed import CONVOLUTIONS, window_layer


@describes(EfficientFormer, MetaFormer, FastVit, Visformer, IFormer, MobileNetV3, SHViT, CSATv2)
def stages(model: Any, size: Size) -> TokenGraph:
    """Models whose attention layers are found by their type, each on the grid of its stage."""
    layers = [
        _LAYERS[type(module)](name, module, grid) for name, module, grid in _on_grids(model, size, tuple(_LAYERS))
    ]
    if not layers:
        raise UnsupportedError(why_without(model))
    if type(model) in _CUT_WHOLE:
        layers = _merged_by(layers, _CUT_WHOLE[type(model)](model))
    part = (_NOTES[type(model)],) if type(model) in _NOTES else ()
    pooling = getattr(model, "global_pool", None) or model.head
    return average_pool(layers, pooling, (CONVOLUTIONS, *part))


def _merged_by(layers: list[LayerGraph], convolution: Any) -> list[LayerGraph]:
    """The layers with the merging before the last stage told, whose cells fill a kernel or are left out."""
    for number in range(1, len(layers)):
        before, after = layers[number - 1].place.after.grid, layers[number].place.before.grid
        if before != after:
            place = replace(layers[number].place, pools_earlier=pooled(convolution, before)[1])
            layers[number] = replace(layers[number], place=place)
    return layers


def _plain(name: str, attention: Any, grid: Size) -> LayerGraph:
    return LayerGraph(name, attention.num_heads, everywhere(Tokens(0, grid)))


def _iformer(name: str, attention: Any, grid: Size) -> LayerGraph:
    if not attention.window_size:
        return LayerGraph(name, 1, everywhere(Tokens(0, grid)))
    index = windows(grid, (attention.window_size,) * 2)
    return LayerGraph(name, 1, windowed(Tokens(0, grid), index), "bwhqk", 2)


def _one_head(name: str, attention: Any, grid: Size) -> LayerGraph:
    return LayerGraph(name, 1, everywhere(Tokens(0, grid)), "bqk")


def _multi_query(name: str, attention: Any, grid: Size) -> LayerGraph:
    if any(stride != 1 for stride in attention.query_strides):
        raise UnsupportedError("Queries on a coarser grid than the stage are not covered yet.")
    place = pooled_keys(Tokens(0, grid), getattr(attention.key, "down_conv", None))
    return LayerGraph(name, attention.num_heads, place)


_LAYERS: dict[type, Callable[[str, Any, Size], LayerGraph]] = {
    EfficientFormerAttention: _plain,
    MetaAttention: _plain,
    FastAttention: _plain,
    VisAttention: _plain,
    SHMA: _iformer,
    SHSA: _one_head,
    MultiQueryAttention2d: _multi_query,
    Attention: _plain,
}
# Models that cut patches without padding, so that what does not fill one is left out: the last convolution that does.
_CUT_WHOLE: dict[type, Callable[[Any], nn.Module]] = {
    Visformer: lambda model: model.patch_embed3.proj,
    CSATv2: lambda model: model.stages[-1][0],
}
_NOTES: dict[type, str] = {
    SHViT: "Attention runs over a part of the channels; the others are taken along.",
    CSATv2: "Gates that multiply the convolutions, made of a 7 x 7 summary of the image, are left out.",
}


@describes(ByobNet)
def byob(model: Any, size: Size) -> TokenGraph:
    """Bottleneck and halo attention, MobileViT blocks, and a head that reads by attention pooling."""
    kinds = (BottleneckAttn, HaloAttn, MobileVitBlock, LambdaLayer, LinearSelfAttention, NonLocalAttn)
    layers: list[LayerGraph] = []
    for name, module, grid in _on_grids(model, size, kinds):
        if isinstance(module, LambdaLayer):
            raise UnsupportedError("A lambda layer normalises keys over the image: it has no map from patch to patch.")
        if isinstance(module, LinearSelfAttention):
            raise UnsupportedError("Linear attention has one score a patch and no map from patch to patch.")
        if isinstance(module, NonLocalAttn):
            raise UnsupportedError("Non-local blocks are not covered yet.")
        if isinstance(module, MobileVitBlock):
            layers += _mobilevit(name, module, grid)
            continue
        layer = _bottleneck(name, module, grid)
        # A block that halves its grid may do without a shortcut: then attention alone moves on.
        kept = model.get_submodule(name.rpartition(".")[0]).shortcut is not None
        layers.append(replace(layer, place=replace(layer.place, residual=kept)))
    if type(model.head) in (AttentionPool2d, RotAttentionPool2d):
        return _clip(model, layers, coarser(size, model.feature_info[-1]["reduction"]))
    if not layers:
        raise UnsupportedError(why_without(model))
    return average_pool(layers, model.head, (CONVOLUTIONS,))


def _bottleneck(name: str, attention: Any, stage: Size) -> LayerGraph:
    """BoTNet: every patch with every patch; HaloNet: blocks with a margin around them as keys."""
    if isinstance(attention, BottleneckAttn):
        grid = (attention.pos_embed.height, attention.pos_embed.width)
        return LayerGraph(name, attention.num_heads, everywhere(Tokens(0, grid)), "bhqk", 2)
    # The grid before the layer: its own stage's, or twice as fine where the layer halves it.
    halves = attention.block_stride > 1 or not isinstance(attention.pool, nn.Identity)
    before = (2 * stage[0], 2 * stage[1]) if halves else stage
    block, margin, stride = attention.block_size, attention.halo_size, attention.block_stride
    after = (before[0] // stride, before[1] // stride)
    if before[0] % block or before[1] % block:
        raise SizeMisfit(f"Blocks of {block} do not tile {before[0]} x {before[1]} patches.")
    queries = windows(after, (block // stride, block // stride))
    padded = np.pad(np.arange(before[0] * before[1]).reshape(before), margin, constant_values=-1)
    views = np.lib.stride_tricks.sliding_window_view(padded, (attention.win_size,) * 2)[::block, ::block]
    keys = views.reshape(-1, attention.win_size**2)
    place = Place(Tokens(0, before), Tokens(0, after), Tokens(0, before), queries, keys)
    return LayerGraph(name, attention.num_heads, place, "bhwqk", 2)


def _mobilevit(name: str, block: Any, stage: Size) -> list[LayerGraph]:
    # A grid that patches do not tile is interpolated to one that they do. The pixel at one corner of every patch
    # attends to the pixels at that corner of all patches.
    grid = (stage[0] + -stage[0] % block.patch_size[0], stage[1] + -stage[1] % block.patch_size[1])
    index = windows(grid, tuple(block.patch_size)).T
    layers = [
        window_layer(f"{name}.transformer.{number}.attn", layer.attn, grid, index)
        for number, layer in enumerate(block.transformer)
    ]
    return [replace(layer, resampled=True) for layer in layers]


def _clip(model: Any, layers: list[LayerGraph], grid: Size) -> TokenGraph:
    pool = model.head
    if pool.pool_type != "token":
        raise UnsupportedError("The model has no pooled read-out.")
    tokens = Tokens(1, grid)
    place = Place(tokens, tokens, tokens, residual=False)
    notes = (CONVOLUTIONS, "The mean over all patches is a token of its own; its share counts as no patch.")
    reader = LayerGraph("head", pool.num_heads, place)
    return TokenGraph("attention_pool", (*layers, reader), first_of(tokens, 1), notes)


def _on_grids(model: Any, size: Size, kinds: tuple[type, ...]) -> Iterator[tuple[str, Any, Size]]:
    """Modules of these exact types in forward order, with the grid of the stage that they stand in."""
    strides = {info["module"].removesuffix(".conv3"): info["reduction"] for info in model.feature_info}
    last = model.feature_info[-1]["reduction"]
    for name, module in model.named_modules():
        if type(module) not in kinds:
            continue
        top, _, rest = name.partition(".")
        number = rest.partition(".")[0]
        stage = f"{top}.{number}" if number.isdigit() and top in ("stages", "blocks") else top
        if stage not in strides and f"stages.{int(number) - 1}" in strides and "final_conv" in strides:
            stage = "final_conv"  # the last stage of ByobNet goes by the name of the convolution after it
        reduction = strides.get(stage)
        if reduction is None:
            # A stage that keeps the grid is listed under a later one that does not.
            later = [int(key.split(".")[1]) for key in strides if key.startswith(f"{top}.")]
            after = [each for each in later if each > int(number)]
            reduction = strides[f"{top}.{min(after)}"] if after else last
        whole = type(model) in _CUT_WHOLE
        yield name, module, (size[0] // reduction, size[1] // reduction) if whole else coarser(size, reduction)
