"""Why this label rather than that one: a model whose logit of one label is the difference of two.

Every explainer then explains the difference without knowing it. For class activation maps this is the published
contrast with the nearest class (Zhang et al. 2025, arXiv:2501.11309).
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from torch import nn

from .schema import UnsupportedError

__all__ = ["contrast"]


def contrast(model: nn.Module, target: int, against: int) -> nn.Module:
    """The same model with logit ``target`` replaced by logit ``target`` minus logit ``against``.

    Parameters and buffers are shared with ``model``, which stays as it was; only the classifier is new. Raises
    UnsupportedError where the two labels are one or the classifier is not linear.
    """
    if target == against:
        raise UnsupportedError("A label cannot be compared with itself; choose another one.")
    get_classifier: Any = getattr(model, "get_classifier", None)
    found = get_classifier() if get_classifier is not None else None
    heads = found if isinstance(found, tuple) else (found,)
    if not all(isinstance(head, nn.Linear | nn.Conv2d) for head in heads):
        raise UnsupportedError("This model has no linear classifier, so two of its labels cannot be compared.")
    tensors = chain(model.parameters(), model.buffers())
    shared = copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})
    names = {id(module): name for name, module in model.named_modules()}
    for head in heads:
        difference = copy.deepcopy(head)
        with torch.no_grad():
            for values in difference.parameters():  # weight and bias, one row a label
                values[target] -= values[against]
        shared.set_submodule(names[id(head)], difference)
    return shared
