"""Grad-CAM: features of the last layer over the image, weighted by the mean gradient of the label's logit.

Selvaraju et al. 2017, arXiv:1610.02391. Layer and token layout are found by themselves; what speaks against the label
is cut at zero.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..layers import FeatureMap, feature_map, feature_maps, supports
from ..schema import Explanation

__all__ = ["TITLE", "explain", "explain_each", "supports"]

TITLE = "Grad-CAM"
ZERO = "Nothing there raises the label's logit; what lowers it is cut at zero."


def explain(model: nn.Module, x: Tensor, target: int, *, layer: str = "") -> Explanation:
    """One map (gy, gx) on the grid of the layer, unsigned.

    layer: Name of the module whose features are shown; empty is the last one in which every patch still counts.

    Raises UnsupportedError where no layer is a map over the image, or the named one is not.
    """
    return _explained(feature_map(model, x, target, layer))


def explain_each(model: nn.Module, images: Tensor, target: int, *, layer: str = "") -> list[Explanation]:
    """``explain`` of each image (B, C, H, W), all in one pass."""
    return [_explained(found) for found in feature_maps(model, images, target, layer)]


def _explained(found: FeatureMap) -> Explanation:
    weights = found.gradient.mean(dim=(1, 2), keepdim=True)
    values = (weights * found.values).sum(dim=0).relu()
    return Explanation(
        maps=values[None].float().cpu().numpy(),
        titles=(f"{TITLE} of {found.layer}",),
        signed=False,
        unit="Grad-CAM, arbitrary unit",
        caption=f"Features of {found.layer} that raise the logit on average over the image.",
        numbers=found.numbers,
    )
