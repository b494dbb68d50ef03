"""A class for each pixel of a cutout, on its own grid: in one field of view, or in tiles that are blended.

A cutout wider than the field of view that the model was trained with is covered by tiles of that field (``tiling``).
Rows of tiles follow one another, and no more than one of them is stretched and scored at a time, so that memory does
not grow with the height of a mosaic. Group norms and tokens of a tile know that tile alone: a few labels in a thousand
differ from those of one look, fewer with tiles of several ``fields``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import preprocess, progress
from ..cutouts import mosaics
from ..schema import IGNORE, Cutout, FloatArray, InputError, InputSpec, Window
from . import tiling
from .branch import resized

BATCH_SIZE, BATCH_PIXELS = 8, 2**20
"""Tiles at a time, and native pixels of them: scores of all classes are held for each."""


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


@dataclass(frozen=True)
class Plan:
    """Tiles that cover a cutout."""

    spec: InputSpec
    """Input of a tile: that of the model, or as many times as large as it has fields."""
    window: Window
    rows: list[int]
    columns: list[int]

    @property
    def tiles(self) -> int:
        """How many there are."""
        return len(self.rows) * len(self.columns)


def plan(cutout: Cutout, spec: InputSpec, fields: int = 1) -> Plan:
    """The tiles of a cutout, each of ``fields`` by ``fields`` fields of view, or of as many as fit into it.

    Raises InputError where the pixels are too unlike the training data, or for less than one field.
    """
    if fields < 1:
        raise InputError("A tile has at least one field of view.")
    one = preprocess.window(cutout, spec).shape
    aligned = [tiling.alignment(n, spec) for n in one]
    # No larger than the image, whose surroundings would only dilute what the group norms know.
    fields = max(min(fields, *(n // side for n, side in zip(cutout.shape, one, strict=True))), 1)
    larger = replace(
        spec,
        field_of_view=fields * spec.field_of_view,
        field_of_view_pixels=fields * spec.field_of_view_pixels,
        img_size=fields * spec.img_size,
    )
    window = preprocess.window(cutout, larger)
    rows, columns = (
        tiling.starts(n, side, step) for n, side, step in zip(cutout.shape, window.shape, aligned, strict=True)
    )
    return Plan(larger, window, rows, columns)


@torch.inference_mode()
def segment(
    model: nn.Module,
    spec: InputSpec,
    label_names: tuple[str, ...],
    cutout: Cutout,
    *,
    device: str = "cpu",
    batch_size: int = BATCH_SIZE,
    fields: int = 1,
) -> Segmentation:
    """Classes of all pixels by a model in evaluation mode on ``device``, whose input is ``spec``; reports progress.

    A tile shows the model ``fields`` by ``fields`` fields of view at the scale that it was trained at. Raises
    InputError where the preprocessing refuses the cutout, and where the model overflows.
    """
    tiles = plan(cutout, spec, fields)
    strips = _Strips(cutout, tiles)
    (height, width), nx = tiles.window.shape, cutout.shape[1]
    weight = tiling.weights((height, width))
    at_once = max(min(batch_size // fields**2, BATCH_PIXELS // (height * width)), 1)
    labels, scores = mosaics.zeros(cutout.shape, np.uint8), mosaics.zeros(cutout.shape, np.float32)
    # One row of tiles: sums of weighted scores, and of weights, of the rows from ``y0`` on.
    sums = np.zeros((len(label_names) + 1, height, nx), np.float32)
    for number, y0 in enumerate(tiles.rows):
        for x0, found in _row(model, strips, y0, tiles, device, at_once):
            left, right = max(x0, 0), min(x0 + width, nx)
            part = slice(left - x0, right - x0)
            sums[:-1, :, left:right] += found[:, :, part] * weight[:, part]
            sums[-1, :, left:right] += weight[:, part]
        step = tiles.rows[number + 1] - y0 if number + 1 < len(tiles.rows) else height
        top, bottom = max(y0, 0), min(y0 + step, cutout.shape[0])
        done = sums[:, top - y0 : bottom - y0]
        labels[top:bottom] = done[:-1].argmax(0)
        scores[top:bottom] = done[:-1].max(0) / done[-1]
        empty = ~np.isfinite(cutout.pixels[top:bottom])
        labels[top:bottom][empty], scores[top:bottom][empty] = IGNORE, 0.0
        mosaics.release(cutout.pixels, labels, scores)
        for plane in sums:  # one after the other: their copy would be as large as all of them
            plane[: height - step] = plane[step:].copy()
            plane[height - step :] = 0
        progress.report(number + 1, len(tiles.rows))
    return Segmentation(labels, scores, label_names, tiles.tiles)


@torch.inference_mode()
def pace(model: nn.Module, spec: InputSpec, *, device: str = "cpu", fields: int = 1) -> float:
    """Seconds that a tile of ``fields`` by ``fields`` fields takes, from the second of two batches of nothing."""
    count = max(BATCH_SIZE // fields**2, 1)
    x = torch.zeros(count, spec.in_chans, fields * spec.img_size, fields * spec.img_size, device=device)
    for _ in range(2):
        begin = time.perf_counter()
        model(x).float().cpu()
    return (time.perf_counter() - begin) / count


class _Strips:
    """Stretched pixels of a cutout, a row of tiles at a time where the stretch lets it."""

    def __init__(self, cutout: Cutout, tiles: Plan) -> None:
        self.cutout, self.spec, self.maximum = cutout, tiles.spec, None
        self._whole = None if self.spec.stretch in preprocess.BY_PIXEL else preprocess.stretched(cutout, self.spec)
        if self.spec.normalisation == "field":
            height, ny = tiles.window.shape[0], cutout.shape[0]
            parts = (torch.from_numpy(self.rows(y, min(y + height, ny))) for y in range(0, ny, height))
            self.maximum = torch.stack([preprocess.maximum(part[None]) for part in parts]).amax(0)

    def rows(self, y0: int, y1: int) -> FloatArray:
        """Rows (chan, y1 - y0, nx) that lie within the cutout."""
        if self._whole is not None:
            return self._whole.reshape(-1, *self.cutout.shape)[:, y0:y1]
        return preprocess.stretched(self.cutout, self.spec, slice(y0, y1)).reshape(-1, y1 - y0, self.cutout.shape[1])


def _row(
    model: nn.Module, strips: _Strips, y0: int, tiles: Plan, device: str, batch_size: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """First column of each tile of one row with its softmax scores (K, h, w) on native pixels."""
    height, width = tiles.window.shape
    first = max(y0, 0)
    image = strips.rows(first, min(y0 + height, strips.cutout.shape[0]))
    for number in range(0, len(tiles.columns), batch_size):
        some = tiles.columns[number : number + batch_size]
        windows = (Window(y0 - first, y0 - first + height, x0, x0 + width) for x0 in some)
        crops = np.stack([preprocess.crop(image, window) for window in windows])
        maxima: Tensor | None = None if strips.maximum is None else strips.maximum.expand(len(some))
        x = preprocess.finish(torch.from_numpy(crops), tiles.spec, maxima).to(device)
        logits = resized(model(x).float(), (height, width)).cpu()
        if not bool(logits.isfinite().all()):
            raise InputError("The model gives no finite score for this image; its pixel values are too extreme.")
        yield from zip(some, logits.softmax(1).numpy(), strict=True)
