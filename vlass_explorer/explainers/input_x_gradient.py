"""Input times gradient: how much each pixel adds to the label's logit if the model were linear around the cutout.

Shrikumar et al. 2016, arXiv:1605.01713, with the difference to a baseline in place of the input itself.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..attribution import BASELINE_WORDS, Baseline, baseline_image, gradient, pixel_map, supports
from ..private import differentiable
from ..schema import Explanation

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Input × gradient"
ZERO = "The logit does not change with any pixel, or all pixels are zero."


def explain(model: nn.Module, x: Tensor, target: int, *, baseline: Baseline = "zero") -> Explanation:
    """One signed map (H, W) in logits a pixel, summed over channels.

    baseline: What counts as no input: empty sky (zero), noise like that of the cutout, the cutout blurred, or the mean
        of the data set.
    """
    with differentiable(model) as copy:
        x = x.detach().clone()
        attribution = gradient(copy, x, target) * (x.detach() - baseline_image(model, x, baseline))
    return Explanation(
        maps=pixel_map(attribution),
        titles=(TITLE,),
        signed=True,
        unit="change of the logit a pixel, first order",
        caption=f"Gradient of the logit times the difference to {BASELINE_WORDS[baseline]}: first order only.",
        numbers={"baseline": BASELINE_WORDS[baseline]},
    )
