"""Attention rollout written out once more, independent of the package: dense float64 matrices, one a layer.

What a layer is comes from the running model: the module and its local variables are read from the stack when the
softmax is called, windows from timm's own partition functions applied to an image of numbers. It is slow and only used
to check the package.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Grid = tuple[int, int]
SOFTMAX = (F.softmax, torch.softmax, Tensor.softmax)


@dataclass
class Dense:
    """One layer: attention (tokens after, tokens before), residual of the same shape, prefix tokens, grids."""

    name: str
    attention: np.ndarray
    residual: np.ndarray
    prefix: int
    before: Grid
    after: Grid


class Recorder(TorchFunctionMode):
    """Every softmax attention in float64 with the modules on the stack, innermost first, and their local variables."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Tensor, list[tuple[nn.Module, dict[str, Any]]]]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            query, key = args[0].double(), args[1].double()
            scores = query @ key.transpose(-2, -1) * (kwargs.get("scale") or query.shape[-1] ** -0.5)
            mask = kwargs.get("attn_mask", args[3] if len(args) > 3 else None)
            self.calls.append(((scores if mask is None else scores + mask).softmax(-1), stack()))
        elif func in SOFTMAX and result.ndim >= 3:
            self.calls.append((result.double(), stack()))
        return result


class Stack(list[tuple[nn.Module, dict[str, Any]]]):
    """Modules on the stack with their local variables, and the size of the image that the model was given."""

    size: Grid = (1, 1)
    mixed: bool = False
    """Heads need not be mixed: the tensor beside is no attention."""

    def grid(self, count: int) -> Grid | None:
        """The grid of ``count`` patches that has the shape of the image; None where there is no such grid."""
        if count < 1:
            return None
        ny, nx = self.size
        side = math.sqrt(ny * nx / count)
        for gy in sorted(range(1, count + 1), key=lambda rows: abs(rows - ny / side)):
            if abs(gy - ny / side) >= 1.0:
                return None
            if count % gy == 0 and abs(count // gy - nx / side) < 1.0:
                return gy, count // gy
        return None


def stack() -> list[tuple[nn.Module, dict[str, Any]]]:
    """Models' modules on the stack, innermost first, each with the local variables of its frame."""
    frame, found = sys._getframe(2), []
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module) and not type(owner).__module__.startswith("torch."):
            found.append((owner, dict(frame.f_locals)))
        frame = frame.f_back
    return found


def record(model: nn.Module, x: Tensor) -> list[tuple[str, Tensor, Stack]]:
    """Name of the module that attends, its attention and the stack, for each call of a forward pass."""
    names = {id(module): name for name, module in model.named_modules()}
    with torch.no_grad(), Recorder() as recorder:
        model(x)
    calls = []
    for weights, found in recorder.calls:
        seen = Stack(found)
        seen.size = (x.shape[-2], x.shape[-1])
        calls.append((names.get(id(found[0][0]), "?"), weights, seen))
    return calls


def pooling(fine: Grid, coarse: Grid, step: Grid | None = None, kernel: Any = None) -> np.ndarray:
    """Matrix (coarse patch, fine patch) of the mean over an area, from torch's pooling of unit images.

    ``step``: stride of the module that pools; cells that it does not make are left out, and of a ``kernel`` narrower
    than its stride so is what it does not read. Without it the steps are whole.
    """
    size = fine[0] * fine[1]
    if fine == coarse:
        return np.eye(size)
    images = torch.eye(size, dtype=torch.float64).reshape(size, 1, *fine)
    if kernel is not None and all(
        width < stride for width, stride in zip(kernel.kernel_size, kernel.stride, strict=True)
    ):
        pooled = F.avg_pool2d(images, kernel.kernel_size, kernel.stride, kernel.padding, count_include_pad=False)
        return pooled.reshape(size, -1).T.numpy()
    if step is not None:
        pooled = F.avg_pool2d(images, step, ceil_mode=True)[..., : coarse[0], : coarse[1]]
        return pooled.reshape(size, -1).T.numpy()
    step = (math.ceil(fine[0] / coarse[0]), math.ceil(fine[1] / coarse[1]))
    pooled = F.avg_pool2d(images, step, ceil_mode=True, count_include_pad=False)
    assert tuple(pooled.shape[-2:]) == coarse, "this reference knows whole strides only"
    return pooled.reshape(size, -1).T.numpy()


def scatter(weights: Tensor, queries: Tensor, keys: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Dense matrix of attention (window, query, key) between numbered patches; the last column is padding (-1)."""
    dense = np.zeros((size[0] + 1, size[1] + 1))
    for one, rows, columns in zip(weights.numpy(), queries.long().numpy(), keys.long().numpy(), strict=True):
        np.add.at(dense, np.ix_(rows, columns), one)
    return dense[:-1]


def numbered(grid: Grid) -> Tensor:
    """Image (1, gy, gx, 1) whose pixels are their own number."""
    return torch.arange(grid[0] * grid[1], dtype=torch.float64).reshape(1, *grid, 1)


def lifted(matrix: np.ndarray, before: int, after: int) -> np.ndarray:
    """The same with ``after`` prefix tokens where it has ``before``: those that it lacks stay as they are."""
    more = after - before
    if not more:
        return matrix
    whole = np.eye(matrix.shape[0] + more, matrix.shape[1] + more)
    whole[more:, more:] = matrix
    return whole


def rolled(row: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Row times rownorm(attention + residual) of the layers, last first; what padding got is lost."""
    for attention, residual in reversed(layers):
        width = residual.shape[1]
        whole = attention[:, :width] + residual
        sums = attention.sum(1, keepdims=True) + residual.sum(1, keepdims=True)
        row = row @ (whole / np.where(sums > 0, sums, 1.0))
    return row


def local(found: list[tuple[nn.Module, dict[str, Any]]], owner: str, *names: str) -> list[Any]:
    """Local variables of the frame of the first module of that class which has them."""
    for module, variables in found:
        if type(module).__name__ == owner and all(name in variables for name in names):
            return [variables[name] for name in names]
    raise LookupError(f"no {owner} with {names} on the stack")
