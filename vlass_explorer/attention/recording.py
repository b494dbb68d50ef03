"""Attention maps of a model on images: every call is given to its layer as it comes, and only what is asked is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..schema import AttentionLayer, AttentionMaps, FloatArray, UnsupportedError
from .capture import Call, Scratch, capture
from .graph import LayerGraph, TokenGraph
from .graphs import describe
from .taking import taking

HeadFusion = Literal["mean", "max", "min"]
FEW = 2**20  # weights that are computed at a time where heads are fused: 4 MB, which caches hold


def attention_maps(
    model: nn.Module, x: Tensor, *, head_fusion: HeadFusion | None = None, whole: Collection[int] = ()
) -> tuple[Tensor, AttentionMaps]:
    """Logits (1, K) of one image (1, C, H, W) and its attention in every layer, from one forward pass.

    ``head_fusion``: fuse the heads of each layer as they come, which bounds the memory to one matrix a layer, but for
    the layers in ``whole``; None keeps all heads. Logits are bitwise those of a plain pass, the model is left as it
    was, threads may share it. Raises UnsupportedError where the architecture is not covered or its calls are not those
    that the graph expects.
    """
    if x.ndim != 4 or x.shape[0] != 1:
        raise ValueError(f"Attention is recorded for one image (1, C, H, W), not for {tuple(x.shape)}.")
    logits, maps = batch_attention_maps(model, x, head_fusion=head_fusion, whole=whole)
    return logits, maps[0]


def batch_attention_maps(
    model: nn.Module, x: Tensor, *, head_fusion: HeadFusion | None = None, whole: Collection[int] = ()
) -> tuple[Tensor, tuple[AttentionMaps, ...]]:
    """Logits (B, K) of a batch (B, C, H, W) and the attention maps of each image; options as in ``attention_maps``."""
    graph = describe(model, (x.shape[-2], x.shape[-1]))
    placing = Placing(graph, x.shape[0], keeper(graph, x.shape[0], head_fusion, whole))
    with taking(model, x), torch.no_grad(), capture(placing, dropouts=placing.dropouts):
        logits = model(x)
    placing.check()
    return logits, tuple(maps_of(graph, placing.kept, image, x) for image in range(x.shape[0]))


def maps_of(graph: TokenGraph, kept: Sequence[Tensor], image: int, x: Tensor) -> AttentionMaps:
    """Attention maps of one image of a batch from the arranged tensors of its layers (b, h, w, q, k)."""
    layers = tuple(
        AttentionLayer(layer.name, _numbers(weights[image]), layer.place, layer.heads)
        for layer, weights in zip(graph.drawn, kept, strict=True)
    )
    size = (int(x.shape[-2]), int(x.shape[-1]))
    grid = layers[0].place.before.grid
    return AttentionMaps(
        layers, graph.kind, grid, graph.prefix_tokens, graph.readout, size, graph.registers, graph.notes
    )


class Placing:
    """Gives each call to its layer; function and shape decide, so that a wrong map is refused and never drawn."""

    def __init__(self, graph: TokenGraph, batch: int, take: Callable[[Call, LayerGraph, int], Tensor]) -> None:
        self.batch = batch
        self.take = take
        self.kept: list[Tensor] = []
        self.dropouts = any(layer.changed for layer in graph.layers)
        self._expected = [
            (layer, function, index == len(layer.calls) - 1)
            for layer in graph.layers
            for index, function in enumerate(layer.calls)
        ]
        self._seen = 0
        self._misfit = ""

    def __call__(self, call: Call) -> None:
        """Take the next call; what does not fit is remembered for ``check``."""
        softmax = call.function != "dropout"
        if not softmax and not (self._seen < len(self._expected) and self._expected[self._seen][1] == "dropout"):
            return  # a dropout elsewhere in the model
        self._seen += 1
        if self._misfit or self._seen > len(self._expected):
            return
        layer, function, keep = self._expected[self._seen - 1]
        shape = layer.shape(self.batch)
        if call.shape != shape or softmax != (function == "softmax"):
            self._misfit = f"{layer.name} attends as {call.shape} where {shape} was expected."
        elif keep and layer.drawn:
            self.kept.append(self.take(call, layer, len(self.kept)))

    def check(self) -> None:
        """Raise UnsupportedError where the calls seen were not those of the graph."""
        if self._seen != len(self._expected):
            raise UnsupportedError(
                f"{self._seen} attention calls were seen where this architecture makes {len(self._expected)}."
            )
        if self._misfit:
            raise UnsupportedError(self._misfit)


def keeper(
    graph: TokenGraph, batch: int, head_fusion: HeadFusion | None, whole: Collection[int]
) -> Callable[[Call, LayerGraph, int], Tensor]:
    """What is kept of a call: all heads, or one matrix of heads fused, arranged as (b, h, w, q, k)."""
    wanted = {index % len(graph.drawn) for index in whole}
    scratch = Scratch()

    def take(call: Call, layer: LayerGraph, index: int) -> Tensor:
        fused = call.function == "scaled_dot_product_attention"
        if head_fusion is None or index in wanted:
            return arrange(call.weights if fused else call.weights.clone(), layer)
        if not fused or layer.merged > 1 or layer.axes[1] != "h":
            weights = arrange(call.weights, layer)
            return (
                weights.mean(1, keepdim=True) if head_fusion == "mean" else getattr(weights, f"a{head_fusion}")(1, True)
            )
        return arrange(_few_at_a_time(call, layer.heads, batch, head_fusion, scratch), layer)

    return take


def _few_at_a_time(call: Call, heads: int, batch: int, head_fusion: HeadFusion, scratch: Scratch) -> Tensor:
    """Heads on axis 1 fused, a few at a time: only so many of the matrices that a fused kernel hides exist at once."""
    step = max(1, FEW // (call.shape[-1] * call.shape[-2] * batch))
    parts = [slice(None)] if step >= heads else [slice(start, start + step) for start in range(0, heads, step)]
    result: Tensor | None = None
    for each in parts:
        part = call.weigh(each, scratch)
        if head_fusion == "mean":
            # As a product, which takes half the time of a mean over an outer axis.
            flat = part.flatten(2)
            share = scratch.share(flat, 1.0 / heads)
            result = torch.bmm(share, flat) if result is None else result.baddbmm_(share, flat)
            continue
        part = getattr(part, f"a{head_fusion}")(1, True)
        if result is not None:
            part = torch.maximum(result, part) if head_fusion == "max" else torch.minimum(result, part)
        result = part
    assert result is not None
    return result.view(batch, 1, *call.shape[2:])


def arrange(weights: Tensor, layer: LayerGraph, *, positive: bool = True) -> Tensor:
    """A recorded tensor as (b, h, w, q, k), a view; talking heads become positive rows that sum to 1 where asked."""
    axes = layer.axes
    if axes == "bhqk" and layer.merged == 1 and layer.windows == 1 and not (layer.changed or layer.mixing):
        return weights.unsqueeze(2)
    if positive and layer.mixing is not None:
        weights = _mixed(weights, layer.mixing)
    sizes = {"b": -1, "h": layer.heads, "w": layer.windows}
    if layer.merged > 1:
        weights = weights.unflatten(0, [sizes[axis] for axis in axes[: layer.merged]])
    weights = weights.permute(*(axes.index(axis) for axis in "bhwqk" if axis in axes))
    for position, axis in enumerate("bhwqk"):
        if axis not in axes:
            weights = weights.unsqueeze(position)
    if positive and (layer.mixing or (layer.changed and layer.softmaxes == 1)):
        weights = weights.abs()
        weights = weights / weights.sum(-1, keepdim=True)
    # Windows that the model does not tell apart have the same weights.
    return weights if "w" in axes else weights.expand(-1, -1, layer.windows, -1, -1)


def _mixed(weights: Tensor, mixing: nn.Conv2d) -> Tensor:
    """Weights (b, h, q, k) with their heads mixed as the model does it."""
    matrix = mixing.weight.detach()[:, :, 0, 0].to(weights)
    mixed = torch.einsum("gh,bhqk->bgqk", matrix, weights)
    return mixed if mixing.bias is None else mixed + mixing.bias.detach().to(weights).view(1, -1, 1, 1)


def _numbers(weights: Tensor) -> FloatArray:
    numbers: FloatArray = weights.numpy(force=True)
    return numbers
