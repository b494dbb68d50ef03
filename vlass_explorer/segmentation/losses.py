"""Losses of logits (B, K, H, W) against masks (B, H, W) of class indices; pixels of ``IGNORE`` have no part in any.

Each is a scalar, and 0 where no pixel has a label.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..schema import IGNORE


def cross_entropy(logits: Tensor, masks: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Mean over the labelled pixels, weighed by class where ``weight`` (K) is given."""
    total = F.cross_entropy(logits, masks, weight=weight, ignore_index=IGNORE, reduction="sum")
    labelled = masks[masks != IGNORE]
    count = torch.as_tensor(labelled.numel()) if weight is None else weight[labelled].sum()
    return total / count.clamp(min=1e-12)


def dice(logits: Tensor, masks: Tensor) -> Tensor:
    """One minus the mean, over the classes in the masks, of 2 Σ p t / (Σ p + Σ t) of softmax scores p and truth t.

    Sums run over all labelled pixels of the batch. Milletari et al. 2016 (arXiv:1606.04797), without their squares.
    """
    valid = masks != IGNORE
    labels, classes = masks[valid], logits.shape[1]
    scores = logits.float().softmax(1)
    # The true class's score of each pixel, added up by class: no plane of zeros and ones a class is needed.
    own = scores.gather(1, masks.where(valid, 0)[:, None])[:, 0][valid]
    truth = torch.bincount(labels, minlength=classes).to(own)
    both = torch.zeros_like(truth).index_add(0, labels, own)
    sums, present = (scores * valid[:, None]).sum((0, 2, 3)) + truth, truth > 0
    shares = 2 * both / sums.clamp(min=1e-12)
    return ((1 - shares) * present).sum() / present.sum().clamp(min=1)


def focal(logits: Tensor, masks: Tensor, *, gamma: float = 2.0) -> Tensor:
    """Mean over the labelled pixels of -(1 - p)^gamma ln p of the true class's softmax score p.

    Lin et al. 2017 (arXiv:1708.02002), with a softmax for their sigmoid.
    """
    losses = F.cross_entropy(logits.float(), masks, ignore_index=IGNORE, reduction="none")
    losses = (1 - (-losses).exp()) ** gamma * losses
    return losses.sum() / (masks != IGNORE).sum().clamp(min=1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"cross_entropy": cross_entropy, "dice": dice, "focal": focal}
"""Name -> loss with its defaults."""
