"""Feature ablation: how far the label's logit falls when a region is removed, a grid cell or an island of emission.

Covert, Lundberg and Lee 2021, arXiv:2011.14878, computed by captum. Islands are sources and lobes as an astronomer
would name them, so that the answer is one number each.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from ..attribution import BASELINE_WORDS, BATCH_SIZE, Baseline, background, baseline_image, supports, with_progress
from ..private import private_copy, unrolled
from ..schema import Explanation, FloatArray, UnsupportedError
from ..schema.bounds import Count

__all__ = ["TITLE", "explain", "islands", "supports"]

TITLE = "Feature ablation"
ZERO = "Removing any feature leaves the score as it is."
THRESHOLD = 5.0  # rms above the background
MOST_ISLANDS = 64


def explain(
    model: nn.Module,
    x: Tensor,
    target: int,
    *,
    regions: Literal["islands", "grid"] = "islands",
    cells: Count = 8,
    baseline: Baseline = "zero",
) -> Explanation:
    """One signed map (H, W) in logits, constant over each region: positive where removing it lowers the logit.

    regions: Connected emission above 5 rms of the model input, with the rest as one region; or square cells.
    cells: Cells on the shorter side of the grid.
    baseline: What replaces a region: empty sky (zero), noise like that of the cutout, the cutout blurred, or the mean
        of the data set.

    Raises UnsupportedError for a number of cells that does not fit.
    ``numbers``: regions, strongest, the largest fall of the logit.
    """
    # Here and not above: captum takes a second to import and only this function needs it.
    from captum.attr import FeatureAblation

    height, width = x.shape[-2:]
    if regions == "grid":
        if not 1 <= cells <= min(height, width):
            raise UnsupportedError(f"A grid of {cells} cells does not fit on an input of {height} x {width} pixels.")
        side = min(height, width) / cells
        rows, columns = ((np.arange(n) / side).astype(int) for n in (height, width))
        labels = rows[:, None] * (columns[-1] + 1) + columns
    else:
        labels = islands(x.detach().float().mean(dim=1)[0].cpu().numpy())
    count = int(labels.max()) + 1
    with torch.inference_mode(False), torch.no_grad():
        x = x.detach().clone()
        attribution = FeatureAblation(with_progress(private_copy(unrolled(model)), count + 1)).attribute(
            x,
            target=target,
            feature_mask=torch.from_numpy(labels)[None, None].to(x.device),
            perturbations_per_eval=BATCH_SIZE,
            baselines=baseline_image(model, x, baseline),
        )
    values = attribution[0, 0][None].float().cpu().numpy()
    what = "cells" if regions == "grid" else f"{count - 1} islands of emission above 5 rms and the rest"
    return Explanation(
        maps=values,
        titles=(f"{TITLE}, {count} region{'s' if count > 1 else ''}",),
        signed=True,
        unit="fall of the logit",
        caption=f"Fall of the logit where a region is replaced with {BASELINE_WORDS[baseline]}: {what}.",
        numbers={"regions": count, "strongest": float(values.max()), "baseline": BASELINE_WORDS[baseline]},
    )


def islands(image: FloatArray) -> NDArray[np.int64]:
    """Label (H, W) of connected pixels above 5 rms: 1 is the brightest island, 0 everything else.

    Where the noise was clipped away (MAD 0), every pixel above the median is emission. At most 64 islands, those with
    the largest sum, are told apart.
    """
    level, rms = background(image)
    found, count = ndimage.label(image > level + THRESHOLD * rms, structure=np.ones((3, 3)))
    if count == 0:
        return np.zeros(image.shape, np.int64)
    sums = ndimage.sum_labels(image - level, found, np.arange(1, count + 1))
    names = np.zeros(count + 1, np.int64)
    order = np.argsort(-sums, kind="stable")[:MOST_ISLANDS]
    names[order + 1] = np.arange(1, len(order) + 1)
    return names[found]
