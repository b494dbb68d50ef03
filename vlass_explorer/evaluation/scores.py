"""What a model says of labelled cutouts: scores of every one, and from them the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import progress
from ..checkpoints import tasks
from ..foreign import mapped, reason
from ..orientations import eight
from ..schema import Checkpoint, CheckpointError, DatasetError, FloatArray, Overlap, Report
from . import metrics, unseen
from .images import Images
from .parts import Part

BATCH_SIZE = 64


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """Labels (N) and softmax scores (N, K) of the cutouts that could be read, with the names of all others."""

    label_names: tuple[str, ...]
    indices: NDArray[np.int64]
    """Position of each cutout in its data set (N)."""
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: FloatArray
    unreadable: Mapping[str, str]
    """Name of a cutout -> why it has no score."""
    report: Report
    """The report of record of these scores, mistakes named."""


def evaluate(
    model: nn.Module, card: Checkpoint, part: Part, *, device: str = "cpu", tta: bool = False
) -> EvaluationResult:
    """What a checkpoint's model says of a part of a data set; reports progress. Errors as ``evaluate_images``."""
    tasks.require(card, "classification")
    if part.data_set.is_masked:
        raise DatasetError(f"{part.data_set.title} has a class for each pixel: {card.name} tells whole images apart.")
    with progress.part(0, 2):
        images = part.images(card)
    with progress.part(1, 2):
        seen = unseen.overlap(card, images.cutouts)
        return evaluate_images(model, images, card.label_names, device=device, tta=tta, seen=seen)


def evaluate_images(
    model: nn.Module,
    images: Images,
    label_names: tuple[str, ...],
    *,
    device: str = "cpu",
    tta: bool = False,
    seen: Overlap | None = None,
) -> EvaluationResult:
    """Scores and report of the images of one part, whose labels are indices into ``label_names``.

    ``seen``, how much of it the model has seen, goes with the report. Raises DatasetError where no cutout can be read,
    CheckpointError where a score is not a number.
    """
    if not len(images):
        why = next(iter(images.unreadable.values()), "it is empty")
        raise DatasetError(f"No cutout of this part can be evaluated: {why.rstrip('.')}.")
    probabilities = scores(model, images, device=device, tta=tta)
    if broken := int((~probabilities.isfinite()).any(dim=1).sum()):
        raise CheckpointError(f"The model gives no finite score for {broken} of {len(probabilities)} cutouts.")
    labels, found = images.labels.numpy(), probabilities.numpy()
    return EvaluationResult(
        label_names,
        np.array(images.indices, dtype=np.int64),
        tuple(images.names),
        labels,
        found,
        images.unreadable,
        replace(metrics.report(labels, found, label_names, names=images.names), seen=seen),
    )


@torch.inference_mode()
def scores(
    model: nn.Module,
    images: Images,
    *,
    device: str = "cpu",
    tta: bool = False,
    batch_size: int = BATCH_SIZE,
) -> Tensor:
    """Softmax scores (N, K) in float64, one forward pass a cutout; the model is put into evaluation mode on ``device``.

    With ``tta`` (test-time augmentation) their mean over the eight rotations and mirror images. Reports progress.
    """
    model.to(device).eval()
    rows = []
    for number, batch in enumerate(batches := images.batches(batch_size), start=1):
        x, _ = images.plain(batch, device)
        views = eight(x) if tta else [x]
        with mapped(partial(_refusal, tuple(x.shape[1:]))):
            logits = [model(view) for view in views]
        rows.append(torch.stack([softmax(each) for each in logits]).mean(dim=0))
        progress.report(number, len(batches))
    return torch.cat(rows)


def _refusal(shape: tuple[int, ...], error: Exception) -> CheckpointError:
    if isinstance(error, torch.OutOfMemoryError):
        raise error  # told by whoever chose the device
    return CheckpointError(
        f"The model does not take {' × '.join(map(str, shape))} inputs ({reason(error)}): its card and its weights do "
        "not belong together, copy the folder again."
    )


def softmax(logits: Tensor) -> Tensor:
    """Softmax scores of logits (B, K) in float64 on the CPU: the same while training, in reports and at prediction."""
    return logits.float().cpu().double().softmax(dim=1)
