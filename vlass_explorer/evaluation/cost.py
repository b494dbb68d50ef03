"""What a model costs: floating point operations by torch's counter, measured time, and the memory of its tensors."""

from __future__ import annotations

import statistics
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from .. import devices
from ..private import differentiable
from ..schema import InputSpec

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Cost:
    """One image through one model on one device; times are medians after a pass to warm up."""

    parameters: int
    flops: int
    """Convolutions, matrix products and attention of the forward pass; a multiplication and an addition are two."""
    forward_seconds: float
    both_seconds: float
    """Forward and backward to all weights, without a step of an optimiser."""
    peak_bytes: int
    """Largest sum of weights, gradients and activations in both passes; workspaces inside of a kernel do not count."""
    input_shape: Shape
    """Channels, rows, columns."""
    device: str
    """Name of the device, on a CPU with the number of threads."""


def profile(model: nn.Module, shape: Shape, *, repeats: int = 10) -> Cost:
    """Measure a model in evaluation mode, which leaves its statistics alone, on the device where it is.

    Nothing stays on the model, which may be shared. Raises whatever it does at a shape that it cannot take.
    """
    device = next(model.parameters()).device
    with differentiable(model) as copy:
        image = torch.zeros(1, *shape, device=device)
        _both(copy, image)  # what cannot be done is told before time is spent
        both = _median(lambda: _both(copy, image), device, repeats)
        peak = _peak(copy, image)
    return Cost(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        flops=_flops(model, image),
        forward_seconds=_median(lambda: _forward(model, image), device, repeats),
        both_seconds=both,
        peak_bytes=peak,
        input_shape=shape,
        device=devices.words(str(device)),
    )


def shape_of(spec: InputSpec) -> Shape:
    """Channels, rows and columns of a model input."""
    return spec.in_chans, spec.img_size, spec.img_size


def _flops(model: nn.Module, image: Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    return int(counter.get_total_flops())


def _forward(model: nn.Module, image: Tensor) -> None:
    with torch.inference_mode():
        model(image)


def _both(model: nn.Module, image: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients of all weights, which are not kept on the model: it may be shared."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.autograd.grad(model(image).float().sum(), weights, allow_unused=True)


def _median(work: Callable[[], Any], device: torch.device, repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if device.type != "cpu":
            torch.accelerator.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def _peak(model: nn.Module, image: Tensor) -> int:
    held = _Held()
    held.take([*model.parameters(), *model.buffers(), image])
    with held:
        _both(model, image)
    return held.largest


class _Held(TorchDispatchMode):
    """Bytes of all tensors that torch holds while the mode is on, and their largest sum."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.largest = 0, 0
        self._known: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operator and take what it made."""
        result = func(*args, **(kwargs or {}))
        self.take(tree_leaves(result))
        return result

    def take(self, values: list[Any]) -> None:
        """Count the memory of tensors that are not counted yet, until it is freed; views share theirs."""
        for tensor in values:
            if not isinstance(tensor, Tensor):
                continue
            storage = tensor.untyped_storage()
            if self._known.get(id(storage)) is storage:
                continue
            self._known[id(storage)] = storage
            self.now += storage.nbytes()
            weakref.finalize(storage, self._free, storage.nbytes())
        self.largest = max(self.largest, self.now)

    def _free(self, count: int) -> None:
        self.now -= count
