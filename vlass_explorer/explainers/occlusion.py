"""Occlusion: how far the label's logit falls when a window of the cutout is covered.

Zeiler and Fergus 2014, arXiv:1311.2901, computed by captum. It asks the model only and needs no gradient; windows
overlap, and each pixel shows the mean over those that cover it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..attribution import BASELINE_WORDS, BATCH_SIZE, Baseline, baseline_image, supports, with_progress
from ..private import private_copy
from ..schema import Explanation, UnsupportedError

__all__ = ["TITLE", "explain", "supports"]

TITLE = "Occlusion"
ZERO = "Covering any part leaves the score as it is."


def explain(
    model: nn.Module,
    x: Tensor,
    target: int,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline = "zero",
) -> Explanation:
    """One signed map (H, W) in logits: positive where covering lowers the logit.

    window: Side of the covered square in pixels of the model input; none is an eighth of the shorter side.
    stride: Pixels from one window to the next; none is half a window.
    baseline: What covers: empty sky (zero), noise like that of the cutout, the cutout blurred, or the mean of the data
        set.

    Raises UnsupportedError for a window that does not fit or a stride outside 1..window.
    """
    # Here and not above: captum takes a second to import and only this function needs it.
    from captum.attr import Occlusion

    _, chans, height, width = x.shape
    side = max(min(height, width) // 8, 1) if window is None else window
    step = max(side // 2, 1) if stride is None else stride
    if not 1 <= side <= min(height, width):
        raise UnsupportedError(f"A window of {side} pixels does not fit on an input of {height} x {width}.")
    if not 1 <= step <= side:
        raise UnsupportedError(f"The stride must be 1 to {side} pixels, the side of the window, to cover every pixel.")
    places = (-(-(height - side) // step) + 1) * (-(-(width - side) // step) + 1)
    with torch.inference_mode(False), torch.no_grad():
        x = x.detach().clone()
        attribution = Occlusion(with_progress(private_copy(model), places + 1)).attribute(
            x,
            (chans, side, side),
            strides=(chans, step, step),
            target=target,
            perturbations_per_eval=BATCH_SIZE,
            baselines=baseline_image(model, x, baseline),
        )
    return Explanation(
        maps=attribution[0, 0][None].float().cpu().numpy(),  # all channels are covered at once and show the same
        titles=(f"{TITLE}, {side} pixels",),
        signed=True,
        caption=f"Fall of the logit where a window is covered with {BASELINE_WORDS[baseline]}.",
        numbers={"window": side, "stride": step, "windows": places, "baseline": BASELINE_WORDS[baseline]},
    )
