"""A data set of noise that the training benchmarks share; not a benchmark itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vlass_explorer import cutouts
from vlass_explorer.datasets import DataSet, Item


def make(folder: Path, count: int) -> DataSet:
    """Two classes of noise, one file each pixel array."""
    random = np.random.default_rng(0)
    items = []
    for index in range(count):
        path = folder / f"{index}.npy"
        np.save(path, random.random((160, 160), dtype=np.float32))
        items.append(Item(path.name, index % 2, lambda path=path: cutouts.read(path)))
    return DataSet("noise", tuple(items), ("a", "b"))
