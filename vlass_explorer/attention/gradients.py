"""Gradient of a label's logit with respect to each attention matrix, in the graph of the very call that made it.

Gradient and attention of a layer belong to one tensor: they cannot be paired wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..private import differentiable
from ..schema import AttentionMaps, FloatArray
from .capture import READERS, Call, read_attention
from .graph import TokenGraph
from .graphs import describe
from .recording import Placing, arrange, maps_of
from .taking import taking

Score = Callable[[nn.Module, Tensor], Sequence[Tensor]]
"""From a copy of the model and its input to one score a layer, or to one score for all layers."""


@dataclass(frozen=True, eq=False)
class AttentionGradients:
    """Attention of one image, all heads, and the gradient of a score with respect to it, layer by layer."""

    maps: AttentionMaps
    gradients: tuple[FloatArray, ...]
    """One (head, window, query, key) a layer of ``maps``; 0 where the score does not depend on it."""
    score: float


def attention_gradients(model: nn.Module, x: Tensor, target: int) -> AttentionGradients:
    """Attention and gradient of logit ``target`` for one image (1, C, H, W): one forward and one backward pass.

    Fused attention is written out as softmax times value, so that the logits may differ from those of a plain pass by
    rounding. Raises UnsupportedError as ``attention_maps`` does.
    """
    return gradients_of(model, x, lambda network, image: [network(image)[0, target]])


def gradients_of(model: nn.Module, x: Tensor, score: Score) -> AttentionGradients:
    """The same for any score; where there is one a layer, each layer gets the gradient of its own."""
    if x.ndim != 4 or x.shape[0] != 1:
        raise ValueError(f"Gradients are computed for one image (1, C, H, W), not for {tuple(x.shape)}.")
    graph = describe(model, (x.shape[-2], x.shape[-1]))
    placing = Placing(graph, 1, lambda call, layer, index: call.weights)
    # Models cache tensors on the way (LeViT its biases): with a graph, they have no place in a model that others share.
    with differentiable(model) as network:
        image = x.detach().clone().requires_grad_()
        with taking(model, image), _InGraph(placing):
            scores = score(network, image)
        placing.check()
        if len(scores) == 1:
            found = list(torch.autograd.grad(scores[0], placing.kept, allow_unused=True))
        else:
            last = len(scores) - 1
            found = [
                torch.autograd.grad(each, weights, retain_graph=index < last, allow_unused=True)[0]
                for index, (each, weights) in enumerate(zip(scores, placing.kept, strict=True))
            ]
    return _collect(graph, placing.kept, found, x, float(scores[-1].detach()))


def _collect(
    graph: TokenGraph, kept: list[Tensor], found: Sequence[Tensor | None], x: Tensor, score: float
) -> AttentionGradients:
    weights, gradients = [], []
    for layer, tensor, gradient in zip(graph.drawn, kept, found, strict=True):
        slope = torch.zeros_like(tensor) if gradient is None else gradient
        weights.append(arrange(tensor.detach().float(), layer, positive=False))
        gradients.append(arrange(slope.float(), layer, positive=False))
    numbers: list[FloatArray] = [each[0].cpu().numpy() for each in gradients]
    return AttentionGradients(maps_of(graph, weights, 0, x), tuple(numbers), score)


class _InGraph(TorchFunctionMode):
    """Keeps attention in the graph: fused attention becomes softmax times value, every tensor is handed on as it is."""

    def __init__(self, placing: Placing) -> None:
        super().__init__()
        self.placing = placing

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self._attend(*args, **kwargs)
        result = func(*args, **kwargs)
        read = READERS.get(func)
        if read is not None and (self.placing.dropouts or func is not F.dropout):
            call = read(result, *args, **kwargs)
            if call is not None:
                weights = args[0] if func is F.dropout else result
                self.placing(Call(call.function, call.shape, lambda part: weights))
        return result

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        with torch.autocast(query.device.type, enabled=False):
            call = read_attention(None, query, key, value, *args, **kwargs)
            weights = call.weights
            self.placing(Call(call.function, call.shape, lambda part: weights))
            if kwargs.get("enable_gqa") and value.shape[-3] != query.shape[-3]:
                value = value.repeat_interleave(query.shape[-3] // value.shape[-3], dim=-3)
            return (weights @ value.to(weights.dtype)).to(query.dtype)
