"""A copy of a model of one's own, for work that leaves something in the modules: hooks, caches, tensors of a graph."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn


def private_copy(model: nn.Module, *, own: Collection[Tensor] = ()) -> nn.Module:
    """Copy of the modules that shares every parameter and buffer: hooks and caches never reach the shared model.

    ``own``: parameters and buffers that the copy has for itself, with the same values.
    What a pass under inference mode cached is copied (ConViT's positions) or left to be computed again (LeViT's
    dictionary of biases), because autograd refuses it. Call it outside of inference mode.
    """
    copied = {id(tensor) for tensor in own if not tensor.is_inference()}
    tensors = (*model.parameters(), *model.buffers())
    memo: dict[int, object] = {id(tensor): tensor for tensor in tensors if id(tensor) not in copied}
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and id(value) not in copied:
                memo.setdefault(id(value), value.detach().clone())
            elif type(value) in (OrderedDict, dict, set) and not value:
                memo[id(value)] = type(value)()  # a module has a dozen, of which copy.deepcopy is slow to copy each
            elif isinstance(value, dict) and not name.startswith("_") and any(map(torch.is_tensor, value.values())):
                memo[id(value)] = {}
    copy = deepcopy(model, memo)
    for module in copy.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_inference():
                setattr(module, name, buffer.clone())
    return copy


def unrolled(model: nn.Module) -> nn.Module:
    """The model itself, or a private copy for many passes where it prepares its weights anew at each of them.

    A module with a method ``plain`` is replaced by the ordinary one of torch that it gives, of the same name: values
    are the same but for rounding. The copy does not follow when the weights of the model change. A model in training
    is left as it is.
    """
    makers = {name: make for name, module in model.named_modules() if (make := getattr(module, "plain", None))}
    if not makers or model.training:
        return model
    with torch.inference_mode(False), torch.no_grad():
        copy = private_copy(model)
        for name, make in makers.items():
            copy.set_submodule(name, make())
    return copy


def renewed(copy: nn.Module, model: nn.Module, names: Sequence[str]) -> nn.Module:
    """The copy that ``unrolled`` made of a model, after the modules of these names changed in the model."""
    if copy is model:
        return model
    with torch.inference_mode(False), torch.no_grad():
        for name in names:
            module = model.get_submodule(name)
            if (make := getattr(module, "plain", None)) is not None:
                copy.set_submodule(name, make())
                continue
            for key, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
                setattr(copy.get_submodule(name), key, tensor)
    return copy


@contextmanager
def differentiable(model: nn.Module) -> Iterator[nn.Module]:
    """A private, unrolled copy of the model where gradients flow to its input, whatever mode the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        copy = unrolled(model)
        yield private_copy(model) if copy is model else copy
