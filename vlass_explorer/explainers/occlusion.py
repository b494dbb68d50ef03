"""Occlusion: how far the label's logit falls when a window of the cutout is covered.

Zeiler and Fergus 2014, arXiv:1311.2901, with the windows of captum. It asks the model only and needs no gradient;
windows overlap, and each pixel shows the mean over those that cover it. Windows that change the same pixels, and those
that change none (empty sky over empty sky), are asked about once.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..attribution import BASELINE_WORDS, BATCH_SIZE, Baseline, baseline_image, supports, with_progress
from ..private import private_copy, unrolled
from ..progress import report
from ..schema import Explanation, FloatArray, UnsupportedError

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
    height, width = x.shape[-2:]
    side = max(min(height, width) // 8, 1) if window is None else window
    step = max(side // 2, 1) if stride is None else stride
    if not 1 <= side <= min(height, width):
        raise UnsupportedError(f"A window of {side} pixels does not fit on an input of {height} x {width}.")
    if not 1 <= step <= side:
        raise UnsupportedError(f"The stride must be 1 to {side} pixels, the side of the window, to cover every pixel.")
    places = [
        (slice(row * step, row * step + side), slice(column * step, column * step + side))
        for row in range(-(-(height - side) // step) + 1)
        for column in range(-(-(width - side) // step) + 1)
    ]
    with torch.inference_mode(False), torch.no_grad():
        falls = _falls(model, x.detach().clone(), target, places, baseline_image(model, x, baseline))
    total, times = np.zeros((height, width)), np.zeros((height, width))
    for place, fall in zip(places, falls, strict=True):  # a window over the edge is cut there
        total[place] += fall
        times[place] += 1
    return Explanation(
        maps=(total / times)[None].astype(np.float32),
        titles=(f"{TITLE}, {side} pixels",),
        signed=True,
        unit="fall of the logit",
        caption=f"Fall of the logit where a window is covered with {BASELINE_WORDS[baseline]}.",
        numbers={"window": side, "stride": step, "windows": len(places), "baseline": BASELINE_WORDS[baseline]},
    )


def _falls(model: nn.Module, x: Tensor, target: int, places: list[tuple[slice, slice]], cover: Tensor) -> FloatArray:
    """How far the logit falls under each window, one pass for each image that is unlike the others."""
    changes = (x != cover).any(dim=1)[0].cpu().numpy()
    pixel = np.arange(changes.size).reshape(changes.shape)
    keys = [pixel[place][changes[place]].tobytes() for place in places]
    unlike = {key: place for key, place in zip(keys, places, strict=True) if key}
    ask = with_progress(private_copy(unrolled(model)), len(unlike) + 1)
    whole = ask(x)[0, target].double()
    fallen, chosen = {b"": 0.0}, list(unlike.items())
    for start in range(0, len(chosen), BATCH_SIZE):
        some = chosen[start : start + BATCH_SIZE]
        images = x.repeat(len(some), 1, 1, 1)
        for image, (_, place) in zip(images, some, strict=True):
            image[:, *place] = cover[0][:, *place]
        scores = ask(images)[:, target].double()
        fallen |= dict(zip((key for key, _ in some), (whole - scores).tolist(), strict=True))
    report(1, 1)
    return np.array([fallen[key] for key in keys])
