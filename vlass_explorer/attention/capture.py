"""Record the softmax attention of a forward pass by overhearing its operators; nothing is attached to the model.

Fused kernels stay on and compute the output, so logits are bitwise those of a plain forward pass. A thread hears
itself alone: each records what it asks of a model that all share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from .kernels import FUNCTIONS, intercepted

Function = Literal["scaled_dot_product_attention", "softmax", "dropout"]


@dataclass(frozen=True, eq=False)
class Call:
    """One intercepted call: attention as (..., query, key), heads or windows on axis 1, at least float32."""

    function: Function
    shape: tuple[int, ...]
    weigh: Callable[..., Tensor]
    """Weights of a range (slice) of axis 1, in ``Scratch`` where one is given too; valid while the call is handled,
    afterwards the model may work in place."""

    @property
    def weights(self) -> Tensor:
        """All weights, detached unless the mode keeps the graph."""
        return self.weigh(slice(None))


@contextmanager
def capture(handle: Callable[[Call], None] | None = None, *, dropouts: bool = False) -> Iterator[list[Call]]:
    """Collect every softmax over the last of three or more axes in this thread, in the order of the calls.

    ``scaled_dot_product_attention`` runs as it is; its weights are computed once more from its arguments, in float32.
    ``handle`` takes each call as it comes, and nothing is collected; ``dropouts`` adds what a dropout over four axes
    receives, which is where models put attention that they changed after the softmax. Eager code only: a compiled
    model, or the fast path of ``nn.MultiheadAttention``, hides its calls, which is why they are counted.
    """
    calls: list[Call] = []

    def collect(call: Call) -> None:
        weights = call.weights
        # A copy of what the model owns: it may go on to work in place.
        kept = weights if call.function == "scaled_dot_product_attention" else weights.clone()
        calls.append(Call(call.function, call.shape, lambda heads, scratch=None: kept[:, heads]))

    take = handle or collect

    def listen(name: str, result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        call = _READ[name](result, *args, **kwargs)
        if call is not None:
            take(call)

    with intercepted(listen, dropouts=dropouts):
        yield calls


class Scratch:
    """Memory that each layer's matrices are written into, one after the other, where nothing is differentiated.

    Large matrices in fresh memory cost more for its pages than for their numbers.
    """

    def __init__(self) -> None:
        self._flat = self._last = self._share = torch.empty(0)
        self._share_of: tuple[object, ...] = ()

    def product(self, query: Tensor, key: Tensor, factor: float) -> Tensor:
        """``factor`` x query x key transposed, (b, h, q, k) of (b, h, q, d) and (b, h, k, d), until the next."""
        batch, heads, count, _ = query.shape
        shape = (batch * heads, count, key.shape[2])
        scores = self._last
        if scores.shape != shape or scores.dtype != query.dtype or scores.device != query.device:
            scores = self._last = self._room(math.prod(shape), query).view(shape)
        scores.baddbmm_(query.flatten(0, 1), key.flatten(0, 1).transpose(1, 2), beta=0, alpha=factor)
        return scores.view(batch, heads, count, -1)

    def share(self, like: Tensor, value: float) -> Tensor:
        """``value`` (b, 1, h) for each head of ``like`` (b, h, n); to be read only."""
        wanted = (like.shape[0], like.shape[1], value, like.dtype, like.device)
        if wanted != self._share_of:
            self._share, self._share_of = like.new_full((like.shape[0], 1, like.shape[1]), value), wanted
        return self._share

    def _room(self, size: int, like: Tensor) -> Tensor:
        if self._flat.numel() < size or self._flat.dtype != like.dtype or self._flat.device != like.device:
            self._flat = like.new_empty(size)
        return self._flat[:size]


def read_attention(
    result: Tensor | None,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Call:
    """The call that ``scaled_dot_product_attention`` was: softmax of query times key, with its mask and scale."""
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    shape = (*query.shape[:-1], key.shape[-2])
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    if is_causal:
        attn_mask = torch.ones(shape[-2:], dtype=torch.bool, device=query.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros(attn_mask.shape, device=query.device).masked_fill_(~attn_mask, -torch.inf)
    axis = 1 - query.ndim

    def weigh(part: slice, scratch: Scratch | None = None) -> Tensor:
        queries, keys, mask = query, key, attn_mask
        if part != slice(None) and query.ndim >= 4:
            queries = query[:, part]
            # One key, or mask, for all heads is shared as it is.
            if key.ndim >= 4 and key.shape[1] > 1:
                keys = key[:, part]
            if mask is not None and mask.ndim >= -axis and mask.shape[axis] > 1:
                mask = mask.narrow(axis, *_range(part, shape[1]))
        queries, keys = at_least_float32(queries), at_least_float32(keys)
        if scratch is not None and queries.ndim == 4 and keys.shape[:2] == queries.shape[:2]:
            scores = out = scratch.product(queries, keys, factor)
        else:
            # The scale goes on the smaller of the two matrices.
            scores, out = (queries * factor) @ keys.transpose(-2, -1), None
        if mask is None:
            return torch.softmax(scores, -1, out=out)
        # A query that may see nothing attends to nothing, as in the fused kernel.
        blind = mask.isneginf().all(-1, keepdim=True)
        return torch.softmax(torch.add(scores, mask, out=out), -1, out=out).masked_fill(blind, 0.0)

    return Call("scaled_dot_product_attention", shape, weigh)


def _range(part: slice, length: int) -> tuple[int, int]:
    start, stop, _ = part.indices(length)
    return start, stop - start


def _read_softmax(result: Tensor, input: Any = None, dim: int | None = None, *_: Any, **__: Any) -> Call | None:
    if result.ndim < 3 or dim not in (-1, result.ndim - 1):
        return None
    return _plain("softmax", result)


def _read_dropout(result: Tensor, input: Tensor, *_: Any, **__: Any) -> Call | None:
    return _plain("dropout", input) if input.ndim == 4 else None


def _plain(function: Function, weights: Tensor) -> Call:
    return Call(function, tuple(weights.shape), lambda part, scratch=None: at_least_float32(weights[:, part]))


def at_least_float32(values: Tensor) -> Tensor:
    """The same values in float32, or in float64 where they are."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


_READ: Mapping[str, Callable[..., Call | None]] = {
    "scaled_dot_product_attention": read_attention,
    "softmax": _read_softmax,
    "dropout": _read_dropout,
}
READERS: Mapping[Callable[..., Any], Callable[..., Call | None]] = {
    function: _READ[name] for function, name in FUNCTIONS.items()
}
