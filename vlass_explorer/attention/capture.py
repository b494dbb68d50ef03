"""Record the softmax attention of a forward pass by intercepting functions; nothing is attached to the model.

Fused kernels stay on and compute the output, so logits are bitwise those of a plain forward pass. The mode belongs to
the thread that entered it: a model shared by threads is recorded by each of them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Call:
    """One intercepted call: attention after the softmax, axes (..., query, key), detached, at least float32."""

    function: Literal["scaled_dot_product_attention", "softmax"]
    weights: Tensor


@contextmanager
def capture() -> Iterator[list[Call]]:
    """Collect every softmax over the last of three or more axes in this thread, in the order of the calls.

    ``scaled_dot_product_attention`` runs as it is; its weights are computed once more from its arguments. Eager code
    only: a compiled model, or a function that handles overrides itself such as ``nn.MultiheadAttention``, hides its
    calls, which is why ``graph`` counts them.
    """
    calls: list[Call] = []
    with _Interception(calls):
        yield calls


class _Interception(TorchFunctionMode):
    def __init__(self, calls: list[Call]) -> None:
        super().__init__()
        self.calls = calls

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **kwargs) if kwargs else func(*args)
        read = _READERS.get(func)
        if read is not None:
            with torch.no_grad():
                call = read(result, *args, **(kwargs or {}))
            if call is not None:
                self.calls.append(call)
        return result


def _read_attention(
    result: Tensor,
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
    with torch.autocast(query.device.type, enabled=False):
        query, key = _at_least_float32(query), _at_least_float32(key)
        if enable_gqa:
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
        # The scale goes on the smaller of the two matrices.
        scores = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-2, -1)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if attn_mask is None:
            weights = scores.softmax(-1)
        else:
            if attn_mask.dtype == torch.bool:
                attn_mask = torch.zeros_like(attn_mask, dtype=scores.dtype).masked_fill_(~attn_mask, -torch.inf)
            # A query that may see nothing attends to nothing, as in the fused kernel.
            blind = attn_mask.isneginf().all(-1, keepdim=True)
            weights = (scores + attn_mask).softmax(-1).masked_fill(blind, 0.0)
    return Call("scaled_dot_product_attention", weights)


def _read_softmax(result: Tensor, input: Any = None, dim: int | None = None, *_: Any, **__: Any) -> Call | None:
    if result.ndim < 3 or dim not in (-1, result.ndim - 1):
        return None
    # A copy: the model may go on to work in place.
    return Call("softmax", _at_least_float32(result.detach().clone()))


def _at_least_float32(values: Tensor) -> Tensor:
    return values.detach() if values.dtype in (torch.float32, torch.float64) else values.detach().float()


_READERS: Mapping[Callable[..., Any], Callable[..., Call | None]] = {
    F.scaled_dot_product_attention: _read_attention,
    F.softmax: _read_softmax,
    torch.softmax: _read_softmax,
    torch.special.softmax: _read_softmax,
    Tensor.softmax: _read_softmax,
}
