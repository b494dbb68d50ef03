"""GradientSHAP: Shapley values estimated from gradients at random points between empty skies and the cutout.

Lundberg and Lee 2017, arXiv:1705.07874; as expected gradients in Erion et al. 2021, arXiv:1906.10670. Integrated
gradients averaged over many baselines: here skies with noise of their own.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..attribution import (
    BATCH_SIZE,
    background,
    baseline_image,
    completeness_error,
    gradient,
    pixel_map,
    supports,
)
from ..private import differentiable
from ..progress import report
from ..schema import Explanation, UnsupportedError
from ..schema.bounds import Count

__all__ = ["TITLE", "explain", "supports"]

TITLE = "GradientSHAP"
ZERO = "The logit does not change on the way from the baselines, or the input is one of them."

Skies = Literal["noisy", "plain"]


def explain(
    model: nn.Module, x: Tensor, target: int, *, skies: Skies = "noisy", samples: Count = 100, seed: int = 0
) -> Explanation:
    """One signed map (H, W) in logits a pixel, summed over channels.

    skies: Empty skies with noise like that of the cutout (1.4826 MAD), or one sky without.
    samples: Random points, spread evenly along the ways from so many skies to the cutout.
    seed: Start of the random numbers.

    Raises UnsupportedError without a sample. ``numbers``: completeness_error, the difference
    between the sum of the map and the change of the logit, relative to that change.
    """
    if samples < 1:
        raise UnsupportedError("GradientSHAP needs at least one sample.")
    # A generator of its own: captum's GradientShap draws from the ones that all threads share.
    generator = torch.Generator().manual_seed(seed)
    with differentiable(model) as copy:
        x = x.detach().clone()
        sky = baseline_image(model, x, "zero")
        rms = torch.from_numpy(background(x.cpu().numpy())[1]).to(x) if skies == "noisy" else 0.0
        total = torch.zeros_like(x)
        # Where the noise was clipped away all skies are one: it is asked about once.
        one_sky = skies == "plain" or not bool(torch.as_tensor(rms).any())
        with torch.no_grad():
            score = copy(x)[0, target]
            change = samples * float((score - copy(sky)[0, target]).double()) if one_sky else 0.0
        for done in range(0, samples, BATCH_SIZE):
            count = min(BATCH_SIZE, samples - done)
            starts = sky + rms * torch.randn((count, *x.shape[1:]), generator=generator).to(x)
            # One point in each of as many equal parts of the way: the same mean with far less scatter.
            part = torch.arange(done, done + count).view(-1, 1, 1, 1)
            way = ((part + torch.rand((count, 1, 1, 1), generator=generator)) / samples).to(x)
            total += (gradient(copy, starts + way * (x - starts), target) * (x - starts)).sum(dim=0, keepdim=True)
            if not one_sky:
                with torch.no_grad():
                    change += float((score - copy(starts)[:, target]).double().sum())
            report(done + count, samples)
    attribution, change = total / samples, change / samples
    error = completeness_error(float(attribution.double().sum()), change)
    return Explanation(
        maps=pixel_map(attribution),
        titles=(TITLE,),
        signed=True,
        unit="change of the logit a pixel",
        caption=f"Share of each pixel in the logit, from {samples} empty skies; completeness error {error:.1%}.",
        numbers={"samples": samples, "completeness_error": error, "target_score_difference": change},
    )
