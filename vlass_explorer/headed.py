"""What the architectures of our own share: a linear head that timm can exchange, and the entry in timm's tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn


class Headed(nn.Module, ABC):
    """Features, then a linear ``head`` over ``head_hidden_size`` values; a child writes the two halves of ``forward``.

    Its constructor sets ``head_hidden_size`` and calls ``reset_classifier`` last, so that random weights are drawn in
    the order of the layers.
    """

    num_classes: int
    head_hidden_size: int
    head: nn.Module

    def get_classifier(self) -> nn.Module:
        """The last linear layer."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A fresh head for ``num_classes`` classes (0: none)."""
        self.num_classes = num_classes
        self.head = nn.Linear(self.head_hidden_size, num_classes) if num_classes else nn.Identity()

    @abstractmethod
    def forward_features(self, x: Tensor) -> Tensor:
        """Feature map or tokens of images (batch, chan, y, x)."""

    @abstractmethod
    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (batch, num_classes) of features, or the values before the head."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, num_classes)."""
        return self.forward_head(self.forward_features(x))


def entry(num_classes: int, input_size: tuple[int, int, int], first_conv: Any, **others: Any) -> dict[str, Any]:
    """timm's configuration of a model without published weights, whose input (chan, y, x) is taken as it comes."""
    chans = input_size[0]
    return {
        "url": "",
        "num_classes": num_classes,
        "input_size": input_size,
        "pool_size": None,
        "mean": (0.0,) * chans,
        "std": (1.0,) * chans,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "first_conv": first_conv,
        "classifier": "head",
        **others,
    }
