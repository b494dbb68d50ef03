"""What a model says of images with masks: figures of the whole part, and the images where it is worst."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import progress
from ..checkpoints import tasks
from ..datasets import DataSet
from ..foreign import mapped, reason
from ..schema import (
    IGNORE,
    Checkpoint,
    CheckpointError,
    DatasetError,
    MaskReport,
    Overlap,
    ReportError,
    WorstImage,
)
from ..segmentation import EightViews, Score
from ..segmentation.branch import resized
from . import unseen
from .images import Images
from .parts import Part

BATCH_SIZE, WORST = 16, 100
RESAMPLED = 1000


@dataclass(frozen=True, eq=False)
class MaskResult:
    """The report of a part and which of its images could not be read."""

    report: MaskReport
    indices: tuple[int, ...]
    """Position of each image in its data set."""
    unreadable: Mapping[str, str]


@dataclass(eq=False)
class Tally:
    """Figures of images that are added one by one; ``tolerance`` is one beam in native pixels, None for no boundaries.

    ``loss`` and ``labelled`` are the summed cross-entropy over labelled pixels of the model's grid, and their number.
    """

    classes: int
    tolerance: float | None = None
    score: Score = field(init=False)
    each: list[NDArray[np.int64]] = field(default_factory=list)
    """Confusion (K, K) of each image."""
    loss: float = 0.0
    labelled: int = 0

    def __post_init__(self) -> None:
        self.score = Score(self.classes)

    def add(self, logits: Tensor, truths: list[NDArray[np.uint8]]) -> None:
        """Add images by their logits (B, K, S, S) and native masks (h, w); CheckpointError for one not finite."""
        if not bool(logits.isfinite().all()):
            raise CheckpointError("The model gives no finite score for some of the images.")
        size = logits.shape[-2:]
        for one, truth in zip(logits.float().cpu(), truths, strict=True):
            seen = F.interpolate(torch.from_numpy(truth)[None, None].float(), tuple(size), mode="nearest-exact")[
                0
            ].long()
            self.loss += float(F.cross_entropy(one[None], seen, ignore_index=IGNORE, reduction="sum"))
            self.labelled += int((seen != IGNORE).sum())
            before = self.score.confusion.copy()
            self.score.add(truth, classes_of(one[None], truth.shape)[0], tolerance=self.tolerance)
            self.each.append(self.score.confusion - before)

    def figures(self) -> dict[str, float]:
        """Loss, mean IoU, pixel accuracy and boundary F1 so far."""
        return {
            "loss": self.loss / max(self.labelled, 1),
            "mean_iou": self.score.mean_iou,
            "pixel_accuracy": self.score.pixel_accuracy,
            "boundary_f1": self.score.mean_boundary_f1,
        }


def classes_of(logits: Tensor, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Class of each pixel (B, h, w) of logits (B, K, S, S), on a grid of another shape."""
    return resized(logits, shape).argmax(1).cpu().numpy()


def beam_pixels(data_set: DataSet) -> float | None:
    """Geometric mean width of a data set's beam in its pixels, None where it does not say."""
    if not (data_set.beam_arcsec and data_set.pixel_scale_arcsec):
        return None
    return math.sqrt(math.prod(data_set.beam_arcsec)) / data_set.pixel_scale_arcsec


def evaluate_masks(
    model: nn.Module, card: Checkpoint, part: Part, *, device: str = "cpu", tta: bool = False
) -> MaskResult:
    """What a checkpoint says of a part of a data set with masks; errors as ``evaluate_mask_images``.

    With ``tta`` (test-time augmentation) the mean of its scores over the eight rotations and mirror images.
    """
    tasks.require(card, "segmentation")
    if not part.data_set.is_masked:
        raise DatasetError(f"{part.data_set.title} has no masks: {card.name} is scored on images with masks.")
    with progress.part(0, 2):
        images = part.images(card)
    with progress.part(1, 2):
        seen = unseen.overlap(card, images.cutouts)
        asked = EightViews(model) if tta else model
        return evaluate_mask_images(asked, images, part.data_set, device=device, seen=seen)


@torch.inference_mode()
def evaluate_mask_images(
    model: nn.Module, images: Images, data_set: DataSet, *, device: str = "cpu", seen: Overlap | None = None
) -> MaskResult:
    """Figures of images whose masks hold indices into the data set's label names; reports progress.

    Raises DatasetError where no image can be read, CheckpointError where a score is not a number.
    """
    if not len(images):
        why = next(iter(images.unreadable.values()), "it is empty")
        raise DatasetError(f"No image of this part can be evaluated: {why.rstrip('.')}.")
    model.to(device).eval()
    tally = Tally(len(data_set.label_names), beam_pixels(data_set))
    batches = images.batches(BATCH_SIZE)
    for number, batch in enumerate(batches, start=1):
        x, _ = images.plain(batch, device)
        tally.add(model(x), images.truths(batch))
        progress.report(number, len(batches))
    found = replace(report(tally, data_set.label_names, images.names), seen=seen)
    return MaskResult(found, tuple(images.indices), images.unreadable)


