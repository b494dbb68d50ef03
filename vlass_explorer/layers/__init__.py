"""The feature map of a layer with its gradient, the layer and its layout found for any architecture.

No table of families: one forward pass tells which modules answer with a map over the image (channels first, channels
last, or tokens with a prefix), and passes backwards, no further than is needed, tell where every patch still reaches
the logits. After the last attention of a model with a class token none does (gradient exactly 0), so that the search
goes into that block and ends at the norm before the attention.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..front import OFF, is_fronted
from ..private import differentiable
from ..schema import UnsupportedError
from .calls import Call, Grid, Layout, record
from .places import place
from .search import Reach, last


@dataclass(frozen=True)
class FeatureMap:
    """Features of one layer and the gradient of one logit, both (channel, gy, gx) without the prefix tokens."""

    layer: str
    layout: Layout
    prefix_tokens: int
    values: Tensor
    gradient: Tensor

    @property
    def numbers(self) -> dict[str, float | int | str | bool]:
        """What an explanation says about the layer."""
        _, gy, gx = self.values.shape
        return {
            "layer": self.layer,
            "layout": self.layout,
            "prefix_tokens": self.prefix_tokens,
            "grid_rows": gy,
            "grid_columns": gx,
        }


def supports(model: nn.Module) -> tuple[bool, str]:
    """Does the model have a layer over image positions, and if not why (one sentence)."""
    if is_fronted(model) or getattr(model, "turns_input", False):
        return False, OFF
    spatial = (nn.Conv2d, nn.BatchNorm2d)
    if hasattr(model, "patch_embed") or any(isinstance(module, spatial) for module in model.modules()):
        return True, ""
    return False, "This model has no layer whose output is a map over the image."


def feature_map(model: nn.Module, x: Tensor, target: int, layer: str = "") -> FeatureMap:
    """Features (channel, gy, gx) of one image (1, C, H, W) and the gradient of the target's logit, row 0 at the bottom.

    ``layer`` is the name of a module; empty is the last one from which most patches reach the target's logit. One
    forward pass on a private copy, and backward from the logit to that layer. Raises UnsupportedError where there is
    no such layer.
    """
    return feature_maps(model, x, target, layer)[0]


def feature_maps(model: nn.Module, images: Tensor, target: int, layer: str = "") -> list[FeatureMap]:
    """``feature_map`` of each image (B, C, H, W), of all in one pass; which layer it is may differ between them."""
    applies, reason = supports(model)
    if not applies:
        raise UnsupportedError(reason)
    with differentiable(model) as copy:
        images = images.detach().clone().requires_grad_()
        logits, root = record(copy, images)
        if len(images) > 1 and any(call.output is not None and len(call.output) == 1 for call in root.walk()):
            # Something in the model has no place for the image, and looks like the map of one where there is only one.
            return [feature_map(model, image[None], target, layer) for image in images]
        grids = place(root, copy, images)
        reach = Reach(logits[:, target], [call for call in root.walk() if call.place is not None])
        named = _named(root, layer, grids) if layer else None
        return [_of(reach, named or last(reach, root, image), image) for image in range(len(images))]


def _of(reach: Reach, call: Call, image: int) -> FeatureMap:
    assert call.output is not None and call.place is not None
    gradient = reach.gradient(call)
    if gradient is None:
        gradient = torch.zeros_like(call.output)
    values, gradient = (call.arranged(one.detach())[image] for one in (call.output, gradient))
    return FeatureMap(call.name, call.place[0], call.place[2], values, gradient)


def _named(root: Call, layer: str, grids: Sequence[Grid]) -> Call:
    calls = {call.name: call for call in root.walk()}
    if layer in calls and calls[layer].place is not None:
        return calls[layer]
    maps = [name for name, call in calls.items() if call.place is not None]
    near = difflib.get_close_matches(layer, maps, n=3, cutoff=0.0)
    raise UnsupportedError(f"{layer!r} is no layer over image positions; near are {', '.join(near)}.")
