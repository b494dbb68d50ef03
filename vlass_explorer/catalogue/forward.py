"""A model as ``classify`` asks it: the same answers but for rounding, in less time on a processor.

Norms behind a convolution are folded into it, weights that a module prepares at each pass are prepared once
(``private.unrolled``), and convolutions run channels last. Where that is not equal to the model itself to ``EQUAL``,
the model stays as it is; rows say which in their version. Cost: benchmarks/catalogue_forward.py, docs/catalogues.md.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.utils import fusion

from .. import private
from ..schema import InputSpec

EQUAL = 1e-5
"""Largest difference of two softmax scores, on images of noise."""
TRIED = 4
MARK = "fast"
"""What a version carries behind a plus sign where the model was made so."""


def fast(model: nn.Module, spec: InputSpec, device: str = "cpu") -> tuple[nn.Module, str]:
    """A copy of a model in evaluation mode that answers sooner, and ``MARK``; else the model itself and nothing.

    Only on a processor, and only where there is a norm to fold or a weight to prepare: nothing else was seen to win.
    """
    if device != "cpu" or model.training:
        return model, ""
    with torch.inference_mode(False), torch.no_grad():
        unrolled = private.unrolled(model)
        made = private.private_copy(unrolled)
        if not fold(made) and unrolled is model:
            return model, ""
        made = made.to(memory_format=torch.channels_last)
        made.register_forward_pre_hook(_channels_last)
        random = torch.Generator().manual_seed(0)
        images = torch.randn(TRIED, spec.in_chans, spec.img_size, spec.img_size, generator=random)
        ours, theirs = made(images), model(images)
        # Logits, too: scores of noise may all be 0 or 1, whatever was folded wrongly.
        is_equal = bool((ours.softmax(-1) - theirs.softmax(-1)).abs().max() <= EQUAL)
        is_equal = is_equal and torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    return (made, MARK) if is_equal else (model, "")


def fold(model: nn.Module) -> int:
    """Fold each norm into the convolution that stands before it in its module, in place; the number of them.

    Where modules are not called in the order in which they stand, that is wrong: whoever folds compares.
    """
    count = 0
    for parent in model.modules():
        last: str | None = None
        for name, module in list(parent.named_children()):
            if isinstance(module, nn.Conv2d):
                last = name
            elif last is not None and (made := _folded(parent.get_submodule(last), module)) is not None:
                parent.set_submodule(last, made)
                parent.set_submodule(name, nn.Identity())
                last, count = None, count + 1
            elif not isinstance(module, nn.Identity | nn.Dropout):
                last = None
    return count


def _folded(conv: nn.Module, norm: nn.Module) -> nn.Conv2d | None:
    assert isinstance(conv, nn.Conv2d)
    if type(norm) is nn.BatchNorm2d and norm.num_features == conv.out_channels and norm.running_var is not None:
        return fusion.fuse_conv_bn_eval(conv, norm)
    factor, summand = (getattr(norm, name, None) for name in ("factor", "summand"))  # of ``d4_resnet.PlainNorm``
    if not isinstance(factor, Tensor) or not isinstance(summand, Tensor) or factor.numel() != conv.out_channels:
        return None
    made = deepcopy(conv)  # of its own kind: some pad in a way of their own
    bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
    made.weight = nn.Parameter(conv.weight.detach() * factor.view(-1, 1, 1, 1), requires_grad=False)
    made.bias = nn.Parameter(bias * factor.flatten() + summand.flatten(), requires_grad=False)
    return made


def _channels_last(module: nn.Module, images: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (images[0].contiguous(memory_format=torch.channels_last), *images[1:])
