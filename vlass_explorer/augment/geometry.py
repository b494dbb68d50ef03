"""Where the pixels go: one affine resampling of the native image, so that no corner leaks into the crop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..schema import RunConfig, Window
from .draws import Draw


def reach(window: Window, config: RunConfig) -> Window:
    """The window grown to hold all that any augmentation can bring into it: more of the image is never looked at."""
    height, width = window.shape
    grow = (float(np.sqrt(2.0)) if config.rotate else 1.0) * (1 + config.zoom)
    dy, dx = (int(np.ceil(side * (grow - 1) / 2 + config.shift)) + 2 for side in (height, width))
    return Window(window.y0 - dy, window.y1 + dy, window.x0 - dx, window.x1 + dx)


def within(window: Window, outer: Window) -> Window:
    """The window in pixels of the crop ``outer``."""
    return Window(window.y0 - outer.y0, window.y1 - outer.y0, window.x0 - outer.x0, window.x1 - outer.x0)


def sample(images: Tensor, window: Window, draws: Sequence[Draw]) -> Tensor:
    """One affine resampling, bilinear; a pixel with less than half of its weight on data is NaN."""
    (ny, nx), device = images.shape[-2:], images.device
    table, grid = _positions((ny, nx), window, draws, device)
    # On a GPU, asking would make the processor wait for it.
    if device.type == "cpu" and not bool(torch.isnan(images.sum())) and _is_inside(table, (ny, nx), window):
        return F.grid_sample(images, grid, align_corners=False)
    values = F.grid_sample(torch.nan_to_num(images, nan=0.0), grid, align_corners=False)
    weight = F.grid_sample((~torch.isnan(images)).to(images.dtype), grid, align_corners=False)
    values = torch.where(weight > 0.999, values, values / weight.clamp_min(0.5))
    return torch.where(weight < 0.5, torch.full_like(values, torch.nan), values)


def sample_labels(masks: Tensor, window: Window, draws: Sequence[Draw], outside: int) -> Tensor:
    """The same resampling of labels (B, ny, nx): each pixel that of the nearest, ``outside`` beyond the image."""
    grid = _positions((masks.shape[-2], masks.shape[-1]), window, draws, masks.device)[1]
    # Beyond the image is 0, which is a label: so labels count from 1 while they move.
    moved = F.grid_sample(masks[:, None].float() + 1, grid, mode="nearest", align_corners=False)[:, 0] - 1
    return torch.where(moved < 0, torch.full_like(moved, outside), moved).to(masks.dtype)


def _positions(
    shape: tuple[int, int], window: Window, draws: Sequence[Draw], device: torch.device
) -> tuple[NDArray[np.float64], Tensor]:
    """Affine terms (6, B) of each draw, and where each pixel of the window comes from (B, h, w, 2), as torch has it."""
    (ny, nx), (height, width) = shape, window.shape
    turn = np.array([[np.cos(d.angle), np.sin(d.angle), *d.mirror, *d.shift, d.zoom] for d in draws])
    cos, sin, mirror_y, mirror_x, shift_y, shift_x, zoom = turn.T
    # Pixel edges of the source per unit of the window's half sides: rotation acts on the sky, so on the unit square.
    table = np.stack(
        [
            (window.x0 + window.x1 + 2 * shift_x) / nx - 1,
            cos * mirror_x / zoom * width / nx,
            -sin * mirror_y / zoom * width / nx,
            (window.y0 + window.y1 + 2 * shift_y) / ny - 1,
            sin * mirror_x / zoom * height / ny,
            cos * mirror_y / zoom * height / ny,
        ]
    )
    x0, xx, xy, y0, yx, yy = torch.from_numpy(table).to(device, torch.float32)[..., None, None]
    x = (torch.arange(width, device=device) * 2 + 1 - width)[None, None] / width
    y = (torch.arange(height, device=device) * 2 + 1 - height)[None, :, None] / height
    return table, torch.stack([x0 + xx * x + xy * y, y0 + yx * x + yy * y], dim=-1)


def _is_inside(table: NDArray[np.float64], shape: tuple[int, int], window: Window) -> bool:
    """True where no sampled point needs sky outside the image."""
    height, width = window.shape
    x0, xx, xy, y0, yx, yy = np.abs(table)
    edge_x, edge_y = (width - 1) / width, (height - 1) / height
    in_x = x0 + xx * edge_x + xy * edge_y <= 1 - 1 / shape[1]
    return bool((in_x & (y0 + yx * edge_x + yy * edge_y <= 1 - 1 / shape[0])).all())


def cut(images: Tensor, window: Window) -> Tensor:
    """The window of images (B, 1, ny, nx), NaN outside."""
    ny, nx = images.shape[-2:]
    return F.pad(images, (-window.x0, window.x1 - nx, -window.y0, window.y1 - ny), value=torch.nan)
