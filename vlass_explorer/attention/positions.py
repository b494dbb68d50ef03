"""How alike the position embeddings of patches are: Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7.

For a learned table, one vector a patch; for rotary embeddings, the share of a query's product with an equal key that is
left at their distance (Su et al. 2021, arXiv:2104.09864). Relative kinds are in ``position_bias``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.layers.pos_embed_sincos import apply_rot_embed_cat
from torch import Tensor, nn

from ..schema import FloatArray, UnsupportedError

Grid = tuple[int, int]


def supports(model: nn.Module) -> tuple[bool, str]:
    """Does the model place each patch by a position embedding of its own, and if not, why."""
    try:
        _vectors(model, None)
    except UnsupportedError as error:
        return False, str(error)
    return True, ""


def similarity(model: nn.Module, resize: Grid | None = None) -> tuple[Grid, FloatArray]:
    """Patch grid (gy, gx) and cosine similarity (patch, patch) in [-1, 1] of the position embeddings.

    Patches are counted row * gx + column, row 0 at the bottom. Slots of prefix tokens are left out. ``resize``: the
    table is first interpolated to this grid, as timm does for another image size. Raises UnsupportedError where a model
    has no such embedding or a rotary one is asked to be resized.
    """
    grid, embeddings = _vectors(model, resize)
    vectors = embeddings.detach().double().cpu().numpy()
    # A zero vector is like nothing: similarity 0.
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1.0)
    return grid, np.clip(unit @ unit.T, -1.0, 1.0).astype(np.float32)


def mosaic(grid: Grid, matrix: FloatArray) -> FloatArray:
    """All tiles as one image (gy * gy, gx * gx): the tile at (row, column) compares that patch with all others."""
    gy, gx = grid
    return matrix.reshape(gy, gx, gy, gx).transpose(0, 2, 1, 3).reshape(gy * gy, gx * gx)


def is_rotary(model: nn.Module) -> bool:
    """Are patches placed by rotation of queries and keys alone."""
    return getattr(model, "rope", None) is not None and getattr(model, "pos_embed", None) is None


def filter_components(model: nn.Module, count: int = 28) -> tuple[FloatArray, FloatArray]:
    """First principal components (component, ky, kx) of the patch-embedding filters, and their share of the variance.

    Channels are averaged for the picture; row 0 of a filter lies where row 0 of the image does. Fewer come back where a
    patch has fewer numbers. Raises UnsupportedError where patches are not cut by one convolution.
    """
    projection = getattr(getattr(model, "patch_embed", None), "proj", None)
    if not isinstance(projection, nn.Conv2d) or min(projection.kernel_size) < 2:
        raise UnsupportedError("The patches of this model are not cut by one convolution with filters to show.")
    filters = projection.weight.detach().double().cpu().numpy()
    flat = filters.reshape(len(filters), -1)
    _, singular, components = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    share = singular**2 / max(float((singular**2).sum()), float(np.finfo(float).tiny))
    pictures = components[:count].reshape(-1, *filters.shape[1:]).mean(axis=1)
    return pictures.astype(np.float32), share[:count].astype(np.float32)


def _vectors(model: Any, resize: Grid | None) -> tuple[Grid, Tensor]:
    """One vector a patch (patch, dim)."""
    if is_rotary(model):
        if resize is not None:
            raise UnsupportedError("Rotary embeddings are computed for any grid; there is no table to interpolate.")
        return _rotary(model)
    table = getattr(model, "pos_embed", None)
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    if table is None:
        raise UnsupportedError("This model has no absolute position embedding.")
    if not isinstance(table, Tensor) or table.shape[0] != 1 or table.ndim not in (3, 4):
        raise UnsupportedError("The position embedding of this model is no list of vectors, one a patch.")
    if table.ndim == 4:
        # A grid of vectors, its channels last (VOLO) or first (PiT): the smaller two of the axes are the grid.
        last = table.shape[-1] > table.shape[1]
        grid = tuple(table.shape[1:3] if last else table.shape[2:])
        table = (table if last else table.permute(0, 2, 3, 1)).flatten(1, 2)
    if grid is None:
        raise UnsupportedError("The position embedding of this model is no list of vectors, one a patch.")
    gy, gx = (int(side) for side in grid)
    slots = table.shape[1] - gy * gx
    if slots not in (0, getattr(model, "num_prefix_tokens", 0)):
        raise UnsupportedError(f"{table.shape[1]} position embeddings do not fit {gy} x {gx} patches.")
    if resize is None:
        return (gy, gx), table[0, slots:]
    if min(resize) < 1:
        raise UnsupportedError("A grid to interpolate to has at least one row and one column.")
    with torch.no_grad():
        resized = resample_abs_pos_embed(table[:, slots:], list(resize), [gy, gx], num_prefix_tokens=0)
    return resize, resized[0]


def _rotary(model: Any) -> tuple[Grid, Tensor]:
    """A vector of ones rotated to each patch: products of two are what is left of an equal query and key."""
    gy, gx = (int(side) for side in model.patch_embed.grid_size)
    with torch.no_grad():
        angles = model.rope.get_embed((gy, gx))
        if angles.ndim > 2:  # learned a layer and a head: the first of each
            angles = angles.reshape(-1, *angles.shape[-2:])[0]
        ones = angles.new_ones(1, 1, gy * gx, angles.shape[-1] // 2)
        half = bool(getattr(model.blocks[0].attn, "rotate_half", False))
        rotated = apply_rot_embed_cat(ones, angles, half=half)
    return (gy, gx), rotated[0, 0]
