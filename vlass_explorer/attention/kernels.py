"""Softmax, fused attention and dropout overheard in torch's dispatcher by the threads that ask for it, and no others.

The dispatcher has keys that a thread includes for itself. Those used here stand above all others, torch gives them no
meaning (they are set aside for tests) and nothing else registers anything at them: without a kernel an operator falls
through in C++, which costs nothing. A TorchFunctionMode would enter Python at every operator and at every shape that is
asked for: a seventh of a ViT-Tiny. The keys are private to torch: where a version of it lacks them, or registers
otherwise, such a mode does the same, slower.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Listener = Callable[[str, Tensor, tuple[Any, ...], dict[str, Any]], None]
"""Told the name of an operator, what it returned, its arguments and its keyword arguments, without gradients or
autocast; what it calls itself is not overheard."""


@contextmanager
def intercepted(listener: Listener, *, dropouts: bool = False) -> Iterator[None]:
    """Tell ``listener`` of each softmax and fused attention of this thread, and of each dropout where asked.

    The operators run as they are. Contexts may be nested: all their listeners are told.
    """
    if _DISPATCHER is None:
        with _Mode(listener, dropouts):
            yield
        return
    include, outer = torch._C._IncludeDispatchKeyGuard, _listeners()
    _thread.listeners = (*outer, (listener, dropouts))
    try:
        with include(_DISPATCHER.softmax), include(_DISPATCHER.dropout) if dropouts else nullcontext():
            yield
    finally:
        _thread.listeners = outer


def _listeners() -> tuple[tuple[Listener, bool], ...]:
    return getattr(_thread, "listeners", ())


def _tell(result: Tensor, told: Callable[[], None]) -> None:
    """Call without gradients and autocast."""
    kind = result.device.type
    if torch.is_grad_enabled() or torch.is_autocast_enabled(kind):
        with torch.no_grad(), torch.autocast(kind, enabled=False):
            told()
    else:
        told()


class _Dispatcher:
    """Kernels of torch's operators at two keys that it sets aside for tests; raises what torch raises without them."""

    def __init__(self) -> None:
        # Dropouts have a key of their own: a model has dozens of them, and few models are asked about them.
        names = "TESTING_ONLY_GenericMode", "TESTING_ONLY_GenericWrapper"
        self.softmax, self.dropout = _key(names[0]), _key(names[1])
        self._keys = torch._C.DispatchKeySet(self.softmax) | torch._C.DispatchKeySet(self.dropout)
        aten = torch.ops.aten
        attention = {
            "scaled_dot_product_attention": aten.scaled_dot_product_attention.default,
            "softmax.int": aten.softmax.int,
        }
        self._kept = [*self._library(names[0], attention), *self._library(names[1], {"dropout": aten.dropout.default})]

    def _library(self, key: str, operators: Mapping[str, Callable[..., Tensor]]) -> list[Any]:
        """Register a kernel for each operator, by its name in torch, and let all others fall through, while kept."""
        from torch.library import Library, fallthrough_kernel

        every, few = Library("_", "IMPL", key), Library("aten", "IMPL", key)
        every.fallback(fallthrough_kernel)
        for name, operator in operators.items():
            few.impl(name, self._telling(name.partition(".")[0], operator))
        return [every, few]

    def _telling(self, name: str, operator: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """A kernel that runs the operator below the keys, and then tells of it."""
        exclude, keys = torch._C._ExcludeDispatchKeyGuard, self._keys

        def kernel(*args: Any, **kwargs: Any) -> Tensor:
            def told() -> None:
                for listener, dropouts in _listeners():
                    if dropouts or name != "dropout":
                        listener(name, result, args, kwargs)

            with exclude(keys):
                result = operator(*args, **kwargs)
                _tell(result, told)
            return result

        return kernel


def _key(name: str) -> torch._C.DispatchKey:
    key = torch._C._parse_dispatch_key(name)
    if key is None:
        raise ValueError(f"torch has no dispatch key {name}")
    return key


FUNCTIONS: Mapping[Callable[..., Any], str] = {
    F.scaled_dot_product_attention: "scaled_dot_product_attention",
    F.softmax: "softmax",
    torch.softmax: "softmax",
    torch.special.softmax: "softmax",
    Tensor.softmax: "softmax",
    F.dropout: "dropout",
}
"""Functions of torch that end in the operators overheard, by the name that listeners are told."""


class _Mode(TorchFunctionMode):
    """The same by a mode over every function of torch, in the thread that entered it."""

    def __init__(self, listener: Listener, dropouts: bool) -> None:
        super().__init__()
        self.listener, self.dropouts = listener, dropouts

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = FUNCTIONS.get(func)
        if name is None or (name == "dropout" and not self.dropouts) or getattr(_thread, "telling", False):
            return result
        _thread.telling = True  # what a listener asks of torch is not overheard, by outer modes neither
        try:
            _tell(result, lambda: self.listener(name, result, args, kwargs))
        finally:
            _thread.telling = False
        return result


def _dispatcher() -> _Dispatcher | None:
    try:
        return _Dispatcher()
    except (AttributeError, ImportError, RuntimeError, TypeError, ValueError):
        return None


_thread = threading.local()
_DISPATCHER = _dispatcher()
