"""Scores of one epoch for the curves; the report of record is vlass_explorer.metrics."""

from __future__ import annotations

import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor


def quick(labels: Tensor, logits: Tensor) -> dict[str, float]:
    """Loss, accuracy and macro F1 of logits (N, K) against labels (N,)."""
    guess = logits.argmax(dim=1)
    return {
        "val_loss": float(F.cross_entropy(logits, labels)),
        "val_accuracy": float(accuracy_score(labels, guess)),
        "val_macro_f1": float(f1_score(labels, guess, average="macro", labels=range(logits.shape[1]), zero_division=0)),
    }
