"""Maps of one label from attention and its gradient: gradient rollout, generic relevance, LeGrad; as row vectors.

The map starts at the read-out (or one patch) and is walked backwards through the layers exactly like rollout, in
float64: where a label hardly depends on attention, the map differs from the bare residual in the sixth digit.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..schema import FloatArray, UnsupportedError
from .gradients import AttentionGradients, gradients_of
from .graphs import describe
from .rollout import start_row, stochastic
from .walk import answers, on_grid, to_before, walk


def gradient_rollout(found: AttentionGradients, query: int | None = None) -> FloatArray:
    """Rollout (token,) with each layer the mean over heads of relu(attention x gradient), plus I, rows normalised."""
    return walk(found.maps, _positive(found), _start(found, query), stochastic())


def generic_relevance(found: AttentionGradients, query: int | None = None) -> FloatArray:
    """Relevance (token,) by R <- R + mean over heads of relu(attention x gradient) R, rows not normalised.

    Chefer, Gur and Wolf 2021, arXiv:2103.15679, rules 5 and 6. Layers that replace their input have no R of their own.
    """

    def split(sums: FloatArray, residual: bool) -> tuple[FloatArray, FloatArray]:
        return np.full_like(sums, float(residual)), np.ones_like(sums)

    return walk(found.maps, _positive(found), _start(found, query), split)


def legrad(model: nn.Module, x: Tensor, target: int) -> tuple[FloatArray, int]:
    """LeGrad (gy, gx), raw, and the number of layers it is the mean of.

    Bousselham et al. 2024, arXiv:2404.03214: the head is applied to the tokens after each layer; the gradient of its
    logit with respect to that layer's attention, clipped at 0, is averaged over heads and queries, then over layers.
    Raises UnsupportedError for an architecture whose head cannot read every layer.
    """
    answer, why = supports_legrad(model)
    if not answer:
        raise UnsupportedError(why)

    def scores(network: Any, image: Tensor) -> list[Tensor]:
        if "return_prefix_tokens" not in signature(network.forward_intermediates).parameters:
            # SAM has no prefix tokens, and a head that reads a map.
            found = network.forward_intermediates(image, norm=True, intermediates_only=True)
            return [network.forward_head(each)[0, target] for each in found]
        prefixed = {"return_prefix_tokens": True} if network.num_prefix_tokens else {}
        found = network.forward_intermediates(image, norm=True, output_fmt="NLC", intermediates_only=True, **prefixed)
        logits = []
        for each in found:
            patches, prefix = each if isinstance(each, tuple) else (each, None)
            tokens = patches if prefix is None else torch.cat([prefix, patches], dim=1)
            logits.append(network.forward_head(tokens)[0, target])
        return logits

    result = gradients_of(model, x, scores)
    maps = result.maps
    total = np.zeros(maps.grid[0] * maps.grid[1])
    for index, (layer, gradient) in enumerate(zip(maps.layers, result.gradients, strict=True)):
        place = layer.place
        positive = np.maximum(gradient, 0.0).mean(axis=0)
        every = np.full(place.after.size, 1.0 / place.after.size, positive.dtype)
        total += on_grid(to_before(answers(every, place, positive), place), maps, index)
    return (total / len(maps.layers)).reshape(maps.grid).astype(np.float32), len(maps.layers)


def supports_legrad(model: nn.Module) -> tuple[bool, str]:
    """Can the head read the tokens after every layer, and if not, why."""
    try:
        graph = describe(model)
    except UnsupportedError as error:
        return False, str(error)
    places = {layer.place.after for layer in graph.drawn}
    blocks = len(getattr(model, "blocks", ()))
    if len(places) != 1 or blocks != len(graph.drawn) or not hasattr(model, "forward_intermediates"):
        return (
            False,
            "LeGrad needs a head that can read every layer: plain vision transformers without attention pooling.",
        )
    return True, ""


def _positive(found: AttentionGradients) -> list[FloatArray]:
    return [
        np.maximum(layer.weights * gradient, 0.0).mean(axis=0, dtype=np.float64)
        for layer, gradient in zip(found.maps.layers, found.gradients, strict=True)
    ]


def _start(found: AttentionGradients, query: int | None) -> FloatArray:
    row: FloatArray = start_row(found.maps, query).astype(np.float64)
    return row / row.sum()
