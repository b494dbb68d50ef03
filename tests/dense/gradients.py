"""Gradient rollout, relevance and LeGrad written out once more: plain autograd on an unfused copy, dense matrices.

The layers are those of ``layers``; in place of attention they are given its product with the gradient where positive
(arXiv:2103.15679), or the positive gradient alone (arXiv:2404.03214). Nothing of the package is used.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from . import branches, layers
from .rollout import SOFTMAX, record, rolled

Recorded = list[tuple[str, Tensor, Any]]
CHANGED = ("GPSA", "TalkingHeadAttn")
"""Modules that change attention after the softmax: what their dropout receives is their attention."""


class Written(TorchFunctionMode):
    """Fused attention written out as softmax times value; keeps what softmax returns and four-axis dropouts receive."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self._attend(*args, **kwargs)
        if func is F.dropout and args[0].ndim == 4:
            self.seen.append(("dropout", args[0]))
        result = func(*args, **kwargs)
        if func in SOFTMAX and result.ndim >= 3:
            self.seen.append(("softmax", result))
        return result

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0, **more: Any
    ) -> Tensor:
        scores = query @ key.transpose(-2, -1) * (more.get("scale") or query.shape[-1] ** -0.5)
        if attn_mask is not None:
            hidden = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -torch.inf) if hidden else scores + attn_mask
        weights = scores.softmax(-1)
        self.seen.append(("softmax", weights))
        return weights @ value

    def attention(self, calls: Recorded) -> list[Tensor]:
        """The tensor that is the attention of each recorded softmax call."""
        places = [place for place, (kind, _) in enumerate(self.seen) if kind == "softmax"]
        found = []
        for place, (_, _, modules) in zip(places, calls, strict=True):
            if type(modules[0][0]).__name__ in CHANGED:
                found.append(next(tensor for kind, tensor in self.seen[place:] if kind == "dropout"))
            else:
                found.append(self.seen[place][1])
        return found


def slopes(model: nn.Module, x: Tensor, target: int) -> tuple[Recorded, list[tuple[Tensor, Tensor]]]:
    """Recorded calls, and of each the attention and the gradient of the logit by it, float64 where the model allows."""
    calls = record(model, x)
    try:
        return calls, _slopes(model, x, target, calls, torch.float64)
    except RuntimeError:  # some models make float32 tensors themselves
        return calls, _slopes(model, x, target, calls, torch.float32)


def _slopes(
    model: nn.Module, x: Tensor, target: int, calls: Recorded, dtype: torch.dtype
) -> list[tuple[Tensor, Tensor]]:
    plain = copy.deepcopy(model).to(dtype)
    for module in plain.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    with torch.enable_grad(), Written() as written:
        logit = plain(x.to(dtype).requires_grad_())[0, target]
    attention = written.attention(calls)
    found = torch.autograd.grad(logit, attention, allow_unused=True)
    gradients = [torch.zeros_like(a) if g is None else g for a, g in zip(attention, found, strict=True)]
    return [(a.detach().double(), g.double()) for a, g in zip(attention, gradients, strict=True)]


def replaced(calls: Recorded, tensors: list[Tensor]) -> Callable[..., Recorded]:
    """A ``record`` that answers with other tensors; CaiT's talking heads are not mixed a second time."""
    answer = []
    for (name, weights, modules), tensor in zip(calls, tensors, strict=True):
        if type(modules[0][0]).__name__ == "TalkingHeadAttn":
            size = modules.size
            modules = type(modules)([(nn.Identity(), {}), *modules[1:]])
            modules.size = size
        modules.mixed = True
        answer.append((name, tensor.reshape(weights.shape), modules))
    return lambda model, x: answer


def added(row: np.ndarray, steps: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Row times (attention + residual) of the layers, last first, rows not normalised."""
    for attention, residual in reversed(steps):
        row = row @ (attention[:, : residual.shape[1]] + residual)
    return row


def dense_rows(model: nn.Module, x: Tensor, target: int, readout: str, prefix: int) -> dict[str, np.ndarray]:
    """Gradient rollout and relevance (token,) of one image; ``readout`` as in ``dense_token_rollout``."""
    calls, pairs = slopes(model, x, target)
    answer = replaced(calls, [(a * g).clamp(min=0) for a, g in pairs])
    found = {}
    for method, chain in (("gradient rollout", rolled), ("relevance", added)):
        with (
            patch.multiple(layers, record=answer, rolled=chain),
            patch.multiple(branches, record=answer, rolled=chain),
        ):
            found[method] = layers.dense_token_rollout(model, x, readout, prefix)[1]
    return found


def legrad_of_cuts(model: Any, x: Tensor, target: int, prefix: int) -> np.ndarray:
    """LeGrad (patch,): the model is cut after each of its blocks, and its head reads what is left."""
    total: Any = 0.0
    for last in range(len(model.blocks)):
        cut = copy.deepcopy(model)
        cut.blocks = cut.blocks[: last + 1]
        calls, pairs = slopes(cut, x, target)
        with patch.object(layers, "record", replaced(calls, [g.clamp(min=0) for _, g in pairs])):
            dense = layers.dense_layers(cut, x, prefix)[-1]
        total = total + dense.attention[:, : dense.residual.shape[1]].mean(axis=0)[dense.prefix :]
    mean: np.ndarray = total / len(model.blocks)
    return mean
