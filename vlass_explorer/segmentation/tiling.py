"""Where tiles begin and how much each says of a pixel: half over the next one, their margins left out, blended inside.

What a convolution makes of a tile's margin depends on the zeros that it puts beyond the edge, so an eighth of the tile
on each side has no say, but at the edge of the image; inside of it scores fade over a quarter of the tile. All tiles
but the last begin where the strides of the network fall on the same pixels, so that a network whose statistics are
frozen, and that looks no farther than the margin, says of each pixel what it says in one look at the whole image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..schema import InputSpec

STRIDE = 32
"""Input pixels between those of the coarsest map."""
MARGIN, FADE = 1 / 8, 1 / 4
"""Of a tile's side: what has no say, and over how much of it scores fade into those of the next tile."""
LEAST = 1e-6
"""Weight of the margin, which counts where no other tile looks."""


def starts(length: int, side: int, aligned: int = 1) -> list[int]:
    """First pixels of tiles of a side that cover a length and overlap by half or more; one, centred, where it is wider.

    All but the last are multiples of ``aligned`` where half a tile is that long. A centred tile begins before the first
    pixel, as the window of ``preprocess`` does.
    """
    if side >= length:
        return [(length - side) // 2]
    step = max(side // 2 // aligned * aligned or side // 2, 1)
    return [*range(0, length - side, step), length - side]


def alignment(native: int, spec: InputSpec) -> int:
    """Native pixels between those of a network's coarsest map, for a field of view of ``native``; 1 if not whole."""
    pixels = STRIDE * native / spec.img_size
    return int(pixels) if pixels >= 1 and pixels.is_integer() else 1


def weights(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Say (h, w) of the pixels of a tile, those of tiles half a tile apart adding up to 1 inside of the image."""
    sides = []
    for n in shape:
        inwards = (np.minimum(np.arange(n), n - 1 - np.arange(n)) + 0.5) / n
        sides.append(np.clip((inwards - MARGIN) / FADE, LEAST, 1.0))
    return np.outer(*sides).astype(np.float32)
