"""Which epoch was the best so far, its weights, and whether it is too long ago."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from ..schema import MONITORS, RunConfig

FALLING = ("val_loss",)


def monitored(config: RunConfig) -> str:
    """The validation figure that says which epoch of a run is best: the usual one of its task unless it was given."""
    known = MONITORS[config.task]
    return config.monitor if config.monitor in known else known[0]


class Best:
    """The best value of the monitored figure; a figure that is not a number is never best."""

    def __init__(self, config: RunConfig) -> None:
        self._config, self.monitor = config, monitored(config)
        self._sign = -1.0 if self.monitor in FALLING else 1.0
        self.value, self.epoch = math.nan, -1
        self._mark, self._marked = -math.inf, -1
        self.weights: dict[str, Tensor] = {}

    def take(self, epoch: int, value: float, model: nn.Module) -> None:
        """Look at an epoch; the weights are copied where the run is to keep the best ones."""
        score = self._sign * value
        if score > self._mark + self._config.min_delta:
            self._mark, self._marked = score, epoch
        if self.epoch >= 0 and not score > self._sign * self.value or math.isnan(score):
            return
        self.value, self.epoch = value, epoch
        if self._config.keep == "best":
            self.weights = {key: tensor.detach().cpu().clone() for key, tensor in model.state_dict().items()}

    def is_stale(self, epoch: int) -> bool:
        """True where the last ``patience`` epochs up to this one brought nothing better by ``min_delta``."""
        return bool(self._config.patience) and epoch - self._marked >= self._config.patience

    def shown(self) -> dict[str, float]:
        """The best value under its name, for the status."""
        return {f"best_{self.monitor.removeprefix('val_')}": self.value} if self.epoch >= 0 else {}

    def state_dict(self) -> dict[str, Any]:
        """Plain values that a resumed run needs."""
        values = {"value": self.value, "epoch": self.epoch, "mark": self._mark, "marked": self._marked}
        return {**values, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.value, self.epoch, self.weights = state["value"], state["epoch"], state["weights"]
        self._mark, self._marked = state["mark"], state["marked"]
