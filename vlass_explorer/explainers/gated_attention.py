"""Gated attention of ConViT: what a head finds by content, what by position, and how the gate mixes the two.

d'Ascoli et al. 2021, arXiv:2103.10697. A gate near 1 is a head that stayed local, near 0 one that learned to look.
"""

from __future__ import annotations

import numpy as np
from timm.models.convit import GPSA
from torch import Tensor, nn

from ..attention import gated
from ..schema import Explanation, UnsupportedError

TITLE = "Gated attention (ConViT)"


def supports(model: nn.Module) -> tuple[bool, str]:
    """Models with gated positional attention."""
    if any(type(module) is GPSA for module in model.modules()):
        return True, ""
    return False, "This model has no gated positional attention; ConViT has."


def explain(
    model: nn.Module, x: Tensor, target: int, *, layer: int = 0, head: int = 0, query: int | None = None
) -> Explanation:
    """Three maps (gy, gx) of one patch: by content, by position, mixed; unsigned; ``target`` does not matter.

    layer: Gated layer, counted from 0; negative counts from the last, -1.
    head: Attention head, counted from 0.
    query: Patch that asks (row * columns + column, row 0 at the bottom); none is the central one.

    Raises UnsupportedError for a model without gates, or a layer, head or patch that does not exist.
    """
    layers = gated.gated_layers(model, x)
    if not -len(layers) <= layer < len(layers):
        raise UnsupportedError(f"There is no layer {layer}: {len(layers)} are gated, counted from 0.")
    chosen = layers[layer]
    if not 0 <= head < len(chosen.gate):
        raise UnsupportedError(f"There is no head {head}: this layer has {len(chosen.gate)}, counted from 0.")
    gy, gx = gated.patch_grid(model, x)
    if query is not None and not 0 <= query < gy * gx:
        raise UnsupportedError(f"There is no patch {query}: patches are row * {gx} + column, below {gy * gx}.")
    patch = gy // 2 * gx + gx // 2 if query is None else query
    gate = float(chosen.gate[head])
    content, position = chosen.content[head, patch], chosen.position[head, patch]
    maps = np.stack([content, position, (1.0 - gate) * content + gate * position]).reshape(3, gy, gx)
    return Explanation(
        maps=maps,
        titles=("By content", "By position", f"Mixed, gate {gate:.2f}"),
        signed=False,
        unit="share of attention",
        caption=f"Of patch row {patch // gx}, column {patch % gx}: {1.0 - gate:.0%} content, {gate:.0%} position.",
        numbers={
            "layer": chosen.name,
            "gate": gate,
            "nonlocality_patches": float(chosen.nonlocality[head]),
            **{f"gate_layer_{number}": float(each.gate.mean()) for number, each in enumerate(layers)},
        },
    )
