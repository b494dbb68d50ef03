"""Softmax, fused attention and dropout overheard in torch's dispatcher by the threads that ask for it, and no others.

The dispatcher has keys that a thread includes for itself. Those used here stand above all others, torch gives them no
meaning (they are set aside for tests) and nothing else registers anything at them: without a kernel an operator falls
through in C++, which costs nothing. A TorchFunctionMode would enter Python at every operator and at every shape that is
asked for: a seventh of a ViT-Tiny.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.library import Library, fallthrough_kernel

Listener = Callable[[str, Tensor, tuple[Any, ...], dict[str, Any]], None]
"""Told the name of an operator, what it returned, its arguments and its keyword arguments, without gradients or
autocast; what it calls itself is not overheard."""


@contextmanager
def intercepted(listener: Listener, *, dropouts: bool = False) -> Iterator[None]:
    """Tell ``listener`` of each softmax and fused attention of this thread, and of each dropout where asked.

    The operators run as they are. Contexts may be nested: all their listeners are told.
    """
    include, outer = torch._C._IncludeDispatchKeyGuard, _listeners()
    _thread.listeners = (*outer, (listener, dropouts))
    try:
        with include(_SOFTMAX), include(_DROPOUT) if dropouts else nullcontext():
            yield
    finally:
        _thread.listeners = outer


def _listeners() -> tuple[tuple[Listener, bool], ...]:
    return getattr(_thread, "listeners", ())


def _telling(name: str, operator: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A kernel that runs the operator below the keys of this module, and then tells of it."""

    def tell(result: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for listener, dropouts in _listeners():
            if dropouts or name != "dropout":
                listener(name, result, args, kwargs)

    def kernel(*args: Any, **kwargs: Any) -> Tensor:
        with torch._C._ExcludeDispatchKeyGuard(_KEYS):
            result = operator(*args, **kwargs)
            kind = result.device.type
            if torch.is_grad_enabled() or torch.is_autocast_enabled(kind):
                with torch.no_grad(), torch.autocast(kind, enabled=False):
                    tell(result, args, kwargs)
            else:
                tell(result, args, kwargs)
        return result

    return kernel


def _key(name: str) -> torch._C.DispatchKey:
    key = torch._C._parse_dispatch_key(name)
    assert key is not None
    return key


def _library(key: str, operators: dict[str, torch._ops.OpOverload]) -> list[Library]:
    """Register a kernel for each operator, by its name in torch, and let all others fall through; valid while kept."""
    every, few = Library("_", "IMPL", key), Library("aten", "IMPL", key)
    every.fallback(fallthrough_kernel)
    for name, operator in operators.items():
        few.impl(name, _telling(name.partition(".")[0], operator))
    return [every, few]


_thread = threading.local()
# Dropouts have a key of their own, because a model has dozens of them and few models are asked about them.
_SOFTMAX, _DROPOUT = _key("TESTING_ONLY_GenericMode"), _key("TESTING_ONLY_GenericWrapper")
_KEYS = torch._C.DispatchKeySet(_SOFTMAX) | torch._C.DispatchKeySet(_DROPOUT)
_ATEN = torch.ops.aten
_LIBRARIES = [
    *_library(
        "TESTING_ONLY_GenericMode",
        {
            "scaled_dot_product_attention": _ATEN.scaled_dot_product_attention.default,
            "softmax.int": _ATEN.softmax.int,
        },
    ),
    *_library("TESTING_ONLY_GenericWrapper", {"dropout": _ATEN.dropout.default}),
]
