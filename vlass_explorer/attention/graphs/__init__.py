"""Shelf of token graphs: one file a family of architectures, found by walking this folder.

A file holds functions under ``@describes(Model, ...)`` that take a model and the size (ny, nx) of its input and return
a ``TokenGraph``, and ``REFUSED``, which names architectures without a map over positions with the reason. A model is
looked up by its exact type: a subclass may attend in another way. An architecture of our own shelf that reads a class
token says itself how its patches lie, by ``token_grid``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

from torch import nn

from ...schema import InputSpec, Tokens, UnsupportedError
from ..graph import LayerGraph, Size, SizeMisfit, TokenGraph, class_attention, everywhere, first_of, halved
from .refused import why_without

Describer = Callable[[Any, Size], TokenGraph]
_DESCRIBERS: dict[type, Describer] = {}
MOST_PIXELS = 1024


def describes(*models: type) -> Callable[[Describer], Describer]:
    """Register a function as the one that describes models of these exact types."""

    def register(function: Describer) -> Describer:
        _DESCRIBERS.update(dict.fromkeys(models, function))
        return function

    return register


def describe(model: nn.Module, size: Size | None = None) -> TokenGraph:
    """Token graph of a model for an input of ``size`` (ny, nx), its own by default.

    A model that does not say its own size, and was not built for the one of its weights (MaxViT's windows follow the
    size that they were built for), is described for the smallest multiple of 32 that its layers fit. Raises
    UnsupportedError with the reason where there is none.
    """
    refused = _walk()
    reason = refused.get(type(model))
    if reason:
        raise UnsupportedError(reason)
    if type(model) not in _DESCRIBERS and not _says_itself(model):
        raise UnsupportedError(_why_not(model))
    try:
        return _described(model, size or own_size(model))
    except SizeMisfit as error:
        if size is not None:
            raise
        for each in (error.built, *((side, side) for side in range(32, MOST_PIXELS + 1, 32))):
            with suppress(SizeMisfit):
                if each is not None:
                    return _described(model, each)
        raise


def _described(model: nn.Module, size: Size) -> TokenGraph:
    graph = (_class_token if _says_itself(model) else _DESCRIBERS[type(model)])(model, size)
    return replace(graph, layers=_joined(graph.layers), registers=_registers(model))


def _says_itself(model: nn.Module) -> bool:
    return "token_grid" in vars(type(model))


def _class_token(model: Any, size: Size) -> TokenGraph:
    """Blocks in which all tokens ask, or the class token alone, which stands first and is what the head reads."""
    tokens = Tokens(model.num_prefix_tokens, model.token_grid(size))
    layers = (
        LayerGraph(
            f"blocks.{index}.attn",
            block.attn.num_heads,
            class_attention(tokens) if block.attn.reads else everywhere(tokens),
        )
        for index, block in enumerate(model.blocks)
    )
    return TokenGraph("class_token", tuple(layers), first_of(tokens, 1))


def _joined(layers: Sequence[LayerGraph]) -> tuple[LayerGraph, ...]:
    """The layers with a pooling wherever two grids differ: what a describer did not say is steps of 2 x 2."""
    result: list[LayerGraph] = []
    earlier: Tokens | None = None
    for layer in layers:
        place = layer.place
        if not layer.drawn:
            result.append(layer)
            continue
        before, after, keys = place.before.grid, place.after.grid, place.keys.grid
        said = place.pools_earlier, place.pools_queries, place.pools_keys
        found = (
            said[0] or (halved(earlier.grid, before) if earlier and not layer.resampled else None),
            said[1] or (halved(before, after) if place.after.patches else None),
            said[2] or (None if place.strip else halved(before, keys)),
        )
        if found != said:
            place = replace(place, pools_earlier=found[0], pools_queries=found[1], pools_keys=found[2])
            layer = replace(layer, place=place)
        result.append(layer)
        earlier = place.after
    return tuple(result)


def supports(model: nn.Module) -> tuple[bool, str]:
    """Can the attention of this model be placed on the image, and if not, why (one sentence)."""
    try:
        describe(model)
    except UnsupportedError as error:
        return False, str(error)
    return True, ""


def own_size(model: Any) -> Size:
    """Pixels (ny, nx) that the model was made for."""
    made = getattr(getattr(model, "patch_embed", None), "img_size", None)
    spec = getattr(model, "input_spec", None)
    if made is None and isinstance(spec, InputSpec):
        made = (spec.img_size, spec.img_size)
    if made is None:
        made = (getattr(model, "pretrained_cfg", None) or {}).get("input_size", (3, 224, 224))[1:]
    return int(made[0]), int(made[1])


def _registers(model: Any) -> int:
    """Registers of a model: timm puts them behind the class token."""
    for owner in (model, getattr(model, "embeds", None)):
        token = getattr(owner, "reg_token", None)
        if token is not None:
            return int(token.shape[1])
    return 0


@cache
def _walk() -> dict[type, str]:
    refused: dict[type, str] = {}
    for info in pkgutil.iter_modules(__path__):
        refused.update(getattr(importlib.import_module(f"{__name__}.{info.name}"), "REFUSED", {}))
    return refused


def _why_not(model: nn.Module) -> str:
    modules = list(model.modules())
    if any(getattr(module, "learned_tokens", False) for module in modules):
        return "Attention runs between learned tokens and the image, not from patch to patch; see its token maps."
    attends = ("num_heads", "fused_attn")
    if any(isinstance(m, nn.MultiheadAttention | nn.Softmax) or any(hasattr(m, a) for a in attends) for m in modules):
        return f"The attention of {type(model).__name__} is not covered yet; try gradients or occlusion instead."
    return why_without(model)
