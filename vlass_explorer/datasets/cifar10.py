"""CIFAR-10, binary version: 60,000 colour pictures of 32 x 32 pixels in ten classes, five training batches and a test.

The folder ``cifar-10-batches-bin`` of https://www.cs.toronto.edu/~kriz/cifar.html: files of records of one byte of
label and 3,072 bytes of pixels, red, green and blue plane in turn, rows from the top. No pickle is involved. Pixels are
scaled to 0..1. The training batches are the authors' five folds, the test batch is the test part.

Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images (technical report, University of Toronto).
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..schema import Cutout, DatasetError, Origin
from . import cache
from .items import DataSet, Item, array_cutout, subsample

TITLE = "CIFAR-10"
LABEL_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD, SIDE = 1 + 3 * 32 * 32, 32
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
FILES = {f"data_batch_{number}.bin": number - 1 for number in range(1, 6)} | {"test_batch.bin": None}


def matches(root: Path) -> bool:
    """True for a folder that holds the first training batch."""
    return (root / "data_batch_1.bin").is_file()


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """The data set in the order of its files; DatasetError where none is there or one is cut short."""
    files = [] if root is None else [root / name for name in FILES if (root / name).is_file()]
    if not files:
        raise DatasetError("This data set needs the folder with data_batch_1.bin to data_batch_5.bin: give data_dir.")
    items = [
        Item(
            name=f"{path.stem}_{index:04d}",
            label=int(label),
            source=partial(_picture, path, index),
            fold=FILES[path.name],
            split="test" if FILES[path.name] is None else "",
            key=f"{key}:{index}",
        )
        for path in files
        for key in [cache.file_key(path)]
        for index, label in enumerate(_records(path)[:, 0])
    ]
    return DataSet(
        title=TITLE,
        items=subsample(items, count, seed),
        label_names=LABEL_NAMES,
        licence="not stated by the authors",
        citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        colour=True,
    )


@lru_cache(maxsize=len(FILES))
def _records(path: Path) -> NDArray[np.uint8]:
    """Records (N, 3073) of a file, mapped into memory."""
    size = path.stat().st_size
    if not size or size % RECORD:
        raise DatasetError(f"{path.name} has {size:,} bytes, no whole number of pictures: copy or download it again.")
    records = np.memmap(path, np.uint8, "r").reshape(-1, RECORD)
    if records[:, 0].max() >= len(LABEL_NAMES):
        raise DatasetError(f"{path.name} holds the label {records[:, 0].max()}; this is not the binary CIFAR-10.")
    return records


def _picture(path: Path, index: int) -> Cutout:
    """One picture; its last row is the first of the array, as in any picture that is read."""
    planes = _records(path)[index, 1:].reshape(3, SIDE, SIDE)[:, ::-1].astype(np.float32) / 255
    grey = np.tensordot(LUMINANCE, planes, 1)
    return array_cutout(f"{path.stem}_{index:04d}", grey, colour=planes, origin=Origin(product="optical"))
