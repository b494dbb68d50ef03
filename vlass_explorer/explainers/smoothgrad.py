"""SmoothGrad: gradient of the label's logit, averaged over copies of the cutout with noise added.

Smilkov et al. 2017, arXiv:1706.03825. Single gradients flicker from pixel to pixel; their mean does so less.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..attribution import BATCH_SIZE, gradient, pixel_map, supports
from ..private import differentiable
from ..progress import report
from ..schema import Explanation, UnsupportedError
from ..schema.bounds import Count, NotNegative

__all__ = ["TITLE", "explain", "supports"]

TITLE = "SmoothGrad"
ZERO = "The logit does not change with any pixel, also with noise added."


def explain(
    model: nn.Module, x: Tensor, target: int, *, noise: NotNegative = 0.15, samples: Count = 50, seed: int = 0
) -> Explanation:
    """One signed map (H, W) in logits a unit of the model input, summed over channels.

    noise: Rms of the added noise as a share of the range of the input; the paper uses 0.1 to 0.2.
    samples: Noisy copies of the cutout.
    seed: Start of the random numbers.

    Raises UnsupportedError without a sample or with a negative noise.
    """
    if samples < 1 or noise < 0:
        raise UnsupportedError("SmoothGrad needs at least one sample and a noise of 0 or more.")
    # A generator of its own: captum's NoiseTunnel draws from the one that all threads share.
    generator = torch.Generator().manual_seed(seed)
    with differentiable(model) as copy:
        x = x.detach().clone()
        rms = float(noise * (x.max() - x.min()))
        total = torch.zeros_like(x)
        for done in range(0, samples, BATCH_SIZE):
            count = min(BATCH_SIZE, samples - done)
            drawn = torch.randn((count, *x.shape[1:]), generator=generator).to(x)
            total += gradient(copy, x + rms * drawn, target).sum(dim=0, keepdim=True)
            report(done + count, samples)
    return Explanation(
        maps=pixel_map(total / samples),
        titles=(TITLE,),
        signed=True,
        unit="logit for one unit of input",
        caption=f"Mean gradient of the logit over {samples} noisy copies: where a brighter pixel would raise it.",
        numbers={"samples": samples, "noise_rms": rms},
    )
