"""A class for each pixel of a cutout, on its own grid: in one field of view, or in tiles that are blended.

A cutout wider than the field of view that the model was trained with is covered by tiles of that field, each half over
the next one; softmax scores are averaged with weights that fall to the edge of a tile, so that no seam is left. Rows of
tiles follow one another and only one of them is held, so that a mosaic takes little memory beside its own pixels. Group
norms and tokens of a tile know that tile alone: labels may differ from those of a larger field.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import preprocess, progress
from ..schema import IGNORE, Cutout, FloatArray, InputError, InputSpec, Window
from .branch import resized

BATCH_SIZE = 8


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Class of each pixel of a cutout."""

    labels: NDArray[np.uint8]
    """(ny, nx) indices into ``label_names``; ``IGNORE`` where the cutout has no data or no model looked."""
    scores: NDArray[np.float32]
    """(ny, nx) softmax score of that class, not calibrated; 0 where there is none."""
    label_names: tuple[str, ...]
    tiles: int
    """Fields of view that the model looked at."""


@torch.inference_mode()
def segment(
    model: nn.Module,
    spec: InputSpec,
    label_names: tuple[str, ...],
    cutout: Cutout,
    *,
    device: str = "cpu",
    batch_size: int = BATCH_SIZE,
) -> Segmentation:
    """Classes of all pixels by a model in evaluation mode on ``device``, whose input is ``spec``; reports progress.

    Raises InputError where the preprocessing refuses the cutout, and where the model overflows.
    """
    window = preprocess.window(cutout, spec)
    image = preprocess.stretched(cutout, spec).reshape(-1, *cutout.shape)
    maximum = preprocess.maximum(torch.from_numpy(image)[None]) if spec.normalisation == "field" else None
    rows, columns = (starts(n, side) for n, side in zip(cutout.shape, window.shape, strict=True))
    weight = _taper(window.shape)
    labels = np.full(cutout.shape, IGNORE, np.uint8)
    scores = np.zeros(cutout.shape, np.float32)
    # One row of tiles: sums of weighted scores, and of weights, of the rows from ``y0`` on.
    sums = np.zeros((len(label_names) + 1, window.shape[0], cutout.shape[1]), np.float32)
    for number, y0 in enumerate(rows):
        for x0, found in _row(model, spec, image, y0, columns, window, maximum, device, batch_size):
            left, right = max(x0, 0), min(x0 + window.shape[1], cutout.shape[1])
            part = slice(left - x0, right - x0)
            sums[:-1, :, left:right] += (found * weight)[:, :, part]
            sums[-1, :, left:right] += weight[:, part]
        step = rows[number + 1] - y0 if number + 1 < len(rows) else window.shape[0]
        top, bottom = max(y0, 0), min(y0 + step, cutout.shape[0])
        done = sums[:, top - y0 : bottom - y0]
        labels[top:bottom] = done[:-1].argmax(0)
        scores[top:bottom] = done[:-1].max(0) / np.maximum(done[-1], 1e-12)
        labels[top:bottom][done[-1] == 0] = IGNORE
        sums[:, : window.shape[0] - step] = sums[:, step:].copy()
        sums[:, window.shape[0] - step :] = 0
        progress.report(number + 1, len(rows))
    empty = ~np.isfinite(cutout.pixels)
    labels[empty] = IGNORE
    scores[labels == IGNORE] = 0.0
    return Segmentation(labels, scores, label_names, len(rows) * len(columns))


def starts(length: int, side: int) -> list[int]:
    """First pixels of tiles of a side that cover a length and overlap by half or more; one, centred, where it is wider.

    A centred tile begins before the first pixel, as the window of ``preprocess`` does.
    """
    if side >= length:
        return [(length - side) // 2]
    count = math.ceil((length - side) / max(side // 2, 1)) + 1
    return [round((length - side) * place / (count - 1)) for place in range(count)]


def _taper(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Weights (h, w) that fall linearly from the middle of a tile to its edge, nowhere 0."""
    sides = [np.minimum(np.arange(n) + 1, n - np.arange(n)) / (n / 2) for n in shape]
    return np.outer(*sides).astype(np.float32)


def _row(
    model: nn.Module,
    spec: InputSpec,
    image: FloatArray,
    y0: int,
    columns: list[int],
    window: Window,
    maximum: Tensor | None,
    device: str,
    batch_size: int,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """First column of each tile of one row with its softmax scores (K, h, w) on native pixels."""
    height, width = window.shape
    for first in range(0, len(columns), batch_size):
        some = columns[first : first + batch_size]
        crops = [preprocess.crop(image, Window(y0, y0 + height, x0, x0 + width)) for x0 in some]
        maxima = None if maximum is None else maximum.expand(len(some))
        x = preprocess.finish(torch.from_numpy(np.stack(crops)), spec, maxima).to(device)
        logits = resized(model(x).float(), window.shape).cpu()
        if not bool(logits.isfinite().all()):
            raise InputError("The model gives no finite score for this image; its pixel values are too extreme.")
        yield from zip(some, logits.softmax(1).numpy(), strict=True)
