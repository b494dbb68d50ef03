"""Start a vision transformer near where training on large sets ends: needed when there are only a thousand cutouts.

Mimetic initialisation (Trockman & Kolter 2023, arXiv:2305.09828): the product of query and key weights starts close to
the identity, the product of value and projection weights close to its negative, positions start as sinusoids.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import build_sincos2d_pos_embed
from torch import Tensor, nn

from ..schema import ConfigError

# The paper's constants for its product matrices: random part, then identity part.
QUERY_KEY = (0.7, 0.7)
VALUE_PROJECTION = (0.4, -0.4)


def _factors(random: float, identity: float, size: int, rank: int) -> tuple[Tensor, Tensor]:
    """Matrices (rank, size) whose product a.T @ b is the best rank-``rank`` match of random + identity parts."""
    wanted = random * torch.randn(size, size) / size**0.5 + identity * torch.eye(size)
    u, s, v = torch.linalg.svd(wanted)
    root = s[:rank].sqrt()[:, None]
    return root * u[:, :rank].T, root * v[:rank]


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Set attention weights and position embeddings of a plain timm ViT in place; ConfigError for other models."""
    blocks = getattr(model, "blocks", None)
    embedding = getattr(model, "pos_embed", None)
    if blocks is None or embedding is None or not all(hasattr(getattr(b, "attn", None), "qkv") for b in blocks):
        raise ConfigError("initialise=mimetic is for plain vision transformers; leave it at default for this model.")
    for block in blocks:
        attention = block.attn
        heads, size = attention.num_heads, attention.qkv.in_features
        rank = size // heads
        query, key, _ = attention.qkv.weight.chunk(3)
        for head in range(heads):
            rows = slice(head * rank, (head + 1) * rank)
            query[rows], key[rows] = _factors(*QUERY_KEY, size, rank)
        out, value = _factors(*VALUE_PROJECTION, size, size)
        attention.qkv.weight[2 * size :] = value
        attention.proj.weight.copy_(out.T)
    patch: Any = model.patch_embed
    sinusoid = build_sincos2d_pos_embed(list(patch.grid_size), dim=embedding.shape[-1])
    embedding[0, embedding.shape[1] - len(sinusoid) :] = 0.5 * sinusoid
