"""HiResCAM: features of the last layer times the gradient of the label's logit at the same place.

Draelos and Carin 2020, arXiv:2011.08891. Where the head averages the layer and is linear, the map adds up to the logit
without its bias.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..layers import FeatureMap, feature_map, feature_maps, supports
from ..schema import Explanation

__all__ = ["TITLE", "explain", "explain_each", "supports"]

TITLE = "HiResCAM"
ZERO = "Nothing there raises the label's logit; what lowers it is cut at zero."


def explain(model: nn.Module, x: Tensor, target: int, *, layer: str = "") -> Explanation:
    """One signed map (gy, gx) on the grid of the layer, in logits a cell.

    layer: Name of the module whose features are shown; empty is the last one in which every patch still counts.

    Raises UnsupportedError where no layer is a map over the image, or the named one is not.
    """
    return _explained(feature_map(model, x, target, layer))


def explain_each(model: nn.Module, images: Tensor, target: int, *, layer: str = "") -> list[Explanation]:
    """``explain`` of each image (B, C, H, W), all in one pass."""
    return [_explained(found) for found in feature_maps(model, images, target, layer)]


def _explained(found: FeatureMap) -> Explanation:
    values = (found.gradient * found.values).sum(dim=0)
    return Explanation(
        maps=values[None].float().cpu().numpy(),
        titles=(f"{TITLE} of {found.layer}",),
        signed=True,
        unit="added to the logit, first order",
        caption=f"What each place of {found.layer} adds to the logit, to first order.",
        numbers=found.numbers,
    )
