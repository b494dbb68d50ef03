"""Pictures before and after a spatial transformer: what was given with the part that was sampled, and what was made."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..schema import FloatArray
from .colours import SKY_MAP

SIDE, GAP, LINE = 200, 6, 18
"""Pixels of a picture, between two, and of a line of text."""
OUTLINE = "#4de1c1"
PAPER, INK = "#ffffff", "#1b1f24"
WRITTEN = 64
"""Letters of a name that fit above a pair."""


def pair(given: FloatArray, made: FloatArray, outline: FloatArray) -> NDArray[np.uint8]:
    """Two pictures side by side as RGB, (S, S) each on one scale, row 0 at the bottom of both.

    ``outline`` (n, 2), y and x from 0 to 1 over the field, is drawn over the first.
    """
    low, high = float(min(given.min(), made.min())), float(max(given.max(), made.max()))
    scaled = [(each - low) / ((high - low) or 1.0) for each in (given, made)]
    pictures = [
        Image.fromarray(matplotlib.colormaps[SKY_MAP](each[::-1], bytes=True)[..., :3].copy()).resize(
            (SIDE, SIDE), Image.Resampling.NEAREST
        )
        for each in scaled
    ]
    corners = [(float(x) * SIDE, (1 - float(y)) * SIDE) for y, x in outline]
    ImageDraw.Draw(pictures[0]).line(corners, fill=OUTLINE, width=2)
    both = Image.new("RGB", (2 * SIDE + GAP, SIDE), "#808080")
    for number, each in enumerate(pictures):
        both.paste(each, (number * (SIDE + GAP), 0))
    return np.asarray(both)


def sheet(pairs: Sequence[NDArray[np.uint8]], names: Sequence[str], *, columns: int = 3) -> Image.Image:
    """All pairs on one page, ``columns`` in a row, each under its name."""
    columns = max(1, min(columns, len(pairs)))
    rows = -(-len(pairs) // columns)
    width, height = 2 * SIDE + GAP, SIDE + LINE
    page = Image.new("RGB", (columns * (width + 2 * GAP), rows * (height + 2 * GAP)), PAPER)
    draw = ImageDraw.Draw(page)
    for number, (picture, name) in enumerate(zip(pairs, names, strict=True)):
        row, column = divmod(number, columns)
        x, y = column * (width + 2 * GAP) + GAP, row * (height + 2 * GAP) + GAP
        written = name if len(name) <= WRITTEN else f"{name[: WRITTEN // 2 - 1]}...{name[-WRITTEN // 2 + 2 :]}"
        draw.text((x, y), written.encode("ascii", "replace").decode(), fill=INK)
        page.paste(Image.fromarray(picture), (x, y + LINE))
    return page
