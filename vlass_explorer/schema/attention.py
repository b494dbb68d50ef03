"""Attention of one forward pass: what its tokens are, how each layer lies on them, and the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
IndexArray = NDArray[np.intp]


@dataclass(frozen=True)
class Tokens:
    """A list of tokens: prefix tokens, then the patches of a grid (gy, gx) row by row, row 0 at the bottom."""

    prefix: int
    grid: tuple[int, int]
    second: tuple[int, int] = (0, 0)
    """Grid of a second set of patches over the same image, which stand last; (0, 0) where there is none."""

    @property
    def patches(self) -> int:
        """Number of patches."""
        return self.grid[0] * self.grid[1] + self.second[0] * self.second[1]

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self.prefix + self.patches


@dataclass(frozen=True)
class Pooling:
    """Cells of a finer grid that each cell of a coarser one is the mean of, as (start, stop) of each row and column.

    Cells may overlap (adaptive pooling), and cells of the finer grid may be in none (what does not fill a kernel).
    """

    rows: tuple[tuple[int, int], ...]
    columns: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Place:
    """How one attention layer lies on the tokens: which ones ask (query), which ones answer (key)."""

    before: Tokens
    """Tokens that the layer receives."""
    after: Tokens
    """Tokens that it hands on; a coarser grid where the layer also pools."""
    keys: Tokens
    """Tokens that keys are counted in; a coarser grid than ``before`` where keys are pooled."""
    query_index: IndexArray | None = None
    """(window, query): its token in ``after``, -1 for padding; None: all of them in order, one window."""
    key_index: IndexArray | None = None
    """(window, key): its token in ``keys``, -1 for padding; None: all of them in order, one window."""
    residual: bool = True
    """The layer adds to what it receives; False: it replaces it."""
    strip: int = 0
    """Keys are means of so many patches in a row of the list, not of squares of the grid; what is left over at the
    end is in none. 0: they are not."""
    pools_keys: Pooling | None = None
    """How ``keys`` pool the grid of ``before``; None where the grids are one."""
    pools_queries: Pooling | None = None
    """How ``after`` pools the grid of ``before``; None where the grids are one."""
    pools_earlier: Pooling | None = None
    """How ``before`` pools the grid that the layer before hands on; None where the grids are one."""


@dataclass(frozen=True, eq=False)
class AttentionLayer:
    """Attention of one layer over one image, axes (head, window, query, key), raw: what the values are weighted with.

    Layers over all tokens have one window. Where heads were fused on arrival the head axis has length 1.
    """

    name: str
    weights: FloatArray
    place: Place
    heads: int
    """Heads of the layer in the model."""


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """All layers of one forward pass, in forward order, with what the tokens are; drawn only through the graph."""

    layers: tuple[AttentionLayer, ...]
    kind: str
    """What the head reads: class_token, distilled, average_pool, late_class_token, attention_pool."""
    grid: tuple[int, int]
    """Grid (gy, gx) that maps are drawn on: the patches of the first layer."""
    prefix_tokens: int
    """Prefix tokens of the model (class, distillation, registers); some layers may lack them."""
    readout: FloatArray
    """Row vector over the tokens after the last layer from which the head reads, summing to 1."""
    image_size: tuple[int, int]
    """Pixels (ny, nx) of the model input."""
    registers: int = 0
    """How many of the prefix tokens, the last ones, are registers."""
    notes: tuple[str, ...] = ()
    """What the maps leave out or approximate in this architecture, one sentence each."""
