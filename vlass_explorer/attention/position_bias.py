"""Positions that are not added to patches but to attention: what a layer gives to an offset between two patches.

Tables of relative biases (Swin, BEiT, MaxViT, LeViT, TinyViT), networks that compute them (SwinV2, CR), decomposed
vectors (MViT, BoTNet, SAM), and ConViT's gated position scores. All are shown as a kernel over offsets, one a head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from timm.layers.bottleneck_attn import PosEmbedRel
from timm.models.convit import GPSA
from torch import Tensor, nn

from ..schema import FloatArray, UnsupportedError


@dataclass(frozen=True, eq=False)
class PositionBias:
    """Kernel (head, 2 wy - 1, 2 wx - 1) of one layer: entry [wy - 1 + dy, wx - 1 + dx] is for a key at that offset."""

    name: str
    kernel: FloatArray
    kind: str
    """bias: added to the score; similarity: cosine of an offset's vector with that of no offset."""
    gate: FloatArray | None = None
    """ConViT: share of the position map (head,)."""


def position_biases(model: nn.Module) -> tuple[PositionBias, ...]:
    """Kernels of all layers that place patches relative to each other; NaN for an offset that no pair has.

    Raises UnsupportedError for a model without any.
    """
    with torch.no_grad():
        found = [bias for name, module in model.named_modules() if (bias := _read(name, module, model)) is not None]
    if not found:
        raise UnsupportedError("This model places no patches relative to each other.")
    return tuple(found)


def supports(model: nn.Module) -> tuple[bool, str]:
    """Does a layer place patches relative to each other, and if not, why."""
    try:
        position_biases(model)
    except UnsupportedError as error:
        return False, str(error)
    return True, ""


def _read(name: str, module: Any, model: Any) -> PositionBias | None:
    if type(module) is GPSA:
        return _gated(name, module, model.patch_embed.grid_size)
    if isinstance(module, PosEmbedRel):
        return PositionBias(name, _decomposed(module.height_rel, module.width_rel), "similarity")
    if isinstance(getattr(module, "rel_pos_h", None), Tensor) and isinstance(module.rel_pos_w, Tensor):
        return PositionBias(name, _decomposed(module.rel_pos_h, module.rel_pos_w), "similarity")
    matrix = _matrix(module)
    if matrix is None:
        return None
    window, bias = matrix
    return PositionBias(name, _by_offset(bias, window), "bias")


def _matrix(module: Any) -> tuple[tuple[int, int], Tensor] | None:
    """Window (wy, wx) and bias (head, query, key) over it, prefix tokens cut off."""
    if hasattr(module, "attention_biases") and hasattr(module, "attention_bias_idxs"):
        index = module.attention_bias_idxs
        # EfficientFormer, which keeps no resolution, is square.
        sides = getattr(module, "resolution", math.isqrt(len(index)))
        window = (sides, sides) if isinstance(sides, int) else tuple(sides)
        if index.shape[0] != index.shape[1]:
            return None  # queries on a coarser grid: offsets are those of the layers beside it
        return window, module.attention_biases[:, index]
    if hasattr(module, "cpb_mlp"):
        table = module.cpb_mlp(module.relative_coords_table).flatten(0, 2)
        area = module.window_size[0] * module.window_size[1]
        bias = 16 * torch.sigmoid(table[module.relative_position_index.flatten()].view(area, area, -1))
        return tuple(module.window_size), bias.permute(2, 0, 1)
    for method in ("_get_rel_pos_bias", "get_bias", "_relative_positional_encodings"):
        if not hasattr(module, method) or not hasattr(module, "window_size"):
            continue
        if method == "_get_rel_pos_bias" and getattr(module, "relative_position_bias_table", None) is None:
            continue
        window = tuple(module.window_size)
        bias = getattr(module, method)()[0]
        skip = bias.shape[-1] - math.prod(window)
        return window, bias[:, skip:, skip:]
    return None


def _by_offset(bias: Tensor, window: tuple[int, int]) -> FloatArray:
    """Bias by offset: every pair of patches with the same offset has the same one."""
    wy, wx = window
    values = bias.float().cpu().numpy()
    rows, columns = np.divmod(np.arange(wy * wx), wx)
    kernel = np.full((len(values), 2 * wy - 1, 2 * wx - 1), np.nan, np.float32)
    # Row of the query, then of the key.
    dy = rows[None, :] - rows[:, None] + wy - 1
    dx = columns[None, :] - columns[:, None] + wx - 1
    kernel[:, dy, dx] = values
    return kernel


def _decomposed(rows: Tensor, columns: Tensor) -> FloatArray:
    """Vectors for offsets along each axis add up: cosine of their sum with that of no offset."""
    vertical, horizontal = (each.detach().double().cpu().numpy() for each in (rows, columns))
    both = vertical[:, None] + horizontal[None]
    here = both[len(vertical) // 2, len(horizontal) // 2]
    norms = np.linalg.norm(both, axis=-1) * np.linalg.norm(here)
    return ((both @ here) / np.where(norms > 0, norms, 1.0))[None].astype(np.float32)


def _gated(name: str, module: Any, grid: tuple[int, int]) -> PositionBias:
    reach = [torch.arange(1 - side, side, dtype=torch.float32, device=module.pos_proj.weight.device) for side in grid]
    dy, dx = torch.meshgrid(*reach, indexing="ij")
    scores = module.pos_proj(torch.stack([dx, dy, dx**2 + dy**2], dim=-1)).permute(2, 0, 1)
    gate = torch.sigmoid(module.gating_param.float())
    return PositionBias(name, scores.float().cpu().numpy(), "bias", gate.cpu().numpy())
