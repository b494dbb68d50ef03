"""Maps on the patch grid from recorded attention: rollout over all layers, and single layers and heads.

Rollout: Abnar and Zuidema 2020, arXiv:2005.00928, as a row vector times layer matrices, from the read-out (or one
patch) backwards. Windowed and pyramid architectures are walked through windows, shifts and patch merging.
"""

from __future__ import annotations

from typing import get_args

import numpy as np

from ..schema import AttentionMaps, FloatArray, Place, Tokens, UnsupportedError
from .recording import HeadFusion
from .walk import Split, answers, back, covering, on_grid, spread, to_before, walk


def rollout(
    maps: AttentionMaps,
    *,
    head_fusion: HeadFusion = "mean",
    discard_ratio: float = 0.0,
    identity_weight: float = 0.5,
    query: int | None = None,
) -> FloatArray:
    """Attention rollout (gy, gx), row 0 at the bottom: the share of each patch in what the read-out is made of.

    What is missing to a sum of 1 ended on prefix tokens (or on padding). Options as in ``token_rollout``.
    """
    tokens = token_rollout(
        maps, head_fusion=head_fusion, discard_ratio=discard_ratio, identity_weight=identity_weight, query=query
    )
    return tokens[maps.prefix_tokens :].reshape(maps.grid)


def token_rollout(
    maps: AttentionMaps,
    *,
    head_fusion: HeadFusion = "mean",
    discard_ratio: float = 0.0,
    identity_weight: float = 0.5,
    query: int | None = None,
) -> FloatArray:
    """Attention rollout over all tokens (token,), prefix tokens first, summing to 1.

    Each layer is its heads fused, without its weakest links (``discard_ratio`` of them; the row and column of the
    token that is read stay whole), mixed with the identity by ``identity_weight``, rows normalised. A layer that lacks
    the prefix tokens (ConViT's gated ones) leaves them untouched. ``query``: start from this patch (row * gx + column)
    instead of the read-out. Raises UnsupportedError for an option out of its range.
    """
    if head_fusion not in get_args(HeadFusion):
        raise UnsupportedError(f"Heads are fused by mean, max or min, not by {head_fusion!r}.")
    if not 0.0 <= discard_ratio < 1.0:
        raise UnsupportedError("The discard ratio is at least 0 and below 1; 0.9 keeps the strongest tenth.")
    start = start_row(maps, query)
    matrices = []
    for layer in maps.layers:
        fused = getattr(np, head_fusion)(layer.weights, axis=0) if len(layer.weights) > 1 else layer.weights[0]
        if discard_ratio:
            fused = _strongest(fused, discard_ratio, _protected(start, maps, layer.place))
        matrices.append(fused)
    return walk(maps, matrices, start, stochastic(identity_weight))


def padding_share(row: FloatArray) -> float:
    """Share of a row (token,) of shares that lies on padding: what is missing to a sum of 1, but for rounding."""
    missing = 1.0 - float(row.sum(dtype=np.float64))
    return missing if missing > 1e-5 else 0.0


def prefix_shares(maps: AttentionMaps, tokens: FloatArray) -> dict[str, float]:
    """Share of a row (token,) that ended on class tokens and on registers; empty for a model without registers."""
    if not maps.registers:
        return {}
    classes, registers, _ = np.split(tokens, [maps.prefix_tokens - maps.registers, maps.prefix_tokens])
    total = float(tokens.sum()) or 1.0
    found = {"class_token_share": float(classes.sum()) / total} if classes.size else {}
    return found | {"register_share": float(registers.sum()) / total}


def stochastic(identity_weight: float = 0.5) -> Split:
    """Rollout's rule: (1 - w) A + w I with rows normalised; raises UnsupportedError for a weight out of [0, 1)."""
    if not 0.0 <= identity_weight < 1.0:
        raise UnsupportedError("The weight of the identity is at least 0 and below 1; 0.5 is the published one.")

    def split(sums: FloatArray, residual: bool) -> tuple[FloatArray, FloatArray]:
        weight = identity_weight if residual else 0.0
        whole = (1.0 - weight) * sums + weight
        safe = np.where(whole > 0, whole, 1.0)
        # A token that asks nothing stays where it is.
        return np.where(whole > 0, weight / safe, 1.0), np.where(whole > 0, (1.0 - weight) / safe, 0.0)

    return split


def layer_map(maps: AttentionMaps, layer: int, head: int | None = None, query: int | None = None) -> FloatArray:
    """Attention (gy, gx) of ``layer_row`` on the grid of ``maps``, row 0 at the bottom: the patches only.

    A patch of a coarser layer is spread over those that it covers, so that sums stay.
    """
    fine: FloatArray = on_grid(layer_row(maps, layer, head, query), maps, layer).reshape(maps.grid)
    return fine


