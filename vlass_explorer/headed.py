"""What the architectures of our own share: a linear head that timm can exchange, the entry in timm's tables, a builder.

None of it needs timm, whose import (torchvision, torch's compiler) takes longer than a prediction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn

Model = TypeVar("Model", bound="type[nn.Module]")
ARCHITECTURES: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {}
"""Name -> class and configuration of the architectures whose modules were imported; see ``architecture``."""


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
        "fixed_input_size": False,
        "pool_size": None,
        "mean": (0.0,) * chans,
        "std": (1.0,) * chans,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "first_conv": first_conv,
        "classifier": "head",
        **others,
    }


def architecture(name: str, config: dict[str, Any]) -> Callable[[Model], Model]:
    """Decorator of a model class: its name among the architectures, and its configuration as ``entry`` makes it."""

    def keep(model: Model) -> Model:
        ARCHITECTURES[name] = model, config
        return model

    return keep


def build(name: str, **arguments: Any) -> nn.Module:
    """The untrained model that ``timm.create_model`` builds of the same name and arguments, without timm.

    What is not said (None) is as the configuration has it: number of classes, channels, and the size of the input
    where that is fixed. Raises TypeError for an argument that the model does not take.
    """
    model_class, config = ARCHITECTURES[name]
    chans, *size = config["input_size"]
    defaults = {"num_classes": config["num_classes"], "in_chans": chans}
    if config["fixed_input_size"]:
        defaults["img_size"] = tuple(size)
    model = model_class(**defaults | {key: value for key, value in arguments.items() if value is not None})
    # A copy: what one model's owner changes in it is not another's.
    object.__setattr__(model, "pretrained_cfg", {**config, "architecture": name})
    return model
