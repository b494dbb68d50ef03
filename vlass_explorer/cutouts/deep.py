"""Colour of 16 bits a channel and unsigned pixels of 32 bits: Pillow cuts the first, and takes the second as signed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import tiff

PLANAR = 284


def channels(image: Image.Image, data: bytes) -> NDArray[np.uint16] | None:
    """Channels (ny, nx, 2 to 4) of 16 bits of a PNG or an uncompressed TIFF; None where Pillow has to do."""
    if "transparency" in image.info:
        return None
    if image.format == "PNG":
        import torch  # only here: reading needs it for nothing else
        from torchvision.io import ImageReadMode, decode_png

        found = decode_png(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.UNCHANGED)
        return np.ascontiguousarray(np.moveaxis(found.numpy(), 0, -1)) if found.dtype == torch.uint16 else None
    tags: Any = getattr(image, "tag_v2", {})
    samples = len(tags.get(tiff.BITS, ()))
    tiles: Any = getattr(image, "tile", ())
    is_plain = all(tile[0] == "raw" for tile in tiles) and tags.get(PLANAR, 1) == 1
    if samples not in (3, 4) or not is_plain:
        return None
    order = "<" if data[:2] == b"II" else ">"
    whole = np.zeros((image.height, image.width, samples), np.uint16)
    for _, (x0, y0, x1, y1), offset, _ in tiles:
        shape = (y1 - y0, x1 - x0, samples)
        part = np.frombuffer(data, f"{order}u2", int(np.prod(shape)), offset).reshape(shape)
        whole[y0:y1, x0:x1] = part[: image.height - y0, : image.width - x0]
    return whole


def signed_as_told(image: Image.Image, pixels: NDArray[Any]) -> NDArray[Any]:
    """The same pixels (ny, nx), unsigned where a TIFF of 32 bits says so and signed at 8: Pillow has no such modes."""
    tags: Any = getattr(image, "tag_v2", {})
    told = int(np.ravel(tags.get(tiff.FORMAT, 1))[0]), int(np.ravel(tags.get(tiff.BITS, 8))[0])
    if told == (1, 32) and pixels.dtype == np.int32:
        return pixels.view(np.uint32)
    return pixels.view(np.int8) if told == (tiff.SIGNED, 8) and pixels.dtype == np.uint8 else pixels
