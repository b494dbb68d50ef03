"""The VLASS set of VLASS-Vision: 61,351 images of 64 x 64 pixels, already scaled to about 0..1, in four classes.

Two pickled arrays, ``vlass_data_array.p`` and ``vlass_labels.p`` (https://www.cv.nrao.edu/~bkent/astro/vlass/). They
are read without unpickling, once, and kept as NPZ in the cache. The images carry no coordinates, unit or scale, so
splits are random ones; ``split=vlass_vision`` is the published 80/20.

Images and labels: B. Kent (NRAO), AAS 242 tutorial, June 2023; VLASS: Lacy et al. 2020, PASP 132, 035001.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..schema import Cutout, DatasetError, Origin
from . import cache
from .items import DataSet, Item, array_cutout, subsample
from .safe_pickle import read_pickle

TITLE = "VLASS of the AAS 242 tutorial"
LABEL_NAMES = ("Extended", "Point Source", "Double Lobes", "Three Points")
IMAGES, LABELS = "vlass_data_array.p", "vlass_labels.p"
SIDE = 64
ORIGIN = Origin("VLASS", "total intensity", 3.0)


def matches(root: Path) -> bool:
    """True for a folder that holds the two files."""
    return (root / IMAGES).is_file() and (root / LABELS).is_file()


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """The data set in the order of the file; DatasetError where it is missing, unsafe or of another shape."""
    if root is None or not matches(root):
        raise DatasetError(f"This data set needs the folder that holds {IMAGES} and {LABELS}: give data_dir.")
    key = cache.file_key(root / IMAGES) + cache.file_key(root / LABELS)
    table = cache.entry(key, partial(_convert, root)) / "vlass.npz"
    items = [
        Item(f"vlass_{index:05d}", int(label), partial(_image, table, index), key=f"{key}:{index}")
        for index, label in enumerate(_arrays(table)[1])
    ]
    return DataSet(
        title=TITLE,
        items=subsample(items, count, seed),
        label_names=LABEL_NAMES,
        survey="VLASS",
        frequency_ghz=3.0,
        licence="VLASS images: NRAO, public",
        citation="B. Kent (NRAO), AAS 242 tutorial, June 2023; Lacy et al. 2020, PASP 132, 035001",
    )


def _convert(root: Path, folder: Path) -> None:
    """Check both pickles and write their arrays as NPZ."""
    images, labels = (np.asarray(read_pickle(root / name)) for name in (IMAGES, LABELS))
    numbers = all(found.dtype.kind in "fiub" for found in (images, labels))
    count = images.size // SIDE**2
    square = images.ndim >= 2 and images.size and images.shape[0] == count and images.size == count * SIDE**2
    if not numbers or not square or labels.shape != (count,):
        raise DatasetError(
            f"{IMAGES} and {LABELS} have the shapes {images.shape} and {labels.shape}; (N, 64, 64) and (N,) are needed."
        )
    known = np.isin(labels, range(len(LABEL_NAMES)))
    if not known.all():
        raise DatasetError(f"{LABELS} holds the label {labels[~known][0]!s}; 0, 1, 2 and 3 are known.")
    np.savez(
        folder / "vlass.npz", images=images.reshape(count, SIDE, SIDE).astype(np.float32), labels=labels.astype(int)
    )


@lru_cache(maxsize=1)
def _arrays(table: Path) -> tuple[NDArray[np.float32], NDArray[Any]]:
    with np.load(table, allow_pickle=False) as found:
        return found["images"], found["labels"]


def _image(table: Path, index: int) -> Cutout:
    return array_cutout(f"vlass_{index:05d}", _arrays(table)[0][index], origin=ORIGIN)
