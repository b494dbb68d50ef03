"""Attention distance: how far, in pixels of the model input, each patch looks in one layer.

Dosovitskiy et al. 2021, arXiv:2010.11929, figure 7. Convolution-like layers look near, later ones far.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from ..attention import attention_maps, distance
from ..attention.walk import on_grid
from ..schema import Explanation, UnsupportedError

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Attention distance"

supports = distance.supports


def explain(model: nn.Module, x: Tensor, target: int, *, layer: int = -1, head: int | None = None) -> Explanation:
    """One map (gy, gx) in pixels of the model input, unsigned; ``target`` does not matter.

    layer: Layer, counted from 0; negative counts from the last one in which patches ask, -1.
    head: Attention head, counted from 0; none is the mean over all heads.

    Raises UnsupportedError for an architecture that is not covered, a layer or head that does not exist, or a layer in
    which no patch asks.
    """
    _, maps = attention_maps(model, x)
    if not -len(maps.layers) <= layer < len(maps.layers):
        raise UnsupportedError(f"There is no layer {layer}: this model has {len(maps.layers)}, counted from 0.")
    asking = [index for index, each in enumerate(maps.layers) if distance.patches_ask(each.place)]
    if layer < 0:
        layer = asking[max(layer, -len(asking))] if asking else layer
    chosen = maps.layers[layer]
    if head is not None and not 0 <= head < chosen.heads:
        raise UnsupportedError(f"There is no head {head}: this layer has {chosen.heads}, counted from 0.")
    values = distance.query_distances(maps, layer)
    if np.isnan(values).all():
        raise UnsupportedError("No patch asks in this layer; choose an earlier one.")
    one = values.mean(axis=0) if head is None else values[head]
    tokens, asked = chosen.place.after, ~np.isnan(one)
    # A coarse patch stands for all that it covers: the value stays, not the sum.
    sums, counts = (
        on_grid(np.pad(each, (tokens.prefix, 0)), maps, layer, handed_on=True)
        for each in (np.where(asked, one, 0.0).astype(one.dtype), asked.astype(one.dtype))
    )
    fine = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    means = [float(np.nanmean(each)) for each in distance.attention_distances(maps) if not np.isnan(each).all()]
    blank = float(np.isnan(fine).mean())
    unread = f" {blank:.0%} of the patches are part of none that asks in this layer, and blank." if blank else ""
    which = "mean of the heads" if head is None else f"head {head + 1}"
    return Explanation(
        maps=fine.reshape(1, *maps.grid),
        titles=(f"Layer {range(len(maps.layers))[layer] + 1} of {len(maps.layers)}, {which}, pixels",),
        signed=False,
        unit="pixels of the model input",
        caption="Attention times distance, in pixels of the model input; attention on class tokens counts as 0."
        + unread,
        numbers={
            "layer": chosen.name,
            "mean_pixels": float(np.nanmean(one)),
            "first_layer_pixels": means[0],
            "last_layer_pixels": means[-1],
        },
    )
