"""Layers whose keys are pooled, as dense matrices: PVT v2, Twins, NextViT, MViT."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .rollout import Dense, Grid, lifted, local, pooling


def pooled_keys(name: str, owner: Any, mean: np.ndarray, found: Any) -> Dense:
    """Keys pooled by the layer's own module, which unit images are put through as a mean."""
    kind = type(owner).__name__
    grid: Grid = (
        tuple(local(found, kind, "size")[0])
        if kind == "GlobalSubSampleAttn"
        else tuple(local(found, "NextTransformerBlock", "H", "W"))
        if kind == "EfficientAttention"
        else tuple(local(found, kind, "H", "W"))
    )
    size = math.prod(grid)
    unit = torch.eye(size, dtype=torch.float64)
    if getattr(owner, "pool", None) is not None:
        pooled = F.adaptive_avg_pool2d(unit.reshape(size, 1, *grid), owner.pool.output_size).flatten(1)
    elif owner.sr is None:
        pooled = unit
    elif kind == "EfficientAttention":
        pooled = F.avg_pool1d(unit[:, None], owner.N_ratio)[:, 0]
    else:
        pooled = F.avg_pool2d(unit.reshape(size, 1, *grid), owner.sr.kernel_size, owner.sr.stride).flatten(1)
    return Dense(name, mean @ pooled.T.numpy(), np.eye(size), 0, grid, grid)


def pooled_both(name: str, owner: Any, mean: np.ndarray, found: Any, prefix: int) -> Dense:
    """MViT: queries and keys pooled by strided convolutions."""
    before, after, keys = (tuple(each) for each in local(found, "MultiScaleAttention", "feat_size", "q_size", "k_size"))
    steps = [tuple(pool.stride) if pool is not None else (1, 1) for pool in (owner.pool_q, owner.pool_k)]
    spreaded = mean @ lifted(pooling(before, keys, steps[1], owner.pool_k), 0, prefix)
    return Dense(
        name, spreaded, lifted(pooling(before, after, steps[0], owner.pool_q), 0, prefix), prefix, before, after
    )
