"""Limits that hold before any work is done, and decompression that stops at them."""

from __future__ import annotations

import bz2
import re
import unicodedata
import zlib

import numpy as np
from numpy.typing import NDArray

from ..foreign import mapped, reason
from ..schema import CutoutError

MAX_FILE_BYTES = 512 * 2**20  # of a file that is read into memory; a FITS file on disk is mapped and may be larger
MAX_PIXELS = 4096 * 4096  # of one image in memory, 64 MiB as float32; a VLASS Quick Look image has 3722 x 3722
MOSAIC_PIXELS = 16384 * 16384  # of a FITS image that is mapped by what goes through it in tiles
MAX_MOSAIC_SIDE = 16384  # of an image that is cut through a memory map
MIN_SIDE = 8


def size_text(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def safe_name(name: str) -> str:
    """Base name of a path of any system, without control or direction-changing characters, at most 200 long."""
    base = re.split(r"[/\\]", name.strip().rstrip("/\\"))[-1]
    plain = "".join(c for c in base if unicodedata.category(c)[0] != "C").strip()
    return plain[-200:] or "unnamed"


def check_side(ny: int, nx: int) -> None:
    """Refuse an image that is too small to be looked at, or that has no area."""
    if min(ny, nx) < 1:
        raise CutoutError(f"The image has no pixels ({nx} × {ny}): choose a file that holds an image.")
    if min(ny, nx) < MIN_SIDE:
        raise CutoutError(f"The image has {nx} × {ny} pixels; at least {MIN_SIDE} × {MIN_SIDE} are needed.")


def check_pixels(pixels: NDArray[np.float32]) -> list[str]:
    """Notes on missing data; refuse an image that holds too few finite pixels or one single value."""
    count = int(np.count_nonzero(np.isfinite(pixels)))
    if count == 0:
        raise CutoutError("Every pixel is empty (NaN): choose a file or a position that holds data.")
    if count < MIN_SIDE * MIN_SIDE:
        raise CutoutError(f"Only {count} pixels hold data; at least {MIN_SIDE} × {MIN_SIDE} are needed.")
    low, high = np.nanmin(pixels), np.nanmax(pixels)  # none is infinite, and a copy of the rest would be a mosaic
    if low == high:
        raise CutoutError(f"Every pixel has the value {low:g}: there is nothing to see, choose another file.")
    if count == pixels.size:
        return []
    share = 100.0 * (1.0 - count / pixels.size)
    return [f"{share:.1f} % of the pixels hold no data (NaN)." if share >= 0.05 else "A few pixels hold no data (NaN)."]


def unpacked(data: bytes, limit: int = MAX_FILE_BYTES) -> bytes:
    """Content of gzip or bzip2 bytes, never more than ``limit``: a bomb is refused when it passes it."""
    is_gzip = data[:2] == b"\x1f\x8b"
    parts: list[bytes] = []
    total = 0
    while data:
        stream = zlib.decompressobj(wbits=31) if is_gzip else bz2.BZ2Decompressor()
        with mapped(_damaged):
            part = stream.decompress(data, limit + 1 - total)
        parts.append(part)
        total += len(part)
        if total > limit:
            raise CutoutError(f"Unpacked the file is larger than {size_text(limit)}: unpack it, then cut a part.")
        if not stream.eof:
            raise CutoutError("The compressed file is cut short: copy or download it again.")
        data = stream.unused_data.lstrip(b"\0")
        if data[:2] not in (b"\x1f\x8b", b"BZ"):
            break  # bytes behind the last member are padding
    return b"".join(parts)


def _damaged(error: Exception) -> CutoutError:
    return CutoutError(f"The compressed file is damaged ({reason(error)}): copy or download it again.")
