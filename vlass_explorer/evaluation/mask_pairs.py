"""One image with a mask as an evaluation saw it: what went into the model, the truth and the prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .. import preprocess
from ..datasets import DataSet
from ..schema import IGNORE, Checkpoint, DatasetError, FloatArray
from ..segmentation import Score
from ..segmentation.branch import resized
from .masks import classes_of


@dataclass(frozen=True, eq=False)
class MaskPair:
    """Field of view of one image, row 0 at the bottom."""

    image: FloatArray
    """(h, w) or in colour (h, w, 3), 0 to 1: what the model saw, on the pixels of the masks."""
    truth: NDArray[np.uint8]
    """(h, w); ``IGNORE`` where no class is known."""
    predicted: NDArray[np.int64]
    """(h, w)."""
    iou: dict[str, float]
    """Class -> intersection over union, of the classes that are true or predicted here."""

    @property
    def mean_iou(self) -> float:
        """Over the classes that are true or predicted here, as in ``MaskReport.worst``; NaN without labels."""
        return float(np.mean(list(self.iou.values()))) if self.iou else float("nan")


@torch.inference_mode()
def of_item(model: nn.Module, card: Checkpoint, data_set: DataSet, index: int) -> MaskPair:
    """Truth and prediction of one item of a data set, as ``evaluate_masks`` counts them.

    Raises UnreadableItem or InputError where the image or its mask cannot be read, DatasetError without masks.
    """
    item = data_set.items[index]
    if item.mask is None:
        raise DatasetError(f"{data_set.title} has no masks.")
    cutout, mask = item.read(), item.mask()
    window = preprocess.window(cutout, card.input_spec)
    truth = np.full(window.shape, IGNORE, np.uint8)
    y0, x0 = max(window.y0, 0), max(window.x0, 0)
    known = np.where(np.isfinite(cutout.pixels), mask, np.uint8(IGNORE))[
        y0 : max(window.y1, y0), x0 : max(window.x1, x0)
    ]
    truth[y0 - window.y0 :, x0 - window.x0 :][: known.shape[0], : known.shape[1]] = known
    x = preprocess.to_tensor(cutout, card.input_spec)
    predicted = classes_of(model(x).float(), truth.shape)[0]
    seen = torch.from_numpy(preprocess.input_image(x, card.input_spec))
    planes = seen[None, None] if seen.ndim == 2 else seen.movedim(-1, 0)[None]
    image = resized(planes, truth.shape)[0].movedim(0, -1).squeeze(-1).numpy()
    score = Score(len(card.label_names))
    score.add(truth, predicted)
    iou = {name: float(value) for name, value in zip(card.label_names, score.iou, strict=True) if np.isfinite(value)}
    return MaskPair(np.ascontiguousarray(image, np.float32), truth, predicted, iou)
