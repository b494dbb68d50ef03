"""Labels and softmax scores to one Report: the figures on every card, computed in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..foreign import mapped, reason
from ..schema import FloatArray, Mistake, Overlap, Report, ReportError, RocCurve

BINS = 15
MISTAKES = 100
"""Mistakes that a report keeps, the surest first."""
PAIRS = 2_000_000
"""Resampled cutouts held at once, which bounds the memory of the intervals."""
ROC_POINTS = 2000
"""Points of all curves of a report together, with 10 to 100 a class: a report stays small enough for a card."""


def report(
    labels: ArrayLike,
    probabilities: ArrayLike,
    label_names: tuple[str, ...],
    *,
    names: Sequence[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Report:
    """Report of label indices (N,) against softmax scores (N, K); ``names`` (N,) of the cutouts appear in mistakes.

    Macro F1 averages the classes that occur in the labels or in the predictions, as scikit-learn does; intervals are
    the 2.5 to 97.5 percentile over ``bootstrap`` resamplings of the cutouts (the value itself twice for 0). AUROC is
    one class against the rest on softmax scores, NaN for a class that is absent or alone, and its macro average leaves
    those out; the micro average pools all classes. Raises ValueError for empty, non-finite or mismatched input.
    """
    # Here and not above, as below: scikit-learn brings pandas and pyarrow, and who only asks a model does without.
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

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
    auroc = aurocs(truth, scores)
    hot = np.eye(classes, dtype=bool)[truth]
    draws = np.random.default_rng(seed).multinomial(len(truth), confusion.ravel() / len(truth), size=bootstrap)
    draws = draws.reshape(bootstrap, classes, classes)
    return Report(
        label_names=tuple(label_names),
        count=len(truth),
        accuracy=float((predicted == truth).mean()),
        macro_f1=float(macro_f1(confusion)),
        macro_f1_interval=_interval(macro_f1(draws), float(macro_f1(confusion))),
        per_class={
            name: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "auroc": float(auroc[index]),
                "support": float(support[index]),
            }
            for index, name in enumerate(label_names)
        },
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        macro_auroc=_mean(auroc),
        loss=float(-np.log(scores[np.arange(len(truth)), truth].clip(min=np.finfo(np.float64).eps)).mean()),
        ece=calibration_error(truth, scores),
        brier=float(np.square(scores - hot).sum(axis=1).mean()),
        accuracy_interval=_interval(np.einsum("bkk->b", draws) / len(truth), float((predicted == truth).mean())),
        macro_auroc_interval=_interval(resampled_auroc(truth, scores, bootstrap, seed), _mean(auroc)),
        micro_auroc=float(roc_auc_score(hot.ravel(), scores.ravel())) if classes > 1 else float("nan"),
        roc=_roc(hot, scores, label_names),
        reliability=reliability(truth, scores),
        mistakes=_mistakes(truth, scores, names),
    )


def figures(labels: NDArray[np.int64], scores: FloatArray) -> dict[str, float]:
    """The accuracy, macro F1 and macro AUROC that ``report`` gives of the same labels (N,) and scores (N, K)."""
    from sklearn.metrics import confusion_matrix

    confusion = confusion_matrix(labels, scores.argmax(axis=1), labels=range(scores.shape[1]))
    return {
        "accuracy": float(np.trace(confusion) / len(labels)),
        "macro_f1": float(macro_f1(confusion)),
        "macro_auroc": _mean(aurocs(labels, scores)),
    }


NUMBERS = {"accuracy", "macro_f1", "macro_auroc", "loss", "ece", "brier", "micro_auroc"}


def read(values: Mapping[str, Any]) -> Report:
    """A report from the plain values of a card or of report.json; what older ones lack has its default.

    Unknown keys are left out, null is NaN. Raises ReportError where the rest is no report.
    """
    known: dict[str, Any] = {f.name: values[f.name] for f in fields(Report) if f.name in values}
    with mapped(lambda error: ReportError(f"These values are no report: {reason(error)}.")):
        known["label_names"] = tuple(known["label_names"])
        known["confusion"] = tuple(tuple(map(int, row)) for row in known["confusion"])
        known["count"] = int(known["count"])
        sides = {len(known["confusion"]), *map(len, known["confusion"])}
        if sides != {len(known["label_names"])}:
            raise ValueError("the confusion matrix is not one of its classes")
        per_class = known["per_class"].items()
        known["per_class"] = {name: {k: _number(v) for k, v in row.items()} for name, row in per_class}
        known["roc"] = {
            name: RocCurve(tuple(one["false_positive"]), tuple(one["true_positive"]))
            for name, one in known.get("roc", {}).items()
        }
        known["reliability"] = tuple(
            (int(count), _number(score), _number(share)) for count, score, share in known.get("reliability", ())
        )
        known["mistakes"] = tuple(Mistake(**one) for one in known.get("mistakes", ()))
        for key in ("macro_f1_interval", "accuracy_interval", "macro_auroc_interval"):
            if key in known:
                low, high = known[key]
                known[key] = (_number(low), _number(high))
        known |= {key: _number(known[key]) for key in NUMBERS & known.keys()}
        known["seen"] = Overlap.of(values.get("seen"))
        return Report(**known)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def macro_f1(confusion: NDArray[np.int64]) -> FloatArray:
    """Macro F1 of confusion matrices (..., K, K), rows true, over the classes that occur in row or column."""
    hits = np.einsum("...kk->...k", confusion).astype(np.float64)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)  # 2 TP + FP + FN
    f1 = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
    return np.asarray(f1.sum(axis=-1) / (total > 0).sum(axis=-1))


def calibration_error(labels: NDArray[np.int64], scores: FloatArray, bins: int = BINS) -> float:
    """Expected calibration error: gap of mean top score and accuracy in equal bins, weighted by the cutouts in each.

    Bin m of M holds top scores in ((m - 1) / M, m / M]: 1.0 exactly lies in the last. Empty bins weigh nothing.
    Guo et al. 2017, On Calibration of Modern Neural Networks (ICML), equation 3.
    """
    return float(sum(n * abs(right - top) for n, top, right in reliability(labels, scores, bins)) / len(labels))


def reliability(
    labels: NDArray[np.int64], scores: FloatArray, bins: int = BINS
) -> tuple[tuple[int, float, float], ...]:
    """Cutouts, mean top score and accuracy in each of ``bins`` equal bins of the top score; zeros for an empty one."""
    top, right = scores.max(axis=1), scores.argmax(axis=1) == labels
    number = np.ceil(top * bins).astype(np.int64).clip(1, bins) - 1  # bins are open below, closed above
    counts = np.bincount(number, minlength=bins)
    sums = [np.bincount(number, weights=values, minlength=bins) for values in (top, right.astype(np.float64))]
    mean_top, mean_right = (total / np.maximum(counts, 1) for total in sums)
    return tuple((int(n), float(a), float(b)) for n, a, b in zip(counts, mean_top, mean_right, strict=True))


def aurocs(labels: NDArray[np.int64], scores: FloatArray) -> FloatArray:
    """AUROC of each class against the rest (K,), NaN for a class that is absent or alone."""
    from sklearn.metrics import roc_auc_score

    is_class = labels[:, None] == np.arange(scores.shape[1])
    defined = is_class.any(axis=0) & ~is_class.all(axis=0)
    return np.array(
        [roc_auc_score(is_class[:, k], scores[:, k]) if defined[k] else np.nan for k in range(scores.shape[1])]
    )


def resampled_auroc(labels: NDArray[np.int64], scores: FloatArray, bootstrap: int, seed: int) -> FloatArray:
    """Macro AUROC of ``bootstrap`` resamplings of the cutouts with replacement; NaN where no class is left in one."""
    random, count = np.random.default_rng(seed), len(labels)
    at_once = max(1, PAIRS // count)
    parts = []
    for start in range(0, bootstrap, at_once):
        drawn = random.multinomial(count, np.full(count, 1 / count), size=min(at_once, bootstrap - start))
        parts.append(_weighted_auroc(labels, scores, drawn))
    return np.concatenate(parts) if parts else np.empty(0)


def _weighted_auroc(labels: NDArray[np.int64], scores: FloatArray, weights: NDArray[np.int64]) -> FloatArray:
    """Macro AUROC (B,) of sets that hold cutout i ``weights[:, i]`` times (B, N): right pairs over all pairs."""
    found = np.empty((len(weights), scores.shape[1]))
    for k in range(scores.shape[1]):
        order = np.argsort(scores[:, k], kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(scores[order, k]) > 0])  # equal scores stand together
        drawn, positive = weights[:, order], (labels == k)[order]
        hits = np.add.reduceat(drawn * positive, starts, axis=1).astype(np.float64)
        rest = np.add.reduceat(drawn * ~positive, starts, axis=1).astype(np.float64)
        pairs = (hits * (np.cumsum(rest, axis=1) - rest / 2)).sum(axis=1)
        total = hits.sum(axis=1) * rest.sum(axis=1)
        found[:, k] = np.divide(pairs, total, out=np.full(len(weights), np.nan), where=total > 0)
    is_known = np.isfinite(found)
    sums, known = np.where(is_known, found, 0.0).sum(axis=1), is_known.sum(axis=1)
    return np.divide(sums, known, out=np.full(len(weights), np.nan), where=known > 0)


def _mean(values: FloatArray) -> float:
    return float(np.mean(values[np.isfinite(values)])) if np.isfinite(values).any() else float("nan")


def _interval(drawn: FloatArray, value: float) -> tuple[float, float]:
    finite = drawn[np.isfinite(drawn)]
    if not len(finite):
        return value, value
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)


def _roc(hot: NDArray[np.bool_], scores: FloatArray, label_names: tuple[str, ...]) -> dict[str, RocCurve]:
    """ROC curve of each class that has one, thinned evenly along its length."""
    from sklearn.metrics import roc_curve

    points = int(np.clip(ROC_POINTS // len(label_names), 10, 100))
    found = {}
    for k, name in enumerate(label_names):
        if not hot[:, k].any() or hot[:, k].all():
            continue
        false, true, _ = roc_curve(hot[:, k], scores[:, k])
        if len(false) > points:
            length = false + true
            near = np.searchsorted(length, np.linspace(0, length[-1], points)).clip(max=len(length) - 1)
            false, true = false[near], true[near]
        found[name] = RocCurve(tuple(np.round(false, 5).tolist()), tuple(np.round(true, 5).tolist()))
    return found


def _mistakes(truth: NDArray[np.int64], scores: FloatArray, names: Sequence[str] | None) -> tuple[Mistake, ...]:
    predicted = scores.argmax(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    surest = wrong[np.argsort(-scores[wrong].max(axis=1), kind="stable")][:MISTAKES]
    return tuple(
        Mistake(
            index=int(i),
            name=names[i] if names is not None else "",
            true=int(truth[i]),
            predicted=int(predicted[i]),
            probability=float(scores[i].max()),
        )
        for i in surest
    )
