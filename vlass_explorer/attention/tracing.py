"""Where the keys and queries of every attention layer come from, found by changing the image strip by strip.

Nothing here knows what a token is. Attention is taken out of the running model (what it adds is 0), so that a token
depends on its own part of the image and no other; a strip of rows or columns is then replaced by other noise, and the
tokens that change lie on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..schema import FloatArray, IndexArray, UnsupportedError
from .capture import READERS
from .graph import LayerGraph, TokenGraph
from .recording import arrange
from .taking import taking

PRODUCTS = (torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm)
SOFTMAXES = tuple(function for function in READERS if function not in (F.scaled_dot_product_attention, F.dropout))


@dataclass(frozen=True, eq=False)
class Traced:
    """How much each key (strip, window, key) and query (strip, window, query) of a layer changes with each strip."""

    keys: FloatArray
    queries: FloatArray


def trace(
    model: nn.Module, graph: TokenGraph, x: Tensor, strips: Sequence[IndexArray]
) -> tuple[tuple[Traced, ...], tuple[Traced, ...]]:
    """Answer of every drawn layer to strips of rows and to strips of columns of an image shaped as ``x`` (1, C, H, W).

    ``strips``: which rows and which columns of the map, each as high or wide as the map draws it. Layers that replace
    their input by what attention answers (LeViT between stages) pass on what lies where they ask: of the keys the one
    that answers to the same strips as the query. Raises UnsupportedError where the model does not multiply attention
    with values as often as the graph has layers.
    """
    matched: dict[int, Tensor] = {}
    drawn = [number for number, layer in enumerate(graph.layers) if layer.drawn]
    noise = torch.Generator().manual_seed(0)
    image, other = (torch.randn(x.shape, generator=noise).to(x) for _ in range(2))
    edges = [
        np.linspace(0, side, count + 1).round().astype(int)
        for side, count in zip(x.shape[2:], graph.drawn[0].place.before.grid, strict=True)
    ]
    while True:
        plain = _pass(model, graph, image, matched)
        traced = []
        for axis in (0, 1):
            answers = []
            for strip in strips[axis]:
                start, stop = edges[axis][strip : strip + 2]
                changed = image.clone()
                changed.narrow(axis + 2, start, stop - start).copy_(other.narrow(axis + 2, start, stop - start))
                answers.append(_answers(graph, _pass(model, graph, changed, matched), plain))
            traced.append([Traced(*map(np.stack, zip(*each, strict=True))) for each in zip(*answers, strict=True)])
        replacing = [
            number for number in drawn[:-1] if not graph.layers[number].place.residual and number not in matched
        ]
        if not replacing:
            return (
                tuple(traced[0][number] for number in drawn),
                tuple(traced[1][number] for number in drawn),
            )
        first = replacing[0]
        matched[first] = _match(graph.layers[first], [sweep[first] for sweep in traced])


def _answers(
    graph: TokenGraph, found: Sequence[_Product], plain: Sequence[_Product]
) -> list[tuple[FloatArray, FloatArray]]:
    """Change of the keys and of the queries of every layer from one pass to another."""
    return [
        (_answer(layer, here.values, before.values), _asked(layer, here, before))
        for layer, here, before in zip(graph.layers, found, plain, strict=True)
    ]


def _match(layer: LayerGraph, sweeps: Sequence[Traced]) -> Tensor:
    """Attention of a layer, shaped as in the model, of each query to the key that answers most like it."""
    alike: FloatArray = np.ones(())
    for sweep in sweeps:
        queries, keys = (np.moveaxis(each, 0, -1) for each in (sweep.queries, sweep.keys))
        keys = keys / np.maximum(np.linalg.norm(keys, axis=-1, keepdims=True), 1e-30)
        alike = alike * (queries @ keys.swapaxes(1, 2))
    one = F.one_hot(torch.from_numpy(alike.argmax(-1)), alike.shape[-1])
    axes = layer.axes
    for position, axis in enumerate("bhwqk"):
        if axis in "bh":
            one = one.unsqueeze(position)
    one = one.expand(1, layer.heads, *one.shape[2:])
    if "w" not in axes:
        one = one.squeeze(2)
    here = [axis for axis in "bhwqk" if axis in axes]
    return one.permute(*(here.index(axis) for axis in axes)).reshape(layer.shape(1))


@dataclass(frozen=True, eq=False)
class _Product:
    """One product of attention and values: the values (..., key, dim), and the queries or the scores before softmax."""

    values: Tensor
    queries: Tensor | None
    scores: Tensor | None


def _pass(model: nn.Module, graph: TokenGraph, image: Tensor, matched: Mapping[int, Tensor]) -> list[_Product]:
    with taking(model, image), torch.no_grad(), _Silenced(matched) as found:
        model(image)
    if len(found.products) != len(graph.layers):
        raise UnsupportedError(
            f"Attention is multiplied with values {len(found.products)} times in a pass, where "
            f"{len(graph.layers)} layers are known: what it is multiplied with cannot be followed."
        )
    return found.products


class _Silenced(TorchFunctionMode):
    """Takes the products of attention and values down and answers 0 in their place, or what ``matched`` says."""

    def __init__(self, matched: Mapping[int, Tensor]) -> None:
        super().__init__()
        self.matched = matched
        self.products: list[_Product] = []
        self._attention: dict[int, Tensor] = {}
        self._scores: Tensor | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is F.scaled_dot_product_attention:
            query, _, values = args[:3]
            return self._silence(result, _Product(values, query, None), False)
        if func in SOFTMAXES and result.ndim >= 3:
            self._attention[id(result)] = result
            self._scores = args[0] if self._scores is None else self._scores
            return result
        held = [number for number, each in enumerate(args[:2]) if id(each) in self._attention]
        if func in PRODUCTS and held:
            turned = held[0] == 1
            values = args[0].transpose(-2, -1) if turned else args[1]
            return self._silence(result, _Product(values, None, self._scores), turned)
        if held and isinstance(result, Tensor) and result.numel() == args[held[0]].numel():
            self._attention[id(result)] = result  # dropped out, mixed over heads, or arranged in another way
        return result

    def _silence(self, result: Tensor, product: _Product, turned: bool) -> Tensor:
        one = self.matched.get(len(self.products))
        self.products.append(product)
        self._attention.clear()
        self._scores = None
        if one is None:
            return torch.zeros_like(result)
        answer = one.to(product.values) @ product.values
        return answer.transpose(-2, -1) if turned else answer


def _answer(layer: LayerGraph, values: Tensor, plain: Tensor) -> FloatArray:
    """Change (window, key) of the values of a layer, the root of the sum over dimensions, the mean over heads."""
    change = torch.linalg.vector_norm((values - plain).float(), dim=-1)
    return _arranged(layer, change, -2)


def _asked(layer: LayerGraph, found: _Product, before: _Product) -> FloatArray:
    """Change (window, query) of what asks; of scores that of few keys, as each changes with its key as well."""
    if found.queries is not None and before.queries is not None:
        return _arranged(layer, torch.linalg.vector_norm((found.queries - before.queries).float(), dim=-1), -1)
    if found.scores is None or before.scores is None:
        raise UnsupportedError(f"What asks in {layer.name} cannot be followed.")
    change = (found.scores - before.scores).float().abs()
    return _arranged(layer, change.kthvalue(-(-change.shape[-1] // 4), dim=-1).values, -1)


def _arranged(layer: LayerGraph, change: Tensor, axis: int) -> FloatArray:
    """Change (..., token) of one side of a layer, as its attention is arranged: (window, token)."""
    shape = layer.shape(1)[:-2]
    try:
        change = (
            change.expand(*shape, change.shape[-1]) if change.ndim == len(shape) + 1 else change.reshape(*shape, -1)
        )
    except RuntimeError:
        raise UnsupportedError(
            f"{layer.name} has values of shape {tuple(change.shape)} where {shape} was expected."
        ) from None
    arranged = arrange(change.unsqueeze(axis), layer, positive=False)
    numbers: FloatArray = arranged[0].mean(0).flatten(1).cpu().numpy()
    return numbers
