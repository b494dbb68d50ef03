"""Transformed input: the picture before and after the spatial transformer of a model.

Jaderberg et al. 2015, "Spatial Transformer Networks" (arXiv:1506.02025), figure 1 (a) and (c). The second picture has
axes of its own: a place in it is not a place on the sky.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import warp
from ..schema import Explanation
from . import spatial_transformer

TITLE = "Transformed input"
ON_SKY = False
ZERO = "The image is empty."


def supports(model: nn.Module) -> tuple[bool, str]:
    """Models that turn, shift and scale their own input."""
    return spatial_transformer.supports(model)


def explain(model: nn.Module, x: Tensor, target: int) -> Explanation:
    """Two maps (S, S), unsigned: mean over the channels of what was given and of what was made; ``target`` is not used.

    Values are those of the model input less their minimum. Raises UnsupportedError for a model without a spatial
    transformer.
    """
    both = torch.cat([x[:1], warp.made(model, x[:1])]).float().mean(1)
    return Explanation(
        maps=(both - both.min()).cpu().numpy(),
        titles=("Given to the transformer", "Made by the transformer"),
        signed=False,
        caption="Both are in the values of the model input; the second has axes of its own and zeros beyond the field.",
        on_sky=False,
        unit="model input, from its minimum",
    )
