"""What the tokens of an architecture are, and its attention in those terms; what cannot be placed is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from timm.layers.attention import Attention
from timm.layers.hybrid_embed import HybridEmbed
from timm.layers.patch_embed import PatchEmbed
from timm.models.convit import GPSA, MHSA, ConVit
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import Block, ParallelScalingBlock, ResPostBlock, VisionTransformer
from torch import Tensor, nn

from ..schema import AttentionLayer, AttentionMaps, FloatArray, UnsupportedError
from .capture import Call, capture


@dataclass(frozen=True)
class LayerGraph:
    """One attention layer: its module, its heads and the prefix tokens that stand before the patches in it."""

    name: str
    heads: int
    prefix_tokens: int
    gate: Tensor | None = None
    """ConViT: share of the position map in each head, (head,); such a layer makes two softmax calls."""


@dataclass(frozen=True)
class TokenGraph:
    """Tokens of one architecture: prefix tokens, then patches row by row, and the tokens that the head reads."""

    kind: Literal["class_token", "distilled", "average_pool", "late_class_token"]
    prefix_tokens: int
    reads: Literal["class_token", "class_and_distillation_token", "patches", "all_tokens"]
    layers: tuple[LayerGraph, ...]

    def readout(self, patches: int) -> FloatArray:
        """Row vector over all tokens from which the head reads, summing to 1."""
        tokens = np.zeros(self.prefix_tokens + patches, np.float32)
        read = {
            "class_token": slice(0, 1),
            "class_and_distillation_token": slice(0, 2),
            "patches": slice(self.prefix_tokens, None),
            "all_tokens": slice(None),
        }[self.reads]
        tokens[read] = 1.0
        return tokens / tokens.sum()


def supports(model: nn.Module) -> tuple[bool, str]:
    """Can the attention of this model be placed on the image, and if not, why (one sentence)."""
    try:
        describe(model)
    except UnsupportedError as error:
        return False, str(error)
    return True, ""


def describe(model: nn.Module) -> TokenGraph:
    """Token graph of a model, read from its modules; raises UnsupportedError with the reason where there is none."""
    describer = _DESCRIBERS.get(type(model))
    if describer is None:
        raise UnsupportedError(_why_not(model))
    embedding = type(model.patch_embed)
    if embedding not in (PatchEmbed, HybridEmbed):
        raise UnsupportedError(f"The patch embedding {embedding.__name__} is not covered yet.")
    return describer(model)


def attention_maps(model: nn.Module, x: Tensor) -> tuple[Tensor, AttentionMaps]:
    """Logits (1, K) of one image (1, C, H, W) and its attention in every layer, from one forward pass.

    Logits are bitwise those of a plain pass, the model is left as it was, threads may share it. Raises
    UnsupportedError where the architecture is not covered or its calls are not those that the graph expects.
    """
    graph = describe(model)
    if x.ndim != 4 or x.shape[0] != 1:
        raise ValueError(f"Attention is recorded for one image (1, C, H, W), not for {tuple(x.shape)}.")
    embedding: Any = model.patch_embed
    gy, gx = embedding.dynamic_feat_size(x.shape[-2:])
    with torch.no_grad(), capture() as calls:
        logits = model(x)
    layers = _place(graph, calls, gy * gx)
    return logits, AttentionMaps(layers, graph.kind, (gy, gx), graph.prefix_tokens, graph.readout(gy * gx))


def _place(graph: TokenGraph, calls: Sequence[Call], patches: int) -> tuple[AttentionLayer, ...]:
    """Give each layer its calls; their number and shape decide, so that a wrong map is refused and never drawn."""
    expected = sum(1 if layer.gate is None else 2 for layer in graph.layers)
    if len(calls) != expected:
        raise UnsupportedError(f"{len(calls)} attention calls were seen where this architecture makes {expected}.")
    placed = []
    following = iter(calls)
    for layer in graph.layers:
        tokens = layer.prefix_tokens + patches
        parts = [next(following).weights for _ in range(1 if layer.gate is None else 2)]
        for weights in parts:
            if tuple(weights.shape) != (1, layer.heads, tokens, tokens):
                raise UnsupportedError(
                    f"{layer.name} attends as {tuple(weights.shape)} where {layer.heads} heads over {tokens} tokens "
                    "were expected."
                )
        weights = parts[0] if layer.gate is None else _blend(parts[0], parts[1], layer.gate)
        placed.append(AttentionLayer(layer.name, weights[0].cpu().numpy()))
    return tuple(placed)


def _blend(content: Tensor, position: Tensor, gate: Tensor) -> Tensor:
    """Gated positional self-attention (d'Ascoli et al. 2021, arXiv:2103.10697): what the values are weighted with."""
    share = gate.view(1, -1, 1, 1)
    weights = (1.0 - share) * content + share * position
    return weights / weights.sum(-1, keepdim=True)


def _vit(model: Any) -> TokenGraph:
    prefix = model.num_prefix_tokens
    layers = _block_layers(model.blocks, prefix)
    if model.attn_pool is not None:
        raise UnsupportedError("The head reads by attention pooling (MAP), which is not covered yet.")
    if model.global_pool == "token":
        return TokenGraph("class_token", prefix, "class_token", layers)
    if model.global_pool == "avg":
        reads: Literal["all_tokens", "patches"] = "all_tokens" if model.pool_include_prefix else "patches"
        return TokenGraph("average_pool", prefix, reads, layers)
    raise UnsupportedError(_no_row(model.global_pool))


def _distilled(model: Any) -> TokenGraph:
    # The head averages what it reads from the class token and from the distillation token.
    layers = _block_layers(model.blocks, model.num_prefix_tokens)
    return TokenGraph("distilled", model.num_prefix_tokens, "class_and_distillation_token", layers)


def _convit(model: Any) -> TokenGraph:
    joins = model.local_up_to_layer
    if joins >= len(model.blocks):
        raise UnsupportedError("The class token joins after the last layer, so that no attention reads the patches.")
    if model.global_pool not in ("token", "avg"):
        raise UnsupportedError(_no_row(model.global_pool))
    layers = []
    for index, block in enumerate(model.blocks):
        gate = torch.sigmoid(block.attn.gating_param.detach()) if type(block.attn) is GPSA else None
        if type(block.attn) not in (GPSA, MHSA):
            raise UnsupportedError(f"The attention {type(block.attn).__name__} is not covered yet.")
        prefix = 1 if index >= joins else 0
        layers.append(LayerGraph(f"blocks.{index}.attn", block.attn.num_heads, prefix, gate))
    reads: Literal["class_token", "patches"] = "class_token" if model.global_pool == "token" else "patches"
    return TokenGraph("late_class_token", 1, reads, tuple(layers))


def _block_layers(blocks: Any, prefix: int) -> tuple[LayerGraph, ...]:
    layers = []
    for index, block in enumerate(blocks):
        if type(block) is ParallelScalingBlock:
            layers.append(LayerGraph(f"blocks.{index}", block.num_heads, prefix))
        elif type(block) in (Block, ResPostBlock) and type(block.attn) is Attention:
            layers.append(LayerGraph(f"blocks.{index}.attn", block.attn.num_heads, prefix))
        else:
            part = type(block.attn if type(block) in (Block, ResPostBlock) else block).__name__
            raise UnsupportedError(f"{part} is no single softmax attention a layer and is not covered yet.")
    return tuple(layers)


def _no_row(pooling: str) -> str:
    return (
        f"The head pools tokens by {pooling!r}, which no single row of attention describes." if pooling
        else "The model has no pooled read-out."
    )  # fmt: skip


def _why_not(model: nn.Module) -> str:
    modules = list(model.modules())
    name = type(model).__name__
    if any(getattr(m, key, None) is not None for m in modules for key in ("shift_size", "partition_size", "halo_size")):
        return f"The attention of {name} runs inside windows, which is not covered yet."
    attends = ("num_heads", "fused_attn")
    if any(isinstance(m, nn.MultiheadAttention | nn.Softmax) or any(hasattr(m, a) for a in attends) for m in modules):
        return f"The attention of {name} is not covered yet; that of plain ViT, DeiT and ConViT is."
    return "This model has no softmax attention."


_DESCRIBERS: Mapping[type, Callable[[Any], TokenGraph]] = {
    VisionTransformer: _vit,
    VisionTransformerDistilled: _distilled,
    ConVit: _convit,
}
