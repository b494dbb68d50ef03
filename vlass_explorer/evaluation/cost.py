"""What one forward pass costs: floating point operations by torch's counter, and measured time."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..schema import InputSpec


def flops(model: nn.Module, spec: InputSpec) -> int:
    """Floating point operations of one image through convolutions, matrix products and attention.

    A multiplication and an addition count as two, as torch counts them; element-wise work is not counted.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(_image(spec))
    return int(counter.get_total_flops())


def forward_seconds(model: nn.Module, spec: InputSpec, *, repeats: int = 10) -> float:
    """Median time of one image in evaluation mode on the CPU, after one pass to warm up."""
    image, times = _image(spec), []
    with torch.inference_mode():
        model(image)
        for _ in range(repeats):
            start = time.perf_counter()
            model(image)
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def _image(spec: InputSpec) -> torch.Tensor:
    return torch.zeros(1, spec.in_chans, spec.img_size, spec.img_size)
