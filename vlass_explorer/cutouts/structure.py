"""The skeleton of a FITS file, walked before astropy sees it: a forged header must not cost hours or memory."""

from __future__ import annotations

import re
from typing import BinaryIO

from ..schema import CutoutError

BLOCK = 2880
MAX_HEADER_BLOCKS = 4000  # 11 MB of cards; a pipeline's HISTORY fills a few hundred
MAX_HDUS = 256
MAX_AXES = 9
MAX_COLUMNS = 999  # of a table, by the FITS standard
STRUCTURAL = re.compile(
    rb"(?:HIERARCH\s+)?(Z?BITPIX|Z?NAXIS\d{0,3}|ZTILE\d{0,3}|PCOUNT|GCOUNT|TFIELDS)\s*=(.*)", re.IGNORECASE | re.DOTALL
)
INTEGER = re.compile(rb"\s*([+-]?\d{1,19})\s*(?:/.*)?$", re.DOTALL)


def check(stream: BinaryIO, size: int) -> None:
    """Walk the headers of a FITS stream of ``size`` bytes; raise CutoutError for one that no image can have."""
    start = 0
    for _ in range(MAX_HDUS):
        if start >= size:
            return
        stream.seek(start)
        numbers, length = _header(stream)
        if length == 0:
            return  # no header here: what astropy makes of it is bounded by what was checked
        axes = numbers.get("NAXIS", 0)
        for key, most in (("NAXIS", MAX_AXES), ("ZNAXIS", MAX_AXES), ("TFIELDS", MAX_COLUMNS)):
            if not 0 <= numbers.get(key, 0) <= most:
                raise CutoutError(
                    f"The FITS header declares {key} = {numbers[key]}: the file is damaged, copy it again."
                )
        start += length + -(-_data_bytes(numbers, axes) // BLOCK) * BLOCK


def _header(stream: BinaryIO) -> tuple[dict[str, int], int]:
    """Structural integers of the header at the stream's position, and its length in bytes (0: there is none)."""
    numbers: dict[str, int] = {}
    for block in range(MAX_HEADER_BLOCKS):
        data = stream.read(BLOCK)
        if block == 0 and not data.upper().startswith((b"SIMPLE", b"XTENSION")):
            return {}, 0
        if len(data) < BLOCK:
            raise CutoutError("The FITS header has no end: the file is cut short or damaged, copy it again.")
        for i in range(0, BLOCK, 80):
            card = data[i : i + 80]
            if card[:8].rstrip() == b"END":
                return numbers, (block + 1) * BLOCK
            if match := STRUCTURAL.match(card):
                key, value = match[1].decode().upper(), INTEGER.match(match[2])
                if value is None:  # astropy would multiply a text by the other axes
                    raise CutoutError(
                        f"{key} in the FITS header is no usable number: the file is damaged, copy it again."
                    )
                numbers.setdefault(key, int(value[1]))
    raise CutoutError("The FITS header is longer than any real one: choose another file.")


def _data_bytes(numbers: dict[str, int], axes: int) -> int:
    """Length of the data that follows a header; 0 where the header does not say."""
    lengths = [numbers.get(f"NAXIS{i}", 0) for i in range(1, axes + 1)]
    if not lengths:
        return 0
    if lengths[0] == 0 and len(lengths) > 1 and "GCOUNT" in numbers:
        lengths = lengths[1:]  # random groups: the first axis is 0
    count = 1
    for length in lengths:
        count *= max(0, length)
    pixels = numbers.get("GCOUNT", 1) * (numbers.get("PCOUNT", 0) + count)
    return max(0, abs(numbers.get("BITPIX", 8)) // 8 * pixels)
