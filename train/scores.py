"""Scores of one epoch for the curves; the report of record is vlass_explorer.evaluation.metrics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor

from vlass_explorer.evaluation.metrics import aurocs

OF_A_CLASS = "val_auroc_"


def quick(labels: Tensor, logits: Tensor, label_names: Sequence[str] = ()) -> dict[str, float]:
    """Loss, accuracy, macro F1 and AUROC of logits (N, K) against labels (N,); AUROC of each named class, too.

    AUROC is of softmax scores, not a number where a class is absent.
    """
    guess = logits.argmax(dim=1)
    areas = aurocs(labels.numpy(), logits.double().softmax(dim=1).numpy())
    known = areas[np.isfinite(areas)]
    return {
        "val_loss": float(F.cross_entropy(logits, labels)),
        "val_accuracy": float(accuracy_score(labels, guess)),
        "val_macro_f1": float(f1_score(labels, guess, average="macro", labels=range(logits.shape[1]), zero_division=0)),
        "val_macro_auroc": float(known.mean()) if len(known) else float("nan"),
        **{f"{OF_A_CLASS}{name}": float(area) for name, area in zip(label_names, areas, strict=False)},
    }
