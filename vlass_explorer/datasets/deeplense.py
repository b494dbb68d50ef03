"""DeepLense: simulated strong lenses without substructure (no_sub), with subhaloes (cdm) or with a vortex (axion).

Folders as the authors hand them out: ``train`` and ``test`` with ``axion``, ``cdm`` and ``no_sub``, one NPY file an
image, for Model_I (150 x 150), Model_II and Model_III (64 x 64); class folders without train and test are read, too.
The test folder is the test part. Files come in several forms, and some hold Python objects, which are read without
unpickling: an image; ``[image, mass of the axion]``, whose mass stays in the cutout's header; an array of rows; a flat
array, perhaps with one more number.

Data: M. Toomey and others, ML4SCI DeepLense (https://github.com/ML4SCI/DeepLense); Alexander et al. 2020, ApJ 893, 15.
"""

from __future__ import annotations

from functools import partial
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..schema import Cutout, CutoutError, DatasetError, Origin
from . import cache
from .items import DataSet, Item, array_cutout, subsample
from .safe_pickle import read_npy

TITLE = "DeepLense"
LABEL_NAMES = ("axion", "cdm", "no_sub")
PARTS = {"train": "", "val": "validation", "test": "test", ".": ""}


def matches(root: Path) -> bool:
    """True for a folder with the three classes, or with a train folder that has them."""
    return any(all((root / part / label).is_dir() for label in LABEL_NAMES) for part in ("train", "."))


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """The data set in the order of its paths; DatasetError for a folder without such images."""
    if root is None:
        raise DatasetError("This data set needs its folder (Model_I, Model_II or Model_III): give data_dir.")
    items = [
        Item(
            name=path.relative_to(root).as_posix(),
            label=label,
            source=partial(read, path),
            split=split,
            key=cache.file_key(path),
        )
        for part, split in PARTS.items()
        for label, name in enumerate(LABEL_NAMES)
        for path in sorted((root / part / name).glob("*.npy"))
        if not path.name.startswith(".")
    ]
    if not items:
        raise DatasetError(
            f"{root} holds no train/axion/*.npy, train/cdm/*.npy or train/no_sub/*.npy: give Model_I, ..."
        )
    return DataSet(
        title=f"{TITLE} {root.name}",
        items=subsample(items, count, seed),
        label_names=LABEL_NAMES,
        licence="not stated by the authors",
        citation="Alexander et al. 2020, ApJ 893, 15; https://github.com/ML4SCI/DeepLense",
        simulated=True,
    )


def read(path: Path) -> Cutout:
    """One image as a cutout, the mass of the axion as AXIONM in its header; CutoutError for no such image."""
    try:
        found = read_npy(path)
    except DatasetError as error:
        raise CutoutError(str(error)) from error
    image, mass = image_of(found)
    colour = None
    if image.ndim == 3:
        colour, image = np.moveaxis(image, -1, 0), image.mean(axis=-1)
    header = {} if mass is None else {"AXIONM": mass}
    return array_cutout(path.name, image, colour=colour, origin=Origin(simulated=True), header=header)


def image_of(found: NDArray[Any]) -> tuple[NDArray[Any], float | None]:
    """The image (ny, nx), or (ny, nx, 3), in any of the forms that files have, and the number that came with it."""
    number: float | None = None
    if found.dtype.hasobject and found.ndim == 1:
        parts = list(found)
        if any(isinstance(part, str | bytes) for part in parts):
            raise CutoutError("The array holds text: one square image is needed.")
        if len(parts) > 1 and np.size(parts[-1]) == 1:  # [image, mass], or rows and a label
            number = float(np.ravel(parts.pop())[0])
        if len(parts) == 1:
            return image_of(np.asarray(parts[0]))[0], number
        lengths = {np.shape(part) for part in parts}
        if len(lengths) != 1 or len(shape := lengths.pop()) != 1 or not shape[0] <= len(parts) <= shape[0] + 1:
            raise CutoutError("Its objects are no rows of one square image: save the image as a plain array.")
        found = np.stack(parts[: shape[0]])
    if found.dtype.hasobject:
        found = found.astype(np.float64)
    if found.ndim == 1 and found.size - isqrt(found.size) ** 2 in (0, 1):
        side = isqrt(found.size)
        number = float(found[-1]) if found.size > side**2 else number
        found = found[: side**2].reshape(side, side)
    if found.ndim != 2 and found.shape[2:] != (3,):
        raise CutoutError(f"The array has the shape {found.shape}; one square image is needed.")
    if min(found.shape[:2]) < 8 or found.dtype.kind not in "fiub":
        raise CutoutError("The array is no image of real numbers of at least 8 x 8 pixels.")
    return found, number
