"""Exponential moving average of the weights, batch-norm statistics included."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """Running mean of a model's state; ``swap`` exchanges it with the model's own for validation and saving."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._model = model
        self.state = {key: tensor.detach().clone() for key, tensor in model.state_dict().items()}

    def to(self, device: torch.device) -> None:
        """Move the averages to a device."""
        self.state = {key: tensor.to(device) for key, tensor in self.state.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after optimiser step ``step`` (from 0); early steps count more, as in timm."""
        decay = min(self._decay, (1 + step) / (10 + step))
        own = self._model.state_dict()
        floats = [key for key, tensor in self.state.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.state[k] for k in floats], [own[k] for k in floats], 1 - decay)
        for key in self.state.keys() - set(floats):
            self.state[key].copy_(own[key])

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange averages and weights in place; a second call puts them back."""
        own = self._model.state_dict()
        for key, average in self.state.items():
            kept = own[key].clone()
            own[key].copy_(average)
            average.copy_(kept)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Continue from saved averages."""
        for key, tensor in self.state.items():
            tensor.copy_(state[key])
