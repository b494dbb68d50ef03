"""Labels and softmax scores to one Report: the figures on every card, computed in one place."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from .schema import FloatArray, Report

BINS = 15


def report(
    labels: ArrayLike,
    probabilities: ArrayLike,
    label_names: tuple[str, ...],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Report:
    """Report of label indices (N,) against softmax scores (N, K).

    Macro F1 averages the classes that occur in the labels or in the predictions, as scikit-learn does; its interval is
    the 2.5 to 97.5 percentile over ``bootstrap`` resamplings of the cutouts (it equals macro F1 twice for 0). AUROC is
    one class against the rest, NaN for a class that is absent or alone, and its macro average leaves those out.
    Raises ValueError for empty, non-finite or mismatched input.
    """
    truth, scores = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    classes = len(label_names)
    if not len(truth) or scores.shape != (len(truth), classes) or not np.isfinite(scores).all():
        raise ValueError(f"Scores must be finite and (N, {classes}) for N > 0 labels, got {scores.shape}.")
    if truth.min() < 0 or truth.max() >= classes:
        raise ValueError(f"Labels must lie in 0..{classes - 1}.")
    predicted = scores.argmax(axis=1)
    confusion = confusion_matrix(truth, predicted, labels=range(classes))
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=range(classes), zero_division=0
    )
    auroc = [_auroc(truth == index, scores[:, index]) for index in range(classes)]
    defined = [value for value in auroc if np.isfinite(value)]
    return Report(
        label_names=tuple(label_names),
        count=len(truth),
        accuracy=float((predicted == truth).mean()),
        macro_f1=float(macro_f1(confusion)),
        macro_f1_interval=_interval(confusion, bootstrap, seed),
        per_class={
            name: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "auroc": auroc[index],
                "support": float(support[index]),
            }
            for index, name in enumerate(label_names)
        },
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        macro_auroc=float(np.mean(defined)) if defined else float("nan"),
        loss=float(-np.log(scores[np.arange(len(truth)), truth].clip(min=np.finfo(np.float64).eps)).mean()),
        ece=calibration_error(truth, scores),
        brier=float(np.square(scores - np.eye(classes)[truth]).sum(axis=1).mean()),
    )


def macro_f1(confusion: NDArray[np.int64]) -> FloatArray:
    """Macro F1 of confusion matrices (..., K, K), rows true, over the classes that occur in row or column."""
    hits = np.einsum("...kk->...k", confusion).astype(np.float64)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)  # 2 TP + FP + FN
    f1 = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
    return np.asarray(f1.sum(axis=-1) / (total > 0).sum(axis=-1))


def calibration_error(labels: NDArray[np.int64], scores: FloatArray, bins: int = BINS) -> float:
    """Expected calibration error: mean gap of top score and accuracy over equal bins of the top score.

    Guo et al. 2017, On Calibration of Modern Neural Networks (ICML).
    """
    top, right = scores.max(axis=1), scores.argmax(axis=1) == labels
    number = np.ceil(top * bins).astype(np.int64).clip(1, bins) - 1  # bins are open below, closed above
    gap = np.bincount(number, weights=right - top, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def _auroc(is_class: NDArray[np.bool_], score: FloatArray) -> float:
    return float(roc_auc_score(is_class, score)) if is_class.any() and not is_class.all() else float("nan")


def _interval(confusion: NDArray[np.int64], bootstrap: int, seed: int) -> tuple[float, float]:
    """Resampling cutouts with replacement is a multinomial draw over the cells of the confusion matrix."""
    if bootstrap <= 0:
        return (float(macro_f1(confusion)),) * 2
    count = int(confusion.sum())
    draws = np.random.default_rng(seed).multinomial(count, confusion.ravel() / count, size=bootstrap)
    low, high = np.percentile(macro_f1(draws.reshape(bootstrap, *confusion.shape)), [2.5, 97.5])
    return float(low), float(high)
