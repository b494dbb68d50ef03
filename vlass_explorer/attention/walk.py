"""One row of numbers over the tokens, carried backwards through a layer: windows, pooled keys, coarser grids.

A product of layer matrices is only ever needed as row vector times matrices, which costs layers x tokens^2 instead of
layers x tokens^3 and lets windowed layers stay in their windows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..schema import AttentionMaps, FloatArray, IndexArray, Place, Tokens

Split = Callable[[FloatArray, bool], tuple[FloatArray, FloatArray]]
"""From the sums of a layer's rows (token,) and whether it has a residual: the share of each token that stays where it
is, and the factor on its row of attention."""


def walk(maps: AttentionMaps, matrices: list[FloatArray], start: FloatArray, split: Split) -> FloatArray:
    """Carry a row (token,) over the tokens after the last layer back to the tokens before the first.

    ``matrices``: one (window, query, key) a layer. Returns (prefix tokens, then patches of ``maps.grid``).
    """
    row = start
    held = np.zeros(maps.prefix_tokens, row.dtype)
    tokens = maps.layers[-1].place.after
    for layer, matrix in zip(reversed(maps.layers), reversed(matrices), strict=True):
        row, aside = carry(row, tokens, layer.place.after)
        held[: aside.size] += aside
        row = step(row, layer.place, matrix, split)
        tokens = layer.place.before
    # Prefix tokens that the first layer still has are the last of the model's.
    prefix = np.zeros_like(held)
    prefix[held.size - tokens.prefix :] = row[: tokens.prefix]
    return np.concatenate([prefix + held, folded(row, tokens, maps.grid)])


def carry(row: FloatArray, source: Tokens, target: Tokens) -> tuple[FloatArray, FloatArray]:
    """A row between two layers: spread over a finer grid; prefix tokens that the earlier layer lacks are set aside."""
    if source == target:
        return row, row[:0]
    missing = source.prefix - target.prefix
    aside, prefix = row[: max(missing, 0)], row[max(missing, 0) : source.prefix]
    prefix = np.concatenate([np.zeros(max(-missing, 0), row.dtype), prefix])
    return np.concatenate([prefix, spread(row[source.prefix :], source.grid, target.grid)]), aside


def step(row: FloatArray, place: Place, matrix: FloatArray, split: Split) -> FloatArray:
    """A row (token,) over ``place.after`` times one layer (window, query, key): a row over ``place.before``."""
    stay, factor = split(add_up(matrix.sum(-1), place.query_index, place.after.size), place.residual)
    answered = answers(row * factor, place, matrix)
    moved = to_before(answered, place)
    if not place.residual:
        return moved
    kept = row * stay
    return moved + (kept if place.after == place.before else carry(kept, place.after, place.before)[0])


def answers(row: FloatArray, place: Place, matrix: FloatArray) -> FloatArray:
    """A row over ``place.after`` times the attention (window, query, key) of a layer: a row over ``place.keys``."""
    if place.query_index is None:
        asked = row[None].astype(matrix.dtype, copy=False)
    else:
        asked = np.append(row, 0.0).astype(matrix.dtype)[place.query_index]
    answered = (asked[:, None] @ matrix)[:, 0]
    return add_up(answered, place.key_index, place.keys.size)


def to_before(answered: FloatArray, place: Place) -> FloatArray:
    """A row over ``place.keys`` as a row over ``place.before``."""
    if place.keys == place.before:
        return answered
    if place.flat_keys:
        prefix = place.keys.prefix
        # A key is the mean of so many patches in a row; patches left over at the end are in none.
        strip = place.before.patches // place.keys.patches
        flat = np.zeros(place.before.patches, answered.dtype)
        flat[: strip * place.keys.patches] = np.repeat(answered[prefix:] / strip, strip)
        return np.concatenate([answered[:prefix], flat])
    return carry(answered, place.keys, place.before)[0]


def add_up(values: FloatArray, index: IndexArray | None, size: int) -> FloatArray:
    """Values (window, place) added up by token; what lies on padding (-1) is lost."""
    if index is None:
        return values[0]
    sums: FloatArray = np.bincount(index.ravel() + 1, values.ravel(), minlength=size + 1)[1:].astype(values.dtype)
    return sums


def spread(values: FloatArray, source: tuple[int, int], target: tuple[int, int], *, cut: bool = True) -> FloatArray:
    """Patches of a coarse grid spread evenly over the patches of a finer one that they cover; the sum stays.

    Exact where a coarse patch is the mean of the fine ones; strided convolutions are taken as such. Going to a coarser
    grid, patches are added up. ``cut``: the last coarse patch of a row may be smaller; else all are of one size.
    """
    if source == target or not source[0] * source[1]:
        return values if source == target else np.zeros(target[0] * target[1], values.dtype)
    rows, columns = (_cover(coarse, fine, cut) for coarse, fine in zip(source, target, strict=True))
    spreaded: FloatArray = (rows.T @ values.reshape(source) @ columns).ravel().astype(values.dtype)
    return spreaded


def folded(values: FloatArray, tokens: Tokens, grid: tuple[int, int]) -> FloatArray:
    """Values (token,) as sums on the patches of a grid: prefix tokens left out, a second set of patches added."""
    first, second = np.split(values[tokens.prefix :], [tokens.grid[0] * tokens.grid[1]])
    sums = spread(first, tokens.grid, grid)
    return sums + spread(second, tokens.second, grid, cut=False) if second.size else sums


@lru_cache(maxsize=128)
def _cover(coarse: int, fine: int, cut: bool) -> FloatArray:
    """Share (coarse, fine) of each coarse cell that lies on each fine one; rows sum to 1."""
    stride = -(-fine // coarse)
    if cut and -(-fine // stride) == coarse:
        # Cells of a whole stride, the last one cut: what padded merging and strided convolutions do.
        edges = np.minimum(np.arange(coarse + 1) * stride, fine).astype(np.float64)
    else:
        edges = np.linspace(0.0, fine, coarse + 1)
    cells = np.arange(fine)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    share: FloatArray = np.clip(overlap, 0.0, None)
    return share / share.sum(axis=1, keepdims=True)
