"""Spatial transformer: the part of the sky that the model sampled, and what it made of shift, scale and turn.

Jaderberg et al. 2015, "Spatial Transformer Networks" (arXiv:1506.02025). The outline is what the network was shown as
its whole square picture; brighter pixels gave more of that picture than darker ones.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from .. import warp
from ..schema import Explanation, UnsupportedError

TITLE = "Spatial transformer"
ZERO = "All of it was sampled outside of the field, where there is nothing."


def supports(model: nn.Module) -> tuple[bool, str]:
    """Models that turn, shift and scale their own input."""
    try:
        warp.sampler(model)
    except UnsupportedError as error:
        return False, str(error)
    return True, ""


def explain(model: nn.Module, x: Tensor, target: int) -> Explanation:
    """One map (S, S), unsigned: pixels of the result that each input pixel gave; ``target`` does not matter.

    ``outline`` is the parallelogram that was sampled. Shifts are in pixels of the model input, x to the right and y
    upwards, the turn in degrees from x to y. Raises UnsupportedError for a model without a spatial transformer.
    """
    matrix = warp.theta(model, x[:1])[0]
    side = np.array(x.shape[:1:-1]) / 2  # (x, y)
    found = warp.of_matrix(matrix[:, :2], matrix[:, 2] * side)
    shear = "" if found.is_similar else " It is no similarity: it stretches or shears, as longest and shortest say."
    return Explanation(
        maps=warp.density(matrix[None], int(x.shape[-1])),
        titles=("Where it sampled",),
        signed=False,
        caption="The outlined part is what the network saw as its whole picture, zero where it leaves the field."
        + shear,
        numbers={
            "shift_x_pixels": found.shift[0],
            "shift_y_pixels": found.shift[1],
            "scale": found.scale,
            "turn_degrees": found.turn,
            "longest": found.longest,
            "shortest": found.shortest,
            "mirrored": found.is_mirrored,
        },
        unit="pixels made of a pixel",
        outline=warp.corners(matrix),
    )
