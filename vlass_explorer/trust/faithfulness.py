"""Deletion and insertion: does the score fall when the most relevant pixels go, and return when they come back.

Petsiuk, Das and Saenko 2018 (RISE), arXiv:1806.07421, as torch-cam computes it: both ends included, trapezoids on the
true share of pixels. Pixels of one value go or come together, however many they are, and the trapezoid bridges them, as
a ROC curve bridges ties: those programs take them in the order of the file (RISE, torch-cam, Quantus), so that a map
with many zeros has another curve when image and map are turned. The numbers depend on steps, baseline and score, so the
protocol belongs to them; random maps on the same grid say what no explanation at all would reach (arXiv:2404.01415).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..attribution import BASELINE_WORDS, Baseline, baseline_image
from ..private import unrolled
from ..progress import report
from ..schema import FloatArray, UnsupportedError

Score = Literal["softmax", "logit"]
BATCH_SIZE = 32  # changed images a forward pass
TIED = 1e-12  # of the largest magnitude: what rounding makes of equal values when a map is enlarged


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Score of one label while pixels go (deletion) or come (insertion), most relevant first, beside random maps."""

    fractions: FloatArray
    """Share of pixels changed at each point (n,), from 0 to 1; uneven where many pixels are tied."""
    deletion: FloatArray
    insertion: FloatArray
    deletion_auc: float
    """Lower is better."""
    insertion_auc: float
    """Higher is better."""
    random_deletion_aucs: tuple[float, ...]
    random_insertion_aucs: tuple[float, ...]
    """One value a random map."""
    protocol: str
    """Steps, baseline, score and random maps in one sentence."""

    @property
    def gap(self) -> float:
        """Insertion minus deletion, less that of the random maps: above 0 the map is better than chance."""
        chance = np.mean(self.random_insertion_aucs) - np.mean(self.random_deletion_aucs)
        return self.insertion_auc - self.deletion_auc - float(chance)


def faithfulness(
    model: nn.Module,
    x: Tensor,
    target: int,
    relevance: FloatArray,
    *,
    steps: int = 50,
    baseline: Baseline = "zero",
    score: Score = "softmax",
    seeds: Sequence[int] = (0, 1, 2),
) -> Faithfulness:
    """Curves of a map (gy, gx) for one image (1, C, H, W) and one label, against random maps on the same grid.

    Maps are enlarged to the image bilinearly and pixels ranked from the highest value (signed maps: most positive
    first) to the lowest; a step ends with the last pixel of a value. At most ``2 * steps`` forward passes a map, in
    batches. Raises UnsupportedError without a step or without a seed.
    """
    if steps < 1 or not seeds:
        raise UnsupportedError("Deletion and insertion need at least one step and one random map.")
    shape = relevance.shape
    maps = [relevance, *(np.random.default_rng(seed).random(shape, np.float32) for seed in seeds)]
    asked = unrolled(model)
    with torch.inference_mode():
        start = baseline_image(model, x, baseline)
        answers = []
        for number, one in enumerate(maps):
            answers.append(_curves(asked, x, start, target, *_order(one, x, steps), score))
            report(number + 1, len(maps))
    areas = [[float(torch.trapezoid(curve, at)) for curve in curves] for at, *curves in answers]
    fractions, deletion, insertion = (part.cpu().numpy() for part in answers[0])
    count, unit = len(fractions) - 1, "softmax score" if score == "softmax" else "logit"
    return Faithfulness(
        fractions=fractions,
        deletion=deletion,
        insertion=insertion,
        deletion_auc=areas[0][0],
        insertion_auc=areas[0][1],
        random_deletion_aucs=tuple(deletion for deletion, _ in areas[1:]),
        random_insertion_aucs=tuple(insertion for _, insertion in areas[1:]),
        protocol=f"{count} step{'s' if count > 1 else ''}, tied pixels together, replaced with "
        f"{BASELINE_WORDS[baseline]}, {unit}, against {len(seeds)} random maps of {shape[0]} x {shape[1]} cells.",
    )


def _order(relevance: FloatArray, x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Place of each pixel in the order of relevance (H * W,), 0 the most relevant; pixels changed at each point (n,).

    In double precision on the CPU: a turned map is enlarged to the same values but for their last digits.
    """
    values = torch.from_numpy(np.ascontiguousarray(relevance, np.float64))
    enlarged = F.interpolate(values[None, None], x.shape[-2:], mode="bilinear", align_corners=False).flatten()
    falling, order = torch.sort(enlarged, descending=True, stable=True)
    pixels = len(order)
    parted = (falling[:-1] - falling[1:] > TIED * falling.abs().max()).nonzero()[:, 0] + 1
    ends = torch.cat([torch.tensor([0]), parted, torch.tensor([pixels])])
    wanted = torch.tensor([*range(0, pixels, -(-pixels // steps)), pixels])
    counts = ends[torch.searchsorted(ends, wanted)].unique()
    return torch.argsort(order).to(x.device), counts.to(x.device)


def _curves(
    model: nn.Module, x: Tensor, start: Tensor, target: int, ranks: Tensor, counts: Tensor, score: Score
) -> tuple[Tensor, Tensor, Tensor]:
    """Fractions, deletion and insertion, each (n,)."""
    changed = ranks < counts[:, None]
    # At the ends deletion and insertion are the same two images in reverse.
    keep = torch.cat([~changed, changed[1:-1]]).view(-1, 1, *x.shape[-2:])
    scores = []
    for mask in keep.split(BATCH_SIZE):
        logits = model(torch.where(mask, x, start)).float()
        scores.append((logits.softmax(dim=-1) if score == "softmax" else logits)[:, target])
    joined = torch.cat(scores)
    deletion = joined[: len(counts)]
    insertion = torch.cat([deletion[-1:], joined[len(counts) :], deletion[:1]])
    return counts.float() / len(ranks), deletion, insertion
