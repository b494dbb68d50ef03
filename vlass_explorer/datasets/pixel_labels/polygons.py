"""Outlines of COCO as pixels: polygons and run lengths, rows from the top as COCO counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Inside = NDArray[np.bool_]


def filled(polygons: Sequence[Sequence[float]], shape: tuple[int, int]) -> Inside:
    """Pixels (ny, nx) whose centres lie in one of the polygons, each a list of x, y, x, y.

    The first pixel reaches from 0 to 1, as in pycocotools, which differs by pixels on the outline. Raises ValueError
    for a polygon of fewer than three points, or with numbers that are not finite.
    """
    # Here and not above: matplotlib takes a second to import.
    from matplotlib.path import Path as Outline

    inside = np.zeros(shape, bool)
    for polygon in polygons:
        points = np.asarray(polygon, float)
        if points.ndim != 1 or points.size < 6 or points.size % 2 or not np.isfinite(points).all():
            raise ValueError("a polygon is a list of at least three x, y")
        points = points.reshape(-1, 2)
        x0, y0 = np.clip(np.floor(points.min(0)), 0, shape[::-1]).astype(int)
        x1, y1 = np.clip(np.ceil(points.max(0)), 0, shape[::-1]).astype(int)
        y, x = np.mgrid[y0:y1, x0:x1]
        if x.size:
            centres = np.stack([x.ravel(), y.ravel()], 1) + 0.5
            inside[y0:y1, x0:x1] |= Outline(points).contains_points(centres).reshape(x.shape)
    return inside


def bounds(polygons: Sequence[Sequence[float]]) -> tuple[float, float, float, float]:
    """Smallest and largest x and y of all points: x0, x1, y0, y1."""
    points = np.concatenate([np.asarray(polygon, float).reshape(-1, 2) for polygon in polygons])
    return float(points[:, 0].min()), float(points[:, 0].max()), float(points[:, 1].min()), float(points[:, 1].max())


def run_lengths(coded: dict[str, Any]) -> Inside:
    """Pixels (ny, nx) of COCO's run lengths, as numbers or as its text; columns one after the other, outside first.

    Raises ValueError where they do not fill the size, and KeyError where counts or size are missing.
    """
    height, width = (int(side) for side in coded["size"])
    counts = coded["counts"]
    runs = _decoded(counts) if isinstance(counts, str | bytes) else [int(count) for count in counts]
    if min(height, width) < 1 or any(run < 0 for run in runs) or sum(runs) != height * width:
        raise ValueError("its run lengths do not fill its size")
    flags = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flags.reshape(width, height).T


def _decoded(text: str | bytes) -> list[int]:
    """Run lengths of COCO's text: five bits a letter, the sixth for more; the fourth and later are differences."""
    letters = text.encode("ascii") if isinstance(text, str) else text
    runs: list[int] = []
    value = shift = 0
    for letter in letters:
        bits = letter - 48
        if not 0 <= bits < 64:
            raise ValueError("its run lengths hold a letter that is none")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("its run lengths are cut short")
    return runs
