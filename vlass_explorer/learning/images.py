"""Training cutouts: augmented on the native pixels, and measured for mean and standard deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import augment
from ..datasets import DataSet
from ..datasets.stretched import Stretched
from ..evaluation.images import Images
from ..schema import IGNORE, InputSpec, RunConfig, Window


class TrainingImages(Images):
    """Images of the training split, which a run's configuration augments."""

    def __init__(
        self, data_set: DataSet, indices: Sequence[int], spec: InputSpec, config: RunConfig, images: Stretched
    ) -> None:
        super().__init__(data_set, indices, spec, images)
        self._config = config

    def _reach(self, window: Window) -> Window:
        return augment.reach(window, self._config)

    def augmented(self, batch: Tensor, epoch: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Augmented model inputs (B, C, S, S) and labels; the draw depends on (seed, epoch, sample).

        Labels are (B,), or for segmentation the classes of pixels (B, S, S), moved as the images are.
        """
        x = self._empty(len(batch), device)
        masks = torch.empty(0) if self._config.task == "classification" else torch.empty(len(batch), *x.shape[2:])
        for where, images, window in self._crops(batch, self._reach):
            kept = [self.indices[row] for row in batch[where].tolist()]
            fields = augment.augment(
                images.to(device),
                augment.within(window, self._reach(window)),
                self.spec,
                self._config,
                epoch=epoch,
                indices=kept,
                rms=[None if math.isnan(rms) else rms for rms in self._images.rms[kept].tolist()],
            )
            x[where.to(device)] = self._finished(fields, batch[where], device)
            if len(masks):
                masks[where] = self._masks(batch[where], window, epoch, kept).float()
        return x, (masks.long() if len(masks) else self.labels[batch]).to(device)

    def _masks(self, batch: Tensor, window: Window, epoch: int, kept: Sequence[int]) -> Tensor:
        """Classes of the pixels of model inputs (b, S, S), of positions that share a field of view."""
        place = self._place[batch].tolist()
        wide = self._reach(window)
        native = np.stack([self._images.labels(group, [row], wide)[0] for group, row in place])
        moved = augment.augment_masks(
            torch.from_numpy(native),
            augment.within(window, wide),
            self._config,
            epoch=epoch,
            indices=kept,
            outside=IGNORE,
        )
        size = (self.spec.img_size, self.spec.img_size)
        return F.interpolate(moved[:, None].float(), size, mode="nearest-exact")[:, 0]

    def pixel_counts(self, classes: int) -> Tensor:
        """Pixels of each class (K,) in the fields of view of all images, without augmentation."""
        counts = torch.zeros(IGNORE + 1, dtype=torch.long)
        for batch in self.batches(256):
            for mask in self.truths(batch):
                counts += torch.bincount(torch.from_numpy(mask.ravel()).long(), minlength=IGNORE + 1)
        return counts[:classes]

    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the model inputs without augmentation, before any mean and std."""
        total = square = 0.0
        count = 0
        for batch in self.batches(256):
            for where, fields, _ in self._crops(batch):
                x = self._finished(fields, batch[where], "cpu").double()
                total, square, count = total + float(x.sum()), square + float((x * x).sum()), count + x.numel()
        mean = total / count
        return round(mean, 6), round(max(math.sqrt(max(square / count - mean * mean, 0.0)), 1e-6), 6)
