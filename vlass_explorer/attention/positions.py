"""How alike the position embeddings of patches are: Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from ..schema import FloatArray, UnsupportedError


def supports(model: nn.Module) -> tuple[bool, str]:
    """Does the model add one absolute position embedding to each patch, and if not, why."""
    try:
        _patch_embeddings(model)
    except UnsupportedError as error:
        return False, str(error)
    return True, ""


def similarity(model: nn.Module) -> tuple[tuple[int, int], FloatArray]:
    """Patch grid (gy, gx) and cosine similarity (patch, patch) in [-1, 1] of the position embeddings.

    Patches are counted row * gx + column, row 0 at the bottom. Slots of prefix tokens are left out. Raises
    UnsupportedError where a model has no such embedding.
    """
    grid, embeddings = _patch_embeddings(model)
    vectors = embeddings.detach().double().cpu().numpy()
    # A zero vector is like nothing: similarity 0.
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1.0)
    return grid, np.clip(unit @ unit.T, -1.0, 1.0).astype(np.float32)


def mosaic(grid: tuple[int, int], matrix: FloatArray) -> FloatArray:
    """All tiles as one image (gy * gy, gx * gx): the tile at (row, column) compares that patch with all others."""
    gy, gx = grid
    return matrix.reshape(gy, gx, gy, gx).transpose(0, 2, 1, 3).reshape(gy * gy, gx * gx)


def _patch_embeddings(model: Any) -> tuple[tuple[int, int], Tensor]:
    embedding = getattr(model, "pos_embed", None)
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    if embedding is None:
        raise UnsupportedError("This model has no absolute position embedding.")
    if not isinstance(embedding, Tensor) or embedding.ndim != 3 or embedding.shape[0] != 1 or grid is None:
        raise UnsupportedError("The position embedding of this model is no list of vectors, one a patch.")
    gy, gx = grid
    slots = embedding.shape[1] - gy * gx
    if slots not in (0, getattr(model, "num_prefix_tokens", 0)):
        raise UnsupportedError(f"{embedding.shape[1]} position embeddings do not fit {gy} x {gx} patches.")
    return (int(gy), int(gx)), embedding[0, slots:]
