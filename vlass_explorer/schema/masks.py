"""The report of a segmentation on one part of a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .reports import Overlap


@dataclass(frozen=True)
class WorstImage:
    """An image whose labels are far from the truth."""

    index: int
    """Place in the part."""
    name: str
    mean_iou: float
    """Over the classes that are true or predicted in this image."""


@dataclass(frozen=True)
class MaskReport:
    """Evaluation of the classes of all pixels of one part, added up over its images: no mean of images or batches."""

    label_names: tuple[str, ...]
    count: int
    """Images."""
    pixels: int
    """Pixels with a label, on the images' own grid."""
    mean_iou: float
    """Mean of intersection over union of the classes that are true or predicted somewhere."""
    pixel_accuracy: float
    boundary_f1: float
    """Mean over the classes with a boundary, met within ``tolerance``; NaN where no beam is known."""
    per_class: Mapping[str, Mapping[str, float]]
    """label -> iou, precision, recall, boundary_f1, support (true pixels)."""
    confusion: tuple[tuple[int, ...], ...]
    """Pixels; rows true, columns predicted."""
    loss: float
    """Plain cross-entropy over the labelled pixels of the model's grid."""
    mean_iou_interval: tuple[float, float] = (math.nan, math.nan)
    """Bootstrap 95 % interval over images."""
    tolerance: float | None = None
    """One beam in native pixels."""
    worst: tuple[WorstImage, ...] = ()
    """The worst first, at most a hundred."""
    seen: Overlap | None = None
    """How much of the part the checkpoint had seen; None where nobody asked."""
