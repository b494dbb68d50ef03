"""Stability of a map under the eight flips and rotations: a radio source has no preferred orientation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..progress import part
from ..schema import FloatArray

MOVES = tuple((mirror, turns) for mirror in (False, True) for turns in range(4))
"""Mirrored or not, then turned by so many right angles; the first one moves nothing."""
PIXELS = 2**16
"""Of all images of one pass: larger ones gain nothing from company on a processor, and need memory."""


@dataclass(frozen=True, eq=False)
class Symmetry:
    """Correlation of a map with that of each turned cutout, turned back; 1 where the map turns with the sky."""

    correlations: tuple[float, ...]
    """One for each move but the first; half turn and two mirrors only where the image is not square."""

    @property
    def mean(self) -> float:
        """Mean over the moves."""
        return float(np.mean(self.correlations))


def symmetry(
    explain: Callable[[Tensor], FloatArray],
    x: Tensor,
    *,
    known: FloatArray | None = None,
    together: Callable[[Tensor], Sequence[FloatArray]] | None = None,
) -> Symmetry:
    """Explain one image (1, C, H, W) in every orientation; ``explain`` gives the map (gy, gx) of an image.

    ``known``: the map of the image as it is, where it was made already. ``together``: gives the maps of several images
    (B, C, H, W), where the method makes them in one pass; small images then go into one. Pearson's correlation, 1
    between two equal maps without contrast and 0 where only one has none.
    """
    square = x.shape[-2] == x.shape[-1]
    moves = [move for move in MOVES if square or move[1] % 2 == 0]
    maps = [] if known is None else [known]
    count = 1 if together is None else images_a_pass(x)
    for start in range(len(maps), len(moves), count):
        some = moves[start : start + count]
        with part(start, len(moves)):
            if together is not None and len(some) > 1:
                found = together(torch.cat([_moved(x, move) for move in some]))
            else:
                found = [explain(_moved(x, move)) for move in some]
        maps += [_back(one, move) for one, move in zip(found, some, strict=True)]
    return Symmetry(tuple(correlation(maps[0], other) for other in maps[1:]))


def images_a_pass(x: Tensor) -> int:
    """How many images of the size of ``x`` (1, C, H, W) are explained in one pass."""
    return max(1, PIXELS // (x.shape[-2] * x.shape[-1]))


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's correlation of two maps of one shape; without contrast 1 if they are equal, else 0."""
    x, y = (np.asarray(one, np.float64).ravel() - np.mean(one, dtype=np.float64) for one in (a, b))
    norm = float(np.sqrt((x * x).sum() * (y * y).sum()))
    if norm == 0.0:
        return float(np.array_equal(a, b))
    return float((x * y).sum() / norm)


def _moved(x: Tensor, move: tuple[bool, int]) -> Tensor:
    mirror, turns = move
    return torch.rot90(x.flip(-1) if mirror else x, turns, (-2, -1)).contiguous()


def _back(values: FloatArray, move: tuple[bool, int]) -> FloatArray:
    mirror, turns = move
    turned = np.rot90(values, -turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)
