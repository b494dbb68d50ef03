"""Copies of one model that differ in their weights, as the rows of one batch.

Each layer answers the first rows with its old weights and the others with its new ones. Whatever reads the weights of
such a layer by itself gets NaN, and a layer that is asked about anything but one row an image says so: then the copies
have to be asked one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy

import numpy as np
import torch
from torch import Tensor, nn

from ..schema import FloatArray

Together = Callable[[nn.Module, int], Sequence[FloatArray]]
"""Maps (gy, gx) of one image repeated so many times in a batch."""


class _NotByRows(Exception):
    """A layer was not given one row an image."""


class _Rows:
    """What a layer does: the rows before ``first`` as the old one does it, the others as the new one."""

    def __init__(self, old: nn.Module, new: nn.Module, first: int, count: int) -> None:
        self.old, self.new, self.first, self.count = old, new, first, count

    def __deepcopy__(self, _: object) -> _Rows:
        return self  # in a private copy it is the same weights that answer

    def __call__(self, *inputs: Tensor, **others: object) -> Tensor:
        if len(inputs) != 1 or others or len(inputs[0]) != self.count:
            raise _NotByRows
        before, after = inputs[0][: self.first], inputs[0][self.first :]
        answers = []
        if self.first:
            # Up to the first new layer all rows are one, but a gradient has to reach each.
            alone = self.first == 1 or torch.is_grad_enabled()
            alike = not alone and torch.equal(before[1:], before[:1].expand_as(before[1:]))
            answer = self.old(before[:1] if alike else before)
            answers.append(answer.expand(self.first, *answer.shape[1:]) if alike else answer)
        if len(after):
            answers.append(self.new(after))
        if sum(map(len, answers)) != self.count:
            raise _NotByRows
        return torch.cat(answers)


def leaves(model: nn.Module, names: Sequence[str]) -> int:
    """How many of the names, from the first on, are layers that can have two sets of weights in one pass."""
    for number, name in enumerate(names):
        above = [".".join(name.split(".")[:depth]) for depth in range(name.count(".") + 1)]
        alone = next(model.get_submodule(name).children(), None) is None
        if not name or not alone or any(hasattr(model.get_submodule(other), "reset_parameters") for other in above):
            return number
    return len(names)


def explained(
    old: nn.Module, new: nn.Module, first: Mapping[str, int], count: int, together: Together
) -> list[FloatArray] | None:
    """Maps of ``count`` copies of ``old`` in which the layer of each name is that of ``new`` from copy ``first`` on.

    None where the model cannot be asked about them in one pass. ``new`` is the caller's own, and left as it was.
    """
    kept = {name: new.get_submodule(name) for name in first}
    weights = {name: dict(layer._parameters) for name, layer in kept.items()}
    try:
        for name, layer in kept.items():
            alone = copy(layer)
            alone._parameters = weights[name]
            object.__setattr__(layer, "forward", _Rows(old.get_submodule(name), alone, first[name], count))
            layer._parameters = {key: _nothing(tensor) for key, tensor in weights[name].items()}
        maps = list(together(new, count))
    except _NotByRows:
        return None
    finally:
        for name, layer in kept.items():
            layer._parameters = weights[name]
            vars(layer).pop("forward", None)
    return maps if len(maps) == count and all(np.isfinite(one).all() for one in maps) else None


def _nothing(tensor: nn.Parameter | None) -> nn.Parameter | None:
    if tensor is None:
        return None
    with torch.inference_mode(False), torch.no_grad():
        return nn.Parameter(tensor.new_full((), torch.nan).expand(tensor.shape), requires_grad=tensor.requires_grad)
