"""Attention rollout: attention of all layers multiplied, from the read-out back to the patches.

Abnar and Zuidema 2020, arXiv:2005.00928. It shows where attention flowed and is the same for every label.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attention import (
    HeadFusion,
    attention_maps,
    batch_attention_maps,
    padding_share,
    prefix_shares,
    start_words,
    supports,
    token_rollout,
)
from ..schema import AttentionMaps, Explanation, FloatArray
from ..schema.bounds import ShareBelowOne

__all__ = ["TITLE", "explain", "explain_each", "supports", "with_logits"]

TITLE = "Attention rollout"


def explain(
    model: nn.Module,
    x: Tensor,
    target: int,
    *,
    head_fusion: HeadFusion = "mean",
    discard_ratio: ShareBelowOne = 0.0,
    identity_weight: ShareBelowOne = 0.5,
    query: int | None = None,
) -> Explanation:
    """One map (gy, gx) on the grid of the first layer: the share of each patch, unsigned; ``target`` does not matter.

    head_fusion: Heads of a layer become one matrix by their mean, maximum or minimum.
    discard_ratio: Share of the weakest links of each layer that is dropped; 0 is the published method.
    identity_weight: Share of each layer that stays where it is (the residual); 0.5 is the published method.
    query: Patch to start from (row * columns + column, row 0 at the bottom) instead of the read-out.

    Raises UnsupportedError for an architecture that is not covered or an option out of its range.
    """
    (found,) = explain_each(
        model,
        x,
        target,
        head_fusion=head_fusion,
        discard_ratio=discard_ratio,
        identity_weight=identity_weight,
        query=query,
    )
    return found


def explain_each(
    model: nn.Module,
    images: Tensor,
    target: int,
    *,
    head_fusion: HeadFusion = "mean",
    discard_ratio: ShareBelowOne = 0.0,
    identity_weight: ShareBelowOne = 0.5,
    query: int | None = None,
) -> list[Explanation]:
    """``explain`` of each image (B, C, H, W), all in one pass."""
    found = []
    for maps in batch_attention_maps(model, images, head_fusion=head_fusion)[1]:
        tokens = token_rollout(
            maps, head_fusion=head_fusion, discard_ratio=discard_ratio, identity_weight=identity_weight, query=query
        )
        found.append(_explained(maps, tokens, query))
    return found


def with_logits(model: nn.Module, x: Tensor) -> tuple[Tensor, Explanation]:
    """Logits (1, K) of one image (1, C, H, W), bitwise those of a plain pass, and its rollout as published.

    Raises UnsupportedError for an architecture that is not covered.
    """
    logits, maps = attention_maps(model, x, head_fusion="mean")
    return logits, _explained(maps, token_rollout(maps), None)


def _explained(maps: AttentionMaps, tokens: FloatArray, query: int | None) -> Explanation:
    shares = tokens[maps.prefix_tokens :]
    elsewhere, padding = float(tokens[: maps.prefix_tokens].sum()), padding_share(tokens)
    absorbed = prefix_shares(maps, tokens)
    names = {"class_token_share": "the class token", "register_share": "registers"}
    split = ", ".join(f"{share:.1%} on {names[name]}" for name, share in absorbed.items())
    sentences = (
        "Where attention flowed, not a cause.",
        f"{elsewhere:.0%} ended on tokens that are no patches{f': {split}' if split else ''}.",
        *((f"{padding:.0%} ended on the padding of windows.",) if padding else ()),
    )
    return Explanation(
        maps=shares.reshape(1, *maps.grid),
        titles=(f"Rollout from {start_words(maps, query)}",),
        signed=False,
        unit="share of attention",
        caption=" ".join((*sentences, *maps.notes)),
        numbers={
            "layers": len(maps.layers),
            "token_graph": maps.kind,
            "prefix_tokens": maps.prefix_tokens,
            "prefix_share": elsewhere,
            "padding_share": padding,
            **absorbed,
        },
    )
