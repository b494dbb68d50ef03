"""Figures of an epoch's validation: of whole images from their logits, of pixels from what was added up of them."""

from __future__ import annotations

from collections.abc import Sequence

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from vlass_explorer.evaluation import metrics
from vlass_explorer.evaluation.masks import Tally
from vlass_explorer.evaluation.scores import softmax

OF_A_CLASS = ("val_auroc_", "val_iou_")
"""What the names of figures of one class begin with; they are kept and not shown."""


def validation_figures(labels: Tensor, logits: Tensor, label_names: Sequence[str] = ()) -> dict[str, float]:
    """Figures of an epoch from logits (N, K) and labels (N,), as in the report; AUROC of each named class, too.

    AUROC is not a number where a class is absent. The loss is the plain cross entropy: a report, which knows scores
    alone, counts one below 2e-16 as that.
    """
    truth, scores = labels.numpy(), softmax(logits).numpy()
    areas = zip(label_names, metrics.aurocs(truth, scores), strict=False)
    return {
        "val_loss": float(F.cross_entropy(logits, labels)),
        **{f"val_{name}": value for name, value in metrics.figures(truth, scores).items()},
        **{f"{OF_A_CLASS[0]}{name}": float(area) for name, area in areas},
    }


def mask_figures(trainer: pl.Trainer, tally: Tally, label_names: Sequence[str] = ()) -> dict[str, float]:
    """Figures of the pixels that all processes have added up, as in the report; IoU of each named class, too."""
    score = tally.score
    score.confusion = _summed(trainer, torch.from_numpy(score.confusion)).numpy()
    score.boundary = _summed(trainer, torch.from_numpy(score.boundary)).numpy()
    loss = _summed(trainer, torch.tensor([tally.loss, tally.labelled], dtype=torch.float64))
    tally.loss, tally.labelled = float(loss[0]), int(loss[1])
    return {
        **{f"val_{name}": value for name, value in tally.figures().items()},
        **{f"{OF_A_CLASS[1]}{name}": float(iou) for name, iou in zip(label_names, score.iou, strict=False)},
    }


def _summed(trainer: pl.Trainer, values: Tensor) -> Tensor:
    """The sum over all processes; each of them has to ask."""
    if trainer.world_size == 1:
        return values
    own = values.to(trainer.strategy.root_device)
    torch.distributed.all_reduce(own)
    return own.cpu()
