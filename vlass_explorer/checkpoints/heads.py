"""What a run puts on an architecture: an MLP in the place of the head, as the model itself names it, or a front.

The MLP is the "complex" head of DeepLense (https://github.com/ML4SCI/DeepLense): 1024, 512 and 128 units, each with
PReLU and batch norm, then the classes. A checkpoint says so by ``mlp_head`` among its ``model_args``; timm alone does
not know that argument, nor ``front`` (see ``vlass_explorer.front``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

MLP_HEAD, FRONT = "mlp_head", "front"
NONE = "none"
UNITS = (1024, 512, 128)


def classifiers(model: nn.Module) -> tuple[nn.Module, ...]:
    """What timm calls the classifier: one layer, or one for each of several class tokens or branches."""
    from torch import nn

    found = model.get_classifier()  # type: ignore[operator]
    return tuple(found) if isinstance(found, tuple | list | nn.ModuleList) else (found,)


def plain_arguments(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the architecture itself takes."""
    return {key: value for key, value in model_args.items() if key not in (MLP_HEAD, FRONT)}


def completed(model: nn.Module, num_classes: int, model_args: Mapping[str, Any]) -> nn.Module:
    """A model of ``plain_arguments`` with the head and the front that ``model_args`` ask for.

    Raises ValueError for a model without a linear classifier, and for an unknown front.
    """
    if model_args.get(MLP_HEAD):
        model = with_mlp_head(model, num_classes)
    if (name := model_args.get(FRONT, NONE)) == NONE:
        return model
    # Here and not above: cards are listed without torch.
    from ..front import with_front

    chans = model_args.get("in_chans") or model.pretrained_cfg["input_size"][0]  # type: ignore[index]
    return with_front(model, str(name), int(chans))


def with_mlp_head(model: nn.Module, num_classes: int) -> nn.Module:
    """The same model with an MLP in the place of each classifier.

    Raises ValueError for a model without a linear classifier.
    """
    names = {id(module): name for name, module in model.named_modules()}
    for head in classifiers(model):
        name = names.get(id(head))
        width = _width(head)
        if not name or width is None:
            raise ValueError(f"{type(model).__name__} has no linear classifier that an MLP could replace.")
        parent, _, own = name.rpartition(".")
        setattr(model.get_submodule(parent), own, _mlp(width, num_classes))
    return model


def _width(head: nn.Module) -> int | None:
    """Number of features that a classifier takes."""
    from torch import nn

    for layer in head.modules():
        if isinstance(layer, nn.Linear):
            return layer.in_features
        if isinstance(layer, nn.Conv2d):
            return layer.in_channels
    return None


def _mlp(width: int, num_classes: int) -> nn.Module:
    from torch import nn

    layers: list[nn.Module] = [nn.Flatten(1)]  # some architectures classify by a convolution of one pixel
    for before, units in zip((width, *UNITS), UNITS, strict=False):
        layers += [nn.Linear(before, units), nn.PReLU(), nn.BatchNorm1d(units)]
    return nn.Sequential(*layers, nn.Linear(UNITS[-1], num_classes))
