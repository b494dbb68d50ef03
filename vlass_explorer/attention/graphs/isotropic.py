"""Plain vision transformers: one patch grid from the first layer to the last, prefix tokens in front.

ViT, DeiT (distilled too), hybrids, CLIP, SigLIP, DINOv2, registers (VisionTransformer); BEiT; EVA, DINOv3, rotary
models (Eva); relative positions; SAM's windows; TNT; NaFlexViT.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from timm.layers.attention import Attention, AttentionRope
from timm.layers.attention_pool import AttentionPoolLatent
from timm.layers.hybrid_embed import HybridEmbed
from timm.layers.patch_embed import PatchEmbed
from timm.models.beit import Attention as BeitAttention
from timm.models.beit import Beit
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva, EvaAttention
from timm.models.naflexvit import NaFlexVit
from timm.models.tnt import TNT
from timm.models.vision_transformer import (
    Block,
    ParallelScalingBlock,
    ParallelThingsBlock,
    ResPostBlock,
    VisionTransformer,
)
from timm.models.vision_transformer_relpos import RelPosAttention, VisionTransformerRelPos
from timm.models.vision_transformer_sam import Attention as SamAttention
from timm.models.vision_transformer_sam import VisionTransformerSAM

from ...schema import FloatArray, Tokens, UnsupportedError
from ..graph import (
    LayerGraph,
    Size,
    TokenGraph,
    attention_pool,
    everywhere,
    first_of,
    no_row,
    only,
    patch_mean,
    windowed,
    windows,
)
from . import describes

ATTENTION = (Attention, AttentionRope, BeitAttention, EvaAttention, RelPosAttention)


@describes(VisionTransformer)
def vit(model: Any, size: Size) -> TokenGraph:
    """Plain ViT: class token, mean of the patches, or a head that reads by attention pooling."""
    tokens = _tokens(model, size)
    layers = _layers(model.blocks, tokens)
    if model.attn_pool is not None:
        return _pooled(model.attn_pool, layers, tokens, patches=not model.pool_include_prefix)
    if model.global_pool == "avg" and model.pool_include_prefix:
        return TokenGraph("average_pool", layers, first_of(tokens, tokens.prefix, patches=True))
    return _read(model.global_pool, layers, tokens)


@describes(VisionTransformerDistilled)
def distilled(model: Any, size: Size) -> TokenGraph:
    """DeiT with a distillation token, read beside the class token."""
    # The head averages what it reads from the class token and from the distillation token.
    tokens = _tokens(model, size)
    return TokenGraph("distilled", _layers(model.blocks, tokens), first_of(tokens, 2))


@describes(Beit, VisionTransformerRelPos)
def beit(model: Any, size: Size) -> TokenGraph:
    """BEiT and ViTs with relative positions."""
    tokens = _tokens(model, size)
    return _read(model.global_pool, _layers(model.blocks, tokens), tokens)


@describes(Eva)
def eva(model: Any, size: Size) -> TokenGraph:
    """EVA, DINOv3 and other models with rotary positions."""
    tokens = _tokens(model, size)
    layers = _layers(model.blocks, tokens)
    if model.attn_pool is not None:
        return _pooled(model.attn_pool, layers, tokens)
    return _read(model.global_pool, layers, tokens)


@describes(NaFlexVit)
def naflex(model: Any, size: Size) -> TokenGraph:
    """NaFlexViT on the grid that it makes of an image of this size."""
    tokens = Tokens(model.num_prefix_tokens, model.embeds.dynamic_feat_size(size))
    layers = _layers(model.blocks, tokens)
    if model.attn_pool is not None:
        return _pooled(model.attn_pool, layers, tokens, patches=not model.pool_include_prefix)
    if model.pool_include_prefix and model.global_pool == "avg":
        return TokenGraph("average_pool", layers, first_of(tokens, tokens.prefix, patches=True))
    return _read(model.global_pool, layers, tokens)


@describes(VisionTransformerSAM)
def sam(model: Any, size: Size) -> TokenGraph:
    """SAM's image encoder: windows in most layers, the whole grid in a few."""
    tokens = _tokens(model, size)
    layers = []
    for index, block in enumerate(model.blocks):
        only(block.attn, SamAttention)
        side = block.window_size
        place = windowed(tokens, windows(tokens.grid, (side, side))) if side else everywhere(tokens)
        layers.append(LayerGraph(f"blocks.{index}.attn", block.attn.num_heads, place, "bwhqk", 3))
    return _read(getattr(model.head.global_pool, "pool_type", ""), tuple(layers), tokens)


