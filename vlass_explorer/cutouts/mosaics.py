"""Images too large for memory: mapped from a file without a name, and gone through a strip of rows at a time.

What a strip has touched counts as memory of the process until ``release``; the file keeps what was written.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..measure import noise
from ..measure.detection import SAMPLE
from ..schema import Noise
from .bounds import MAX_PIXELS, check_pixels
from .notes import Notes

STRIP = 2**22
"""Pixels of a strip."""


def zeros(shape: tuple[int, int], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros (ny, nx), in memory or, above ``MAX_PIXELS``, mapped from a file that goes with the array."""
    if shape[0] * shape[1] <= MAX_PIXELS:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(prefix="vlass-explorer-") as file:
        file.truncate(shape[0] * shape[1] * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "r+", shape=shape)


def strips(shape: tuple[int, int]) -> Iterator[slice]:
    """Rows that follow one another: all of them, or as many at a time as a mosaic allows."""
    rows = shape[0] if shape[0] * shape[1] <= MAX_PIXELS else max(STRIP // shape[1], 1)
    for y in range(0, shape[0], rows):
        yield slice(y, min(y + rows, shape[0]))


def is_mapped(array: NDArray[Any]) -> bool:
    """True for an array of ``zeros`` that lies in a file."""
    return isinstance(array, np.memmap)


def release(*arrays: NDArray[Any]) -> None:
    """Give back the memory of mapped arrays, whose values stay as they are; others are left alone."""
    for array in arrays:
        held = getattr(array, "_mmap", None)  # has no public name
        if held is not None and hasattr(mmap, "MADV_DONTNEED"):
            held.madvise(mmap.MADV_DONTNEED)


def checked(pixels: NDArray[np.float32], notes: Notes) -> Noise | None:
    """Checks of a mapped image, whose infinite values become NaN, and its noise from every n-th pixel.

    Edges that were filled with one value are looked for in no mosaic. Raises CutoutError as ``check_pixels``.
    """
    infinite, step, some = 0, -(-pixels.size // SAMPLE), []
    for rows in strips((pixels.shape[0], pixels.shape[1])):
        part = pixels[rows]
        wrong = np.isinf(part)
        part[wrong] = np.nan
        infinite += int(wrong.sum())
        some.append(part.ravel()[(-rows.start * pixels.shape[1]) % step :: step].copy())
        release(pixels)
    if infinite:
        notes.append(f"{infinite:,} infinite pixels are taken as no data.")
    sample = np.concatenate(some)
    notes.extend(check_pixels(sample[None]))
    found = noise(sample)
    return found if found is None or step == 1 else replace(found, method=f"{found.method}, one pixel in {step}")