def layer_row(maps: AttentionMaps, layer: int, head: int | None = None, query: int | None = None) -> FloatArray:
    """Attention (token,) of one layer from the read-out or from a patch, over the tokens that the layer receives.

    Raw, not rescaled, but for a patch that asks in several windows (VOLO), which has the mean of them; what is missing
    to a sum of 1 lies on padding. ``layer`` counts from 0, negative from the end; ``head`` None is the mean over heads.
    In a layer that the class token has not joined yet there is no read-out: the mean over all patches stands in (see
    ``has_readout``). Raises UnsupportedError for a layer, head or patch that does not exist, or a head of a layer whose
    heads were fused.
    """
    if not -len(maps.layers) <= layer < len(maps.layers):
        raise UnsupportedError(f"There is no layer {layer}: this model has {len(maps.layers)}, counted from 0.")
    chosen = maps.layers[layer]
    if head is not None and not 0 <= head < chosen.heads:
        raise UnsupportedError(f"There is no head {head}: this layer has {chosen.heads}, counted from 0.")
    if head is not None and len(chosen.weights) != chosen.heads:
        raise UnsupportedError("The heads of this layer were fused when they were recorded; record it whole.")
    place = chosen.place
    row = _once(_asking(_row(maps, layer, query)[0], place), place)
    stack = chosen.weights if head is None else chosen.weights[head : head + 1]
    over_heads = [to_before(answers(row, place, weights), place) for weights in stack]
    mean: FloatArray = over_heads[0] if len(over_heads) == 1 else np.mean(over_heads, axis=0)
    return mean


def has_readout(maps: AttentionMaps, layer: int) -> bool:
    """Does the read-out exist in this layer (not before a late class token has joined)."""
    return _row(maps, layer, None)[1]


def start_words(maps: AttentionMaps, query: int | None) -> str:
    """Where a map starts, in words."""
    return "the read-out" if query is None else "patch row {}, column {}".format(*divmod(query, maps.grid[1]))


def start_row(maps: AttentionMaps, query: int | None) -> FloatArray:
    """Row over the tokens after the last layer: the read-out, or the patch that covers patch ``query`` of the grid."""
    if query is None:
        return maps.readout.copy()
    return _row(maps, -1, query)[0]


def _row(maps: AttentionMaps, layer: int, query: int | None) -> tuple[FloatArray, bool]:
    """Row over the tokens that a layer hands on to start from, and whether it is the model's own read-out."""
    tokens = maps.layers[layer].place.after
    readout, last = maps.readout, maps.layers[-1].place.after
    if query is None:
        if tokens == last:
            return readout, True
        read = readout[: last.prefix].any()
        if not readout[last.prefix :].any() and (tokens.prefix != last.prefix or not last.patches):
            return _even(tokens), False
        if read and tokens.prefix != last.prefix:
            return _even(tokens), False
        return back(readout, maps, layer), True
    gy, gx = maps.grid
    if not 0 <= query < gy * gx:
        raise UnsupportedError(f"There is no patch {query}: patches are row * {gx} + column, below {gy * gx}.")
    if not tokens.patches:
        raise UnsupportedError("This layer only reads for the head: no patch asks in it.")
    row = np.zeros(tokens.size, readout.dtype)
    place = tokens.prefix + covering(maps, query, layer)
    row[place] = 1.0
    if tokens.second != (0, 0):  # of two sets of patches one of each: the one that covers most of it
        one = np.zeros(gy * gx)
        one[query] = 1.0
        other = int(np.argmax(spread(one, maps.grid, tokens.second)))
        row[[place, tokens.prefix + tokens.grid[0] * tokens.grid[1] + other]] = 0.5
    return row, True


def _asking(row: FloatArray, place: Place) -> FloatArray:
    """The part of a row on the tokens that ask in a layer, with the same sum; the row where that part is nothing."""
    if place.query_index is None:
        return row
    asks = np.bincount(place.query_index.ravel() + 1, minlength=row.size + 1)[1:] > 0
    part = np.where(asks, row, np.zeros((), row.dtype))
    return part * (row.sum() / part.sum()) if part.any() and not asks.all() else row


def _once(row: FloatArray, place: Place) -> FloatArray:
    """A row with the share of each token divided over the windows that it asks in."""
    if place.query_index is None:
        return row
    times = np.bincount(place.query_index.ravel() + 1, minlength=row.size + 1)[1:]
    return row if times.max() <= 1 else (row / np.maximum(times, 1)).astype(row.dtype)


def _even(tokens: Tokens) -> FloatArray:
    row = np.zeros(tokens.size, np.float32)
    row[tokens.prefix :] = 1.0 / tokens.patches
    return row


def _protected(start: FloatArray, maps: AttentionMaps, place: Place) -> np.ndarray:
    """Tokens whose links are never discarded: those that are read, unless the average over all patches is."""
    last, tokens = maps.layers[-1].place.after, place.after
    read = start > 0
    if read.sum() >= last.patches or tokens.grid != last.grid:
        return np.zeros(tokens.size, bool)
    protected = read[last.prefix - tokens.prefix :]
    # One branch of two: its own tokens.
    return protected[place.query_index[0]] if tokens.second != (0, 0) and place.query_index is not None else protected


def _strongest(fused: FloatArray, discard_ratio: float, protected: np.ndarray) -> FloatArray:
    """Set the weakest links to 0; links as strong as the weakest one that stays are kept, too."""
    count = int(discard_ratio * fused.size)
    threshold = np.partition(fused, count, axis=None)[count]
    keep = fused >= threshold
    if fused.shape[0] == 1 and fused.shape[1] == fused.shape[2] == protected.size:
        keep |= protected[:, None] | protected[None, :]
    return np.where(keep, fused, np.zeros((), fused.dtype))