@describes(TNT)
def tnt(model: Any, size: Size) -> TokenGraph:
    """Transformer in transformer: only its outer attention moves between patches."""
    # Pixels attend to pixels of their own patch only; between patches the outer attention moves.
    tokens = Tokens(model.num_prefix_tokens, model.pixel_embed.dynamic_feat_size(size))
    pixels = model.pixel_embed.new_patch_size[0] * model.pixel_embed.new_patch_size[1]
    inside = np.arange(tokens.patches * pixels).reshape(tokens.patches, pixels)
    layers = []
    for index, block in enumerate(model.blocks):
        inner, outer = block.attn_in, block.attn_out
        place = windowed(Tokens(0, (tokens.patches, pixels)), inside)
        layers.append(LayerGraph(f"blocks.{index}.attn_in", inner.num_heads, place, "bwhqk", 2, drawn=False))
        layers.append(LayerGraph(f"blocks.{index}.attn_out", outer.num_heads, everywhere(tokens)))
    return _read(model.global_pool, tuple(layers), tokens)


def _tokens(model: Any, size: Size) -> Tokens:
    only_embedding(model.patch_embed)
    gy, gx = model.patch_embed.dynamic_feat_size(size)
    return Tokens(getattr(model, "num_prefix_tokens", 0), (int(gy), int(gx)))


def only_embedding(embedding: Any) -> None:
    """Refuse a patch embedding whose grid is not known."""
    if type(embedding) not in (PatchEmbed, HybridEmbed):
        raise UnsupportedError(f"The patch embedding {type(embedding).__name__} is not covered yet.")


def _layers(blocks: Any, tokens: Tokens) -> tuple[LayerGraph, ...]:
    layers = []
    place = everywhere(tokens)
    for index, block in enumerate(blocks):
        if type(block) is ParallelScalingBlock:
            layers.append(LayerGraph(f"blocks.{index}", block.num_heads, place))
            continue
        if type(block) is ParallelThingsBlock:
            raise UnsupportedError(
                "ParallelThingsBlock adds several attentions to one residual: rollout knows no share for each of them."
            )
        if isinstance(block, Block | ResPostBlock):
            only(block, Block, ResPostBlock)
        attention = getattr(block, "attn", block)
        only(attention, *ATTENTION)
        layers.append(LayerGraph(f"blocks.{index}.attn", attention.num_heads, place))
    return tuple(layers)


def _read(pooling: str, layers: tuple[LayerGraph, ...], tokens: Tokens) -> TokenGraph:
    if pooling == "token" and tokens.prefix:
        return TokenGraph("class_token", layers, first_of(tokens, 1))
    if pooling == "avg":
        return TokenGraph("average_pool", layers, patch_mean(tokens))
    raise UnsupportedError(no_row(pooling))


def _pooled(pool: Any, layers: tuple[LayerGraph, ...], tokens: Tokens, *, patches: bool = False) -> TokenGraph:
    only(pool, AttentionPoolLatent)
    if pool.latent_len != 1 or pool.pool != "token":
        raise UnsupportedError("The head reads by more than one learned query, which no single row describes.")
    reader = LayerGraph("attn_pool", pool.num_heads, attention_pool(tokens, patches=patches))
    one: FloatArray = first_of(reader.place.after, 1)
    return TokenGraph("attention_pool", (*layers, reader), one)
