"""EfficientFormerV2's attention as dense matrices: heads mixed by its own convolution, a grid of half the stage."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .rollout import Dense, Stack, local, pooling


def talking(name: str, owner: Any, weights: Tensor, found: Stack) -> Dense:
    """One layer; heads are mixed here, unless ``found.mixed`` says that the tensor needs none."""
    kind = type(owner).__name__
    grid = tuple(local(found, kind, "x", "B")[0].shape[-2:])
    if kind == "Attention2dDownsample":
        before = tuple(local(found, kind, "H", "W"))
        after = (math.ceil(before[0] / 2), math.ceil(before[1] / 2))
        return Dense(name, weights[0].mean(0).numpy(), pooling(before, after, (2, 2)), 0, before, after)
    if not found.mixed:
        talk = copy.deepcopy(owner.talking_head2).double()
        with torch.no_grad():
            weights = talk(weights).abs()
        weights = weights / weights.sum(-1, keepdim=True)
    mean = weights[0].mean(0).numpy()
    if owner.stride_conv is None:
        return Dense(name, mean, np.eye(len(mean)), 0, grid, grid)
    stage = tuple(local(found, kind, "H", "W"))
    cells = torch.eye(len(mean), dtype=torch.float64).reshape(len(mean), 1, *grid)
    asks = F.interpolate(cells, size=stage, mode="nearest").reshape(len(mean), -1).T.numpy()
    whole = asks @ mean @ pooling(stage, grid, (2, 2))
    return Dense(name, whole, np.eye(math.prod(stage)), 0, stage, stage)
