"""Attention of one layer: from the read-out or from one patch, mean over the heads or one head.

Vaswani et al. 2017, arXiv:1706.03762. It shows where attention flowed and is the same for every label.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attention import attention_maps, has_readout, layer_map, layer_row, padding_share, supports
from ..schema import Explanation

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Attention of one layer"


def explain(
    model: nn.Module, x: Tensor, target: int, *, layer: int = -1, head: int | None = None, query: int | None = None
) -> Explanation:
    """One map (gy, gx) on the grid of the first layer, raw attention, unsigned; ``target`` does not matter.

    layer: Layer, counted from 0; negative counts from the last, -1.
    head: Attention head, counted from 0; none is the mean over all heads.
    query: Patch to start from (row * columns + column, row 0 at the bottom) instead of the read-out.

    Raises UnsupportedError for an architecture that is not covered or a layer, head or patch that does not exist.
    """
    _, maps = attention_maps(model, x, head_fusion="mean", whole=() if head is None else (layer,))
    row, place = layer_row(maps, layer, head, query), maps.layers[layer].place
    values = layer_map(maps, layer, head, query)
    number = range(len(maps.layers))[layer] + 1
    which = "mean of the heads" if head is None else f"head {head + 1}"
    caption = "Where attention flowed, not a cause."
    if query is None and not has_readout(maps, layer):
        late = maps.kind == "late_class_token"
        why = "The class token has not joined in this layer" if late else "The head does not read this layer itself"
        caption += f" {why}: the mean over all patches is shown."
    return Explanation(
        maps=values[None],
        titles=(f"Layer {number} of {len(maps.layers)}, {which}",),
        signed=False,
        unit="share of attention",
        caption=caption,
        numbers={
            "layer": maps.layers[layer].name,
            "heads": maps.layers[layer].heads,
            "token_graph": maps.kind,
            "prefix_share": float(row[: place.before.prefix].sum()),
            "padding_share": padding_share(row),
        },
    )
