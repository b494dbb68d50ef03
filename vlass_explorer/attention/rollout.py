"""Maps on the patch grid from recorded attention: rollout over all layers, and single layers and heads.

Rollout: Abnar and Zuidema 2020, arXiv:2005.00928. It is computed as a row vector times layer matrices, from the
read-out (or one patch) backwards, which costs layers x tokens^2 instead of layers x tokens^3.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from ..schema import AttentionMaps, FloatArray, UnsupportedError

HeadFusion = Literal["mean", "max", "min"]


def rollout(
    maps: AttentionMaps, *, head_fusion: HeadFusion = "mean", discard_ratio: float = 0.0, query: int | None = None
) -> FloatArray:
    """Attention rollout (gy, gx), row 0 at the bottom: the share of each patch in what the read-out is made of.

    What is missing to a sum of 1 ended on prefix tokens. Options as in ``token_rollout``.
    """
    tokens = token_rollout(maps, head_fusion=head_fusion, discard_ratio=discard_ratio, query=query)
    return tokens[maps.prefix_tokens :].reshape(maps.grid)


def token_rollout(
    maps: AttentionMaps, *, head_fusion: HeadFusion = "mean", discard_ratio: float = 0.0, query: int | None = None
) -> FloatArray:
    """Attention rollout over all tokens (token,), prefix tokens first, summing to 1.

    Each layer is its heads fused, without its weakest links (``discard_ratio`` of them; the row and column of the
    token that is read stay whole), plus the identity, rows normalised. A layer that lacks the prefix tokens (ConViT's
    gated ones) leaves them untouched. ``query``: start from this patch (row * gx + column) instead of the read-out.
    Raises UnsupportedError for an option out of its range.
    """
    if head_fusion not in get_args(HeadFusion):
        raise UnsupportedError(f"Heads are fused by mean, max or min, not by {head_fusion!r}.")
    if not 0.0 <= discard_ratio < 1.0:
        raise UnsupportedError("The discard ratio is at least 0 and below 1; 0.9 keeps the strongest tenth.")
    start = _start(maps, query)
    row = start.copy()
    for layer in reversed(maps.layers):
        absent = row.size - layer.weights.shape[-1]
        fused = getattr(np, head_fusion)(layer.weights, axis=0)
        if discard_ratio:
            fused = _strongest(fused, discard_ratio, _protected(start, maps)[absent:])
        # Row-normalised (A + I), applied to the row vector without building the sum.
        part = row[absent:] / (fused.sum(axis=-1) + 1.0)
        row[absent:] = part + part @ fused
    return row


def layer_map(maps: AttentionMaps, layer: int, head: int | None = None, query: int | None = None) -> FloatArray:
    """Attention (gy, gx), row 0 at the bottom, of one layer from the read-out or from a patch; raw, not rescaled.

    ``layer`` counts from 0, negative from the end; ``head`` None is the mean over heads. In a layer that the class
    token has not joined yet there is no read-out: the mean over all patches stands in (see ``has_readout``).
    Raises UnsupportedError for a layer, head or patch that does not exist.
    """
    if not -len(maps.layers) <= layer < len(maps.layers):
        raise UnsupportedError(f"There is no layer {layer}: this model has {len(maps.layers)}, counted from 0.")
    weights = maps.layers[layer].weights
    if head is not None and not 0 <= head < len(weights):
        raise UnsupportedError(f"There is no head {head}: this layer has {len(weights)}, counted from 0.")
    row = _start(maps, query)[-weights.shape[-1] :]
    if not row.any():
        row = np.full_like(row, 1.0 / row.size)
    # The row first: it is far smaller than the matrix.
    over_heads = row @ (weights if head is None else weights[head : head + 1])
    return over_heads.mean(axis=0)[-maps.grid[0] * maps.grid[1] :].reshape(maps.grid)


def has_readout(maps: AttentionMaps, layer: int) -> bool:
    """Does the read-out exist in this layer (not before a late class token has joined)."""
    return bool(maps.readout[-maps.layers[layer].weights.shape[-1] :].any())


def _start(maps: AttentionMaps, query: int | None) -> FloatArray:
    if query is None:
        return maps.readout
    patches = maps.grid[0] * maps.grid[1]
    if not 0 <= query < patches:
        raise UnsupportedError(
            f"There is no patch {query}: patches are row * {maps.grid[1]} + column, below {patches}."
        )
    start = np.zeros_like(maps.readout)
    start[maps.prefix_tokens + query] = 1.0
    return start


def _protected(start: FloatArray, maps: AttentionMaps) -> np.ndarray:
    """Tokens whose links are never discarded: those that are read, unless the average over all patches is."""
    read = start > 0
    return np.zeros_like(read) if read.sum() >= maps.grid[0] * maps.grid[1] else read


def _strongest(fused: FloatArray, discard_ratio: float, protected: np.ndarray) -> FloatArray:
    """Set the weakest links to 0; links as strong as the weakest one that stays are kept, too."""
    count = int(discard_ratio * fused.size)
    threshold = np.partition(fused, count, axis=None)[count]
    keep = (fused >= threshold) | protected[:, None] | protected[None, :]
    return np.where(keep, fused, np.zeros((), fused.dtype))