def report(tally: Tally, label_names: tuple[str, ...], names: list[str], *, seed: int = 0) -> MaskReport:
    """The report of all images of a tally, whose ``names`` are in their order."""
    score, figures = tally.score, tally.figures()
    true, said, both = score.confusion.sum(1), score.confusion.sum(0), np.diag(score.confusion)
    edges = score.boundary_f1
    each = np.stack(tally.each)
    own = _mean_iou(each)
    order = np.argsort(np.nan_to_num(own, nan=2.0), kind="stable")[:WORST]
    draws = np.random.default_rng(seed).multinomial(len(each), np.full(len(each), 1 / len(each)), size=RESAMPLED)
    spread = _mean_iou(np.tensordot(draws, each, axes=1))
    low, high = np.nanpercentile(spread, (2.5, 97.5))
    return MaskReport(
        label_names,
        len(names),
        int(score.confusion.sum()),
        mean_iou=figures["mean_iou"],
        pixel_accuracy=figures["pixel_accuracy"],
        boundary_f1=figures["boundary_f1"],
        per_class={
            name: {
                "iou": float(score.iou[k]),
                "precision": float(both[k] / said[k]) if said[k] else math.nan,
                "recall": float(both[k] / true[k]) if true[k] else math.nan,
                "boundary_f1": float(edges[k]) if tally.tolerance else math.nan,
                "support": int(true[k]),
            }
            for k, name in enumerate(label_names)
        },
        confusion=tuple(tuple(row) for row in score.confusion.tolist()),
        loss=figures["loss"],
        mean_iou_interval=(float(low), float(high)),
        tolerance=tally.tolerance,
        worst=tuple(WorstImage(int(index), names[index], float(own[index])) for index in order),
    )


def source_iou(confusion: Sequence[Sequence[int]]) -> float:
    """Intersection over union of all classes but the first, taken as one; NaN where neither has any."""
    table = np.asarray(confusion, np.float64)
    union = table.sum() - table[0, 0]
    return float(table[1:, 1:].sum() / union) if union else math.nan


def read(values: Mapping[str, Any]) -> MaskReport:
    """A report from the plain values of a card or of report.json; null is NaN, unknown keys are left out.

    Raises ReportError where they are none.
    """
    known: dict[str, Any] = {f.name: values[f.name] for f in fields(MaskReport) if f.name in values}
    with mapped(lambda error: ReportError(f"These values are no report of masks: {reason(error)}.")):
        known["label_names"] = tuple(map(str, known["label_names"]))
        known["confusion"] = tuple(tuple(map(int, row)) for row in known.get("confusion", ()))
        known |= {key: int(known[key]) for key in ("count", "pixels")}
        known |= {key: _number(known[key]) for key in ("mean_iou", "pixel_accuracy", "boundary_f1", "loss")}
        classes = known["per_class"].items()
        known["per_class"] = {str(name): {k: _number(v) for k, v in row.items()} for name, row in classes}
        low, high = known.get("mean_iou_interval", (None, None))
        known["mean_iou_interval"] = (_number(low), _number(high))
        known["worst"] = tuple(WorstImage(**one) for one in known.get("worst", ()))
        known["seen"] = Overlap.of(values.get("seen"))
        return MaskReport(**known)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _mean_iou(confusions: NDArray[Any]) -> NDArray[np.float64]:
    """Mean IoU of each confusion (..., K, K), over the classes that are true or predicted in it."""
    both = np.diagonal(confusions, axis1=-2, axis2=-1).astype(float)
    union = confusions.sum(-1) + confusions.sum(-2) - both
    counted = union > 0
    shares = np.divide(both, union, out=np.zeros_like(both), where=counted)
    mean: NDArray[np.float64] = np.where(counted.any(-1), shares.sum(-1) / np.maximum(counted.sum(-1), 1), np.nan)
    return mean


def lines(found: MaskReport) -> Iterator[str]:
    """The report as text."""
    low, high = found.mean_iou_interval
    yield f"mean IoU  {found.mean_iou:.4f}  (95 % bootstrap {low:.4f} to {high:.4f})"
    beam = "no beam is known" if found.tolerance is None else f"within one beam, {found.tolerance:.2f} pixels"
    edges = "none" if math.isnan(found.boundary_f1) else f"{found.boundary_f1:.4f}"
    yield f"pixels    {found.pixel_accuracy:.4f} right   boundary F1 {edges} ({beam})   loss {found.loss:.4f}"
    if found.confusion and len(found.label_names) > 2:
        together = source_iou(found.confusion)
        yield f"source    IoU {together:.4f}, all classes but {found.label_names[0]} taken together"
    for name, numbers in found.per_class.items():
        shown = "  ".join(f"{key} {value:.3f}" for key, value in numbers.items() if key != "support")
        yield f"{name:>16}  {shown}  pixels {int(numbers['support'])}"
