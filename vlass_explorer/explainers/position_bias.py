"""Position bias: what a layer adds to attention for each offset between two patches, before it looks at the cutout.

Relative tables (Liu et al. 2021, Swin, arXiv:2103.14030), the networks that replace them, decomposed vectors, ConViT's
position scores. It belongs to the model, not the cutout.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from ..attention.position_bias import position_biases, supports
from ..schema import Explanation, UnsupportedError

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Position bias"
ON_SKY = False


def explain(model: nn.Module, x: Tensor, target: int, *, layer: int = 0, head: int | None = None) -> Explanation:
    """One signed map (2 wy - 1, 2 wx - 1) of offsets, the patch that asks in the middle; ``target`` does not matter.

    layer: Layer with such a bias, counted from 0; negative counts from the last, -1.
    head: Attention head, counted from 0; none is the mean over all heads.

    Raises UnsupportedError for a model that places no patches relative to each other, or a layer or head that does not
    exist.
    """
    found = position_biases(model)
    if not -len(found) <= layer < len(found):
        raise UnsupportedError(f"There is no layer {layer}: {len(found)} have a position bias, counted from 0.")
    chosen = found[layer]
    if head is not None and not 0 <= head < len(chosen.kernel):
        raise UnsupportedError(f"There is no head {head}: this layer has {len(chosen.kernel)}, counted from 0.")
    kernel = chosen.kernel.mean(axis=0) if head is None else chosen.kernel[head]
    words = "added to the score of attention" if chosen.kind == "bias" else "cosine with the vector of no offset"
    gate = {} if chosen.gate is None else {"gate": float(chosen.gate.mean() if head is None else chosen.gate[head])}
    return Explanation(
        on_sky=False,
        maps=np.nan_to_num(kernel, nan=0.0)[None].astype(np.float32),
        titles=(f"{chosen.name}, {'mean of the heads' if head is None else f'head {head + 1}'}",),
        signed=True,
        unit="added to attention before the softmax",
        caption=f"By offset of the patch that answers, {words}; the same for every cutout.",
        numbers={"layer": chosen.name, "heads": len(chosen.kernel), "kind": chosen.kind, **gate},
    )
