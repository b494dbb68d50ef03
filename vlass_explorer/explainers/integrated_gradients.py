"""Integrated gradients: how much each pixel adds to the label's logit on the way from a baseline to the cutout.

Sundararajan, Taly and Yan 2017, arXiv:1703.01365, computed by captum. Pixels should add up to the change of the logit;
steps are doubled until they do within 5 %, and the error is always shown.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from ..schema import Explanation, InputSpec, UnsupportedError

TITLE = "Integrated gradients"
TOLERANCE = 0.05
FIRST_STEPS = 50
BATCH_SIZE = 25  # images a backward pass, which bounds the memory

Baseline = Literal["zero", "blur", "black"]


def supports(model: nn.Module) -> tuple[bool, str]:
    """Every differentiable classifier is supported; one without a parameter is not."""
    if next(model.parameters(), None) is None:
        return False, "This model has no parameters."
    return True, ""


def explain(
    model: nn.Module, x: Tensor, target: int, *, baseline: Baseline = "zero", max_steps: int = 400
) -> Explanation:
    """One signed map (H, W) in logits a pixel, summed over channels.

    baseline: Start of the path: empty sky (zero), the cutout blurred to an eighth of its side, or the tensor 0 (black).
    max_steps: Steps are doubled from 50 up to this many until the map is complete within 5 %.

    Raises UnsupportedError where ``max_steps`` is below 1. ``numbers``: completeness_error
    (|sum - change of logit| / |change of logit|), steps, converged, baseline, target_score_difference.
    """
    # Here and not above: captum takes a second to import and only this function needs it.
    from captum.attr import IntegratedGradients

    if max_steps < 1:
        raise UnsupportedError("Integrated gradients need at least one step.")
    with torch.inference_mode(False), torch.enable_grad():
        _leave_inference_mode(model)
        x = x.detach().clone()
        start = _baseline(model, x, baseline)
        with torch.no_grad():
            difference = float((model(x)[0, target] - model(start)[0, target]).double())
        method = IntegratedGradients(model)
        steps = min(FIRST_STEPS, max_steps)
        while True:
            attribution = method.attribute(
                x, start, target=target, n_steps=steps, internal_batch_size=BATCH_SIZE
            ).detach()  # fmt: skip
            error = completeness_error(float(attribution.double().sum()), difference)
            if error <= TOLERANCE or steps >= max_steps:
                break
            steps = min(2 * steps, max_steps)
    converged = error <= TOLERANCE
    words = {"zero": "empty sky", "blur": "the cutout blurred", "black": "a black image"}[baseline]
    caption = f"Share of each pixel in the logit, from {words}; completeness error {error:.1%} at {steps} steps."
    return Explanation(
        maps=attribution[0].sum(dim=0)[None].cpu().numpy(),
        titles=(TITLE if converged else f"{TITLE}, not converged",),
        signed=True,
        caption=caption if converged else f"{caption} Not converged: read with care.",
        numbers={
            "completeness_error": error,
            "steps": steps,
            "converged": converged,
            "baseline": words,
            "target_score_difference": difference,
        },
    )


def completeness_error(total: float, difference: float) -> float:
    """Relative error of attributions that should sum to the change of the logit; 0 where both are 0."""
    return abs(total - difference) / max(abs(difference), float(np.finfo(np.float32).tiny))


def _baseline(model: nn.Module, x: Tensor, kind: Baseline) -> Tensor:
    if kind == "black":
        return torch.zeros_like(x)
    if kind == "blur":
        sigma = (0, 0, x.shape[-2] / 8, x.shape[-1] / 8)
        return torch.from_numpy(gaussian_filter(x.cpu().numpy(), sigma, mode="nearest")).to(x)
    # Empty sky in the model's own input; a model without a description takes its images as they are.
    spec = getattr(model, "input_spec", None)
    if not isinstance(spec, InputSpec):
        return torch.zeros_like(x)
    fill = (spec.nan_fill - np.asarray(spec.mean)) / np.asarray(spec.std)
    return torch.as_tensor(fill, dtype=x.dtype, device=x.device).view(1, -1, 1, 1).expand_as(x).clone()


def _leave_inference_mode(model: nn.Module) -> None:
    """Copy buffers that a forward pass under inference mode made (ConViT caches one); autograd refuses those."""
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_inference():
                setattr(module, name, buffer.clone())
