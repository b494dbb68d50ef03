"""Integrated gradients: how much each pixel adds to the label's logit on the way from a baseline to the cutout.

Sundararajan, Taly and Yan 2017, arXiv:1703.01365, computed by captum. Pixels should add up to the change of the logit;
steps are doubled until they do within 5 %, and the error is always shown.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..attribution import (
    BASELINE_WORDS,
    BATCH_SIZE,
    Baseline,
    baseline_image,
    completeness_error,
    pixel_map,
    supports,
    with_progress,
)
from ..private import differentiable
from ..progress import report
from ..schema import Explanation, UnsupportedError
from ..schema.bounds import Count

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Integrated gradients"
ZERO = "The logit does not change on the way from the baseline, or the input is the baseline."
TOLERANCE = 0.05
FIRST_STEPS = 50


def explain(
    model: nn.Module, x: Tensor, target: int, *, baseline: Baseline = "zero", max_steps: Count = 400
) -> Explanation:
    """One signed map (H, W) in logits a pixel, summed over channels.

    baseline: Start of the path: empty sky (zero), noise like that of the cutout, the cutout blurred to an eighth of its
        side, or the mean of the data set.
    max_steps: Steps are doubled from 50 up to this many until the map is complete within 5 %.

    Raises UnsupportedError where ``max_steps`` is below 1. ``numbers``: completeness_error
    (|sum - change of logit| / |change of logit|), steps, converged, baseline, target_score_difference.
    """
    # Here and not above: captum takes a second to import and only this function needs it.
    from captum.attr import IntegratedGradients

    if max_steps < 1:
        raise UnsupportedError("Integrated gradients need at least one step.")
    with differentiable(model) as copy:
        x = x.detach().clone()
        start = baseline_image(model, x, baseline)
        with torch.no_grad():
            difference = float((copy(x)[0, target] - copy(start)[0, target]).double())
        plan = _step_counts(max_steps)
        method = IntegratedGradients(with_progress(copy, sum(plan)))
        for steps in plan:
            attribution = method.attribute(
                x, start, target=target, n_steps=steps, internal_batch_size=BATCH_SIZE
            ).detach()
            error = completeness_error(float(attribution.double().sum()), difference)
            if error <= TOLERANCE:
                break
        report(1, 1)
    converged = error <= TOLERANCE
    words = BASELINE_WORDS[baseline]
    caption = f"Share of each pixel in the logit, from {words}; completeness error {error:.1%} at {steps} steps."
    return Explanation(
        maps=pixel_map(attribution),
        titles=(TITLE if converged else f"{TITLE}, not converged",),
        signed=True,
        unit="change of the logit a pixel",
        caption=caption if converged else f"{caption} Not converged: read with care.",
        numbers={
            "completeness_error": error,
            "steps": steps,
            "converged": converged,
            "baseline": words,
            "target_score_difference": difference,
        },
    )


def _step_counts(most: int) -> list[int]:
    """Steps of each attempt: 50, then doubled up to the limit, which always is the last."""
    counts = [min(FIRST_STEPS, most)]
    while counts[-1] < most:
        counts.append(min(2 * counts[-1], most))
    return counts
