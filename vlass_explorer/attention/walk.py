"""One row of numbers over the tokens, carried backwards through a layer: windows, pooled keys, coarser grids.

A product of layer matrices is only ever needed as row vector times matrices, which costs layers x tokens^2 instead of
layers x tokens^3 and lets windowed layers stay in their windows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..schema import AttentionMaps, FloatArray, IndexArray, Place, Pooling, Tokens

Split = Callable[[FloatArray, bool], tuple[FloatArray, FloatArray]]
"""From the sums of a layer's rows (token,) and whether it has a residual: the share of each token that stays where it
is, and the factor on its row of attention."""


def walk(maps: AttentionMaps, matrices: list[FloatArray], start: FloatArray, split: Split) -> FloatArray:
    """Carry a row (token,) over the tokens after the last layer back to the tokens before the first.

    ``matrices``: one (window, query, key) a layer. Returns (prefix tokens, then patches of ``maps.grid``).
    """
    row = start
    held = np.zeros(maps.prefix_tokens, row.dtype)
    tokens, pooling = maps.layers[-1].place.after, None
    for layer, matrix in zip(reversed(maps.layers), reversed(matrices), strict=True):
        row, aside = carry(row, tokens, layer.place.after, pooling)
        held[: aside.size] += aside
        row = step(row, layer.place, matrix, split)
        tokens, pooling = layer.place.before, layer.place.pools_earlier
    # Prefix tokens that the first layer still has are the last of the model's.
    prefix = np.zeros_like(held)
    prefix[held.size - tokens.prefix :] = row[: tokens.prefix]
    return np.concatenate([prefix + held, folded(row, tokens, maps.grid)])


def carry(row: FloatArray, source: Tokens, target: Tokens, pooling: Pooling | None) -> tuple[FloatArray, FloatArray]:
    """A row between two layers: spread over a finer grid; prefix tokens that the earlier layer lacks are set aside."""
    if source is target or source == target:
        return row, row[:0]
    missing = source.prefix - target.prefix
    aside, prefix = row[: max(missing, 0)], row[max(missing, 0) : source.prefix]
    prefix = np.concatenate([np.zeros(max(-missing, 0), row.dtype), prefix])
    return np.concatenate([prefix, spread(row[source.prefix :], source.grid, target.grid, pooling)]), aside


def step(row: FloatArray, place: Place, matrix: FloatArray, split: Split) -> FloatArray:
    """A row (token,) over ``place.after`` times one layer (window, query, key): a row over ``place.before``."""
    stay, factor = split(add_up(matrix.sum(-1), place.query_index, place.after.size), place.residual)
    answered = answers(row * factor, place, matrix)
    moved = to_before(answered, place)
    if not place.residual:
        return moved
    kept: FloatArray = row * stay
    if place.after != place.before:
        kept, _ = carry(kept, place.after, place.before, place.pools_queries)
    return moved + kept


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
    if place.strip:
        prefix, strip = place.keys.prefix, place.strip
        flat = np.zeros(place.before.patches, answered.dtype)
        flat[: strip * place.keys.patches] = np.repeat(answered[prefix:] / strip, strip)
        return np.concatenate([answered[:prefix], flat])
    return carry(answered, place.keys, place.before, place.pools_keys)[0]


def back(row: FloatArray, maps: AttentionMaps, layer: int) -> FloatArray:
    """A row over what the last layer hands on, as one over what layer ``layer`` hands on; nothing attends."""
    tokens = maps.layers[-1].place.after
    for later, earlier in _pairs(maps, len(maps.layers) - 1, layer % len(maps.layers)):
        row, _ = carry(row, tokens, later.before, later.pools_queries)
        row, _ = carry(row, later.before, earlier.after, later.pools_earlier)
        tokens = earlier.after
    return row


def on_grid(row: FloatArray, maps: AttentionMaps, layer: int, *, handed_on: bool = False) -> FloatArray:
    """A row over what a layer receives (or hands on) as sums on the patches of ``maps.grid``; nothing attends."""
    place = maps.layers[layer].place
    if handed_on:
        row, _ = carry(row, place.after, place.before, place.pools_queries)
    for later, earlier in _pairs(maps, layer % len(maps.layers), 0):
        row, _ = carry(row, later.before, earlier.after, later.pools_earlier)
        row, _ = carry(row, earlier.after, earlier.before, earlier.pools_queries)
    return folded(row, maps.layers[0].place.before, maps.grid)


def covering(maps: AttentionMaps, query: int, layer: int) -> int:
    """Number of the patch, of those that a layer hands on, that patch ``query`` of ``maps.grid`` went into."""
    place = divmod(query, maps.grid[1])
    grid = maps.grid
    for each in (each.place for each in maps.layers[: layer % len(maps.layers) + 1]):
        for pooling, coarse in ((each.pools_earlier, each.before.grid), (each.pools_queries, each.after.grid)):
            if pooling is not None:
                place = _cell(pooling.rows, place[0]), _cell(pooling.columns, place[1])
            elif grid != coarse and coarse != (0, 0):  # interpolated: the cell that its middle lies in
                place = _scaled(place[0], grid[0], coarse[0]), _scaled(place[1], grid[1], coarse[1])
            grid = coarse
    return place[0] * grid[1] + place[1]


def _scaled(index: int, fine: int, coarse: int) -> int:
    return (2 * index + 1) * coarse // (2 * fine)


def _cell(cells: tuple[tuple[int, int], ...], index: int) -> int:
    """The cell that holds an index, or the nearest one where none does."""
    return min(range(len(cells)), key=lambda number: max(cells[number][0] - index, index - cells[number][1] + 1, 0))


def _pairs(maps: AttentionMaps, last: int, first: int) -> list[tuple[Place, Place]]:
    """Places of layers and of those before them, backwards."""
    return [(maps.layers[index].place, maps.layers[index - 1].place) for index in range(last, first, -1)]


def add_up(values: FloatArray, index: IndexArray | None, size: int) -> FloatArray:
    """Values (window, place) added up by token; what lies on padding (-1) is lost."""
    if index is None:
        return values[0]
    sums: FloatArray = np.bincount(index.ravel() + 1, values.ravel(), minlength=size + 1)[1:].astype(values.dtype)
    return sums


def spread(
    values: FloatArray, source: tuple[int, int], target: tuple[int, int], pooling: Pooling | None = None
) -> FloatArray:
    """Patches of a grid spread evenly over the patches of a finer one that they are the mean of; the sum stays.

    ``pooling`` says which those are; None: both grids cover the same image with cells of one size.
    """
    if source == target and pooling is None:
        return values
    if not source[0] * source[1]:
        return np.zeros(target[0] * target[1], values.dtype)
    if pooling is None:
        rows, columns = (_overlap(coarse, fine) for coarse, fine in zip(source, target, strict=True))
    else:
        rows, columns = _means(pooling.rows, target[0]), _means(pooling.columns, target[1])
    spreaded: FloatArray = (rows.T @ values.reshape(source) @ columns).ravel().astype(values.dtype)
    return spreaded


def folded(values: FloatArray, tokens: Tokens, grid: tuple[int, int]) -> FloatArray:
    """Values (token,) of the first layer as sums on its patches: no prefix tokens, a second set of patches added."""
    first, second = np.split(values[tokens.prefix :], [tokens.grid[0] * tokens.grid[1]])
    return first + spread(second, tokens.second, grid) if second.size else first


@lru_cache(maxsize=128)
def _means(cells: tuple[tuple[int, int], ...], fine: int) -> FloatArray:
    """Share (coarse, fine) of each coarse cell that lies on each fine one of which it is the mean; rows sum to 1."""
    share = np.zeros((len(cells), fine))
    for row, (start, stop) in zip(share, cells, strict=True):
        row[start:stop] = 1.0 / (stop - start)
    return share


@lru_cache(maxsize=128)
def _overlap(coarse: int, fine: int) -> FloatArray:
    """Share (coarse, fine) of each coarse cell that lies on each fine one of the same length; rows sum to 1."""
    edges = np.linspace(0.0, fine, coarse + 1)
    cells = np.arange(fine)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    share: FloatArray = np.clip(overlap, 0.0, None)
    return share / share.sum(axis=1, keepdims=True)
