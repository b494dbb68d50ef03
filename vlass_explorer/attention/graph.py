"""What the tokens of an architecture are: its layers, each placed on them, and the tokens that the head reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from torch import nn

from ..schema import FloatArray, IndexArray, Place, Pooling, Tokens, UnsupportedError

Size = tuple[int, int]


class SizeMisfit(UnsupportedError):
    """The layers of an architecture do not lie on an input of this size; ``built`` is one that fits, if known."""

    def __init__(self, message: str, built: Size | None = None) -> None:
        super().__init__(message)
        self.built = built


Kind = Literal["class_token", "distilled", "average_pool", "late_class_token", "attention_pool"]


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """One attention layer: its module, its heads, its place, and the calls that it makes."""

    name: str
    heads: int
    place: Place
    axes: str = "bhqk"
    """Axes of the recorded tensor: b batch, h head, w window, q query, k key."""
    merged: int = 1
    """How many of the axes, from the first on, are merged into one (Swin: "bwhqk", 2)."""
    softmaxes: int = 1
    """Softmax calls of the layer; the last is its attention unless ``changed``."""
    changed: bool = False
    """The model changes attention after the softmax: what its dropout receives is read instead (after one softmax it
    is taken as positive rows that sum to 1: talking heads)."""
    mixing: nn.Conv2d | None = None
    """A convolution that mixes heads after the softmax (taken as positive rows that sum to 1)."""
    resampled: bool = False
    """The grid it receives is interpolated from the one before: cells are compared by the area that they share."""
    drawn: bool = True
    """False: its attention runs inside a token and does not move anything between tokens."""

    @property
    def calls(self) -> tuple[str, ...]:
        """Functions that the layer calls, in order; ``softmax`` may be fused."""
        return ("softmax",) * self.softmaxes + ("dropout",) * self.changed

    @property
    def windows(self) -> int:
        """Windows of the layer on one image."""
        return 1 if self.place.query_index is None else len(self.place.query_index)

    def shape(self, batch: int) -> tuple[int, ...]:
        """Shape that its attention has in the model."""
        place = self.place
        queries = place.after.size if place.query_index is None else place.query_index.shape[1]
        keys = place.keys.size if place.key_index is None else place.key_index.shape[1]
        sizes = {"b": batch, "h": self.heads, "w": self.windows, "q": queries, "k": keys}
        shape = [sizes[axis] for axis in self.axes]
        return (math.prod(shape[: self.merged]), *shape[self.merged :])


@dataclass(frozen=True, eq=False)
class TokenGraph:
    """All attention layers of an architecture in forward order, and the tokens that the head reads."""

    kind: Kind
    layers: tuple[LayerGraph, ...]
    readout: FloatArray
    notes: tuple[str, ...] = field(default=())
    registers: int = 0
    """How many of the prefix tokens, the last ones, are registers."""

    @property
    def drawn(self) -> tuple[LayerGraph, ...]:
        """Layers that move something between tokens."""
        return tuple(layer for layer in self.layers if layer.drawn)

    @property
    def prefix_tokens(self) -> int:
        """Prefix tokens of the model: those of the layer that has most."""
        return max(layer.place.before.prefix for layer in self.drawn)


def everywhere(tokens: Tokens) -> Place:
    """Every token attends to every token."""
    return Place(tokens, tokens, tokens)


def pooled_keys(tokens: Tokens, module: nn.Module | None) -> Place:
    """Every token attends to keys that a module pools to another grid; None: to every token."""
    key_grid, pooling = pooled(module, tokens.grid)
    return Place(tokens, tokens, Tokens(tokens.prefix, key_grid), pools_keys=pooling)


def stripped_keys(tokens: Tokens, strip: int) -> Place:
    """Every token attends to means of ``strip`` patches in a row of the list."""
    return Place(tokens, tokens, Tokens(tokens.prefix, (1, tokens.patches // strip)), strip=strip)


def windowed(tokens: Tokens, index: IndexArray) -> Place:
    """Tokens attend inside windows; ``index`` (window, place in it) counts patches of the grid."""
    index = np.where(index < 0, -1, index + tokens.prefix)
    return Place(tokens, tokens, tokens, index, index)


def class_attention(tokens: Tokens) -> Place:
    """Only the class token asks; patches stay as they are."""
    return Place(tokens, tokens, tokens, np.zeros((1, 1), np.intp))


def attention_pool(tokens: Tokens, *, patches: bool = False) -> Place:
    """One learned query reads the tokens, or the patches alone, and becomes the read-out."""
    read = np.arange(tokens.prefix, tokens.size)[None] if patches and tokens.prefix else None
    return Place(tokens, Tokens(1, (0, 0)), tokens, key_index=read, residual=False)


def windows(grid: Size, window: Size, shift: Size = (0, 0), *, pad: bool = True) -> IndexArray:
    """Patches (window, place) of square windows on a grid that is first rolled by ``-shift``, then padded with -1."""
    index = np.roll(np.arange(grid[0] * grid[1]).reshape(grid), (-shift[0], -shift[1]), (0, 1))
    margins = [(0, -n % w) for n, w in zip(grid, window, strict=True)]
    if not pad and any(after for _, after in margins):
        raise SizeMisfit(f"Windows of {window[0]} x {window[1]} do not tile {grid[0]} x {grid[1]} patches.")
    index = np.pad(index, margins, constant_values=-1)
    rows, columns = (n // w for n, w in zip(index.shape, window, strict=True))
    tiles = index.reshape(rows, window[0], columns, window[1]).transpose(0, 2, 1, 3)
    return tiles.reshape(rows * columns, window[0] * window[1])


def strided_windows(grid: Size, cells: Size) -> IndexArray:
    """Patches (window, place) of windows of ``cells`` that lie evenly spread over the grid (MaxViT's grid)."""
    if grid[0] % cells[0] or grid[1] % cells[1]:
        raise SizeMisfit(f"A spread of {cells[0]} x {cells[1]} does not fit {grid[0]} x {grid[1]} patches.")
    rows, columns = grid[0] // cells[0], grid[1] // cells[1]
    index = np.arange(grid[0] * grid[1]).reshape(cells[0], rows, cells[1], columns)
    return index.transpose(1, 3, 0, 2).reshape(rows * columns, cells[0] * cells[1])


def pooled(module: Any, grid: Size) -> tuple[Size, Pooling | None]:
    """Grid that a strided convolution or a pooling makes of another, and the cells that each of its cells stands for.

    Those are a stride's worth, cut at the edge of the grid; what a kernel reads beyond them is left out, and what no
    kernel reads is in none: kernels narrower than their stride leave gaps. Adaptive pooling has the bins that torch
    gives it. None for the pooling where the grid stays.
    """
    if module is None:
        return grid, None
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        sides = tuple(wanted or side for wanted, side in zip(_pair(module.output_size), grid, strict=True))
        cells = [
            tuple((index * side // wanted, -(-(index + 1) * side // wanted)) for index in range(wanted))
            for wanted, side in zip(sides, grid, strict=True)
        ]
    else:
        cells = [_strided(module, axis, side) for axis, side in enumerate(grid)]
    coarse = (len(cells[0]), len(cells[1]))
    whole = all(part == tuple((i, i + 1) for i in range(side)) for part, side in zip(cells, grid, strict=True))
    return coarse, None if whole else Pooling(cells[0], cells[1])


def _strided(module: Any, axis: int, side: int) -> tuple[tuple[int, int], ...]:
    """Cells of one axis under a convolution or pooling with a stride."""
    stride = _pair(module.stride)[axis]
    kernel = _pair(module.kernel_size)[axis]
    if hasattr(module, "padding") and (module.padding == "same" or type(module).__name__.endswith("Same")):
        count = -(-side // stride)  # as much padding as the last cell needs
    else:
        reach = _pair(getattr(module, "dilation", 1))[axis] * (kernel - 1) + 1
        margin = _pair(module.padding)[axis]
        free = side + 2 * margin - reach
        count = free // stride + 1
        if getattr(module, "ceil_mode", False) and free % stride and count * stride < side + margin:
            count += 1  # a last window may stand over the edge if it starts inside
        if kernel == reach < stride:
            starts = (index * stride - margin for index in range(count))
            return tuple((max(start, 0), min(start + kernel, side)) for start in starts)
    return tuple((index * stride, min((index + 1) * stride, side)) for index in range(count))


def _pair(value: Any) -> tuple[Any, Any]:
    return (value[0], value[-1]) if isinstance(value, tuple | list) else (value, value)


def halved(grid: Size, coarse: Size) -> Pooling | None:
    """How a grid is made of a finer one by steps of 2 x 2 that keep the last cell of an odd row; None: it is the same.

    Raises UnsupportedError where it is not made that way.
    """
    if grid == coarse:
        return None
    for times in range(1, 7):
        if coarser(grid, 2**times) == coarse:
            _, pooling = pooled(nn.MaxPool2d(2**times, ceil_mode=True), grid)
            return pooling
    raise SizeMisfit(
        f"How {coarse[0]} x {coarse[1]} patches are made of {grid[0]} x {grid[1]} is not known for this model."
    )


def coarser(grid: Size, stride: int = 2) -> Size:
    """Grid after a step of ``stride``, the last cell of an odd row kept."""
    return -(-grid[0] // stride), -(-grid[1] // stride)


def average_pool(layers: Sequence[LayerGraph], pooling: Any, notes: Sequence[str] = ()) -> TokenGraph:
    """Graph of a model without prefix tokens whose head (or its pooling) reads the mean over the last grid."""
    while not isinstance(pooling, str | None):
        # A head holds its pooling, or says its type.
        pooling = getattr(pooling, "pool_type", None) or getattr(pooling, "global_pool", None)
    if pooling != "avg":
        raise UnsupportedError(no_row(pooling))
    return TokenGraph("average_pool", tuple(layers), patch_mean(layers[-1].place.after), tuple(notes))


def patch_mean(tokens: Tokens) -> FloatArray:
    """Read-out of all patches evenly."""
    return first_of(tokens, 0, patches=True)


def first_of(tokens: Tokens, prefix: int, *, patches: bool = False) -> FloatArray:
    """Read-out of the first ``prefix`` tokens evenly, and of all patches where asked."""
    row = np.zeros(tokens.size, np.float32)
    row[:prefix] = 1.0
    if patches:
        row[tokens.prefix :] = 1.0
    return row / row.sum()


def no_row(pooling: object) -> str:
    """Why a pooling is refused."""
    return (
        f"The head pools tokens by {pooling!r}, which no single row of attention describes."
        if pooling
        else "The model has no pooled read-out."
    )


def only(module: Any, *types: type) -> None:
    """Refuse a module whose type is not exactly one of these: a relative of it may attend in another way."""
    if type(module) not in types:
        raise UnsupportedError(
            f"{type(module).__name__} is no single softmax attention a layer, which is what rollout needs."
        )
