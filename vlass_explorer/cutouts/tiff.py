"""TIFF pictures whose smallest value is white (MinIsWhite): Pillow turns those of 8 bits alone."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

MAX_PAGES = 10_000
BITS, PHOTOMETRIC, FORMAT = 258, 262, 339
SIGNED, FLOATING = 2, 3  # values of the tag SampleFormat; unsigned integers where it is absent


def as_min_is_black(data: bytes) -> tuple[bytes, dict[int, tuple[int, int]]]:
    """The file with its deep MinIsWhite pages declared MinIsBlack, and (bits, sample format) of each by page number."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    turned: dict[int, tuple[int, int]] = {}
    if order is None:
        return data, turned
    patched = bytearray(data)
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        for page in range(MAX_PAGES):
            if start == 0:
                break
            (count,) = struct.unpack_from(f"{order}H", data, start)
            values: dict[int, int] = {}
            places: dict[int, int] = {}
            for entry in range(start + 2, start + 2 + 12 * count, 12):
                tag, kind, length = struct.unpack_from(f"{order}HHI", data, entry)
                if kind == 3 and length == 1:  # one SHORT stands in the entry itself
                    values[tag], places[tag] = struct.unpack_from(f"{order}H", data, entry + 8)[0], entry + 8
            if values.get(PHOTOMETRIC) == 0 and values.get(BITS, 1) > 8:
                struct.pack_into(f"{order}H", patched, places[PHOTOMETRIC], 1)
                turned[page] = values[BITS], values.get(FORMAT, 1)
            (start,) = struct.unpack_from(f"{order}I", data, start + 2 + 12 * count)
    except struct.error:
        pass  # a damaged file, which Pillow will name
    return (bytes(patched) if turned else data), turned


def inverted(pixels: NDArray[np.float32], bits: int, sample_format: int) -> NDArray[np.float32]:
    """Pixels with black and white exchanged: within the range of integers, within that of the picture for floats."""
    if sample_format == FLOATING:
        return np.nanmax(pixels) + np.nanmin(pixels) - pixels
    highest = 2 ** (bits - 1) - 1 if sample_format == SIGNED else 2**bits - 1
    lowest = -(2 ** (bits - 1)) if sample_format == SIGNED else 0
    return np.float32(highest + lowest) - pixels
