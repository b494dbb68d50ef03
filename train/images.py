"""Cutouts of one split, mapped from the cache: training images to augment, validation images as at prediction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from vlass_explorer import augment, preprocess
from vlass_explorer.datasets import DataSet
from vlass_explorer.datasets.stretched import Stretched
from vlass_explorer.schema import InputSpec, RunConfig, Window


class Images:
    """One split of a data set whose stretched images are at hand; items that cannot be read are left out.

    ``indices`` are those of the items that are kept, ``names`` and ``labels`` (N,) theirs.
    """

    def __init__(
        self, data_set: DataSet, indices: Sequence[int], spec: InputSpec, config: RunConfig | None, images: Stretched
    ) -> None:
        self.indices = [index for index in indices if index not in images.failures]
        self.names = [data_set.items[index].name for index in self.indices]
        self.spec, self._config, self._images = spec, config, images
        self.labels = torch.tensor([data_set.items[i].label for i in self.indices], dtype=torch.long)
        self._place = torch.from_numpy(images.place[self.indices])
        self._maxima = torch.from_numpy(images.maxima[self.indices])

    def __len__(self) -> int:
        return len(self.indices)

    def _parts(self, batch: Tensor, config: RunConfig | None) -> Iterator[tuple[Tensor, Tensor, Window]]:
        """Positions within the batch, images (b, chan, h, w) and field of view on them, of each group in the batch.

        Images hold what augmentation by ``config`` can reach, or the field of view alone, NaN beyond the sky.
        """
        place = self._place[batch]
        for group, window in enumerate(self._images.windows):
            where = (place[:, 0] == group).nonzero()[:, 0]
            if len(where):
                wide = window if config is None else augment.reach(window, config)
                crops = self._images.crops(group, place[where, 1].tolist(), wide)
                yield where, torch.from_numpy(np.ascontiguousarray(crops)), augment.within(window, wide)

    def plain(self, batch: Tensor, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Model inputs (B, C, S, S) as at prediction, and labels (B,)."""
        x = self._empty(len(batch), device)
        for where, crops, _ in self._parts(batch, None):
            maxima = self._maxima[batch[where]].to(device)
            x[where.to(device)] = preprocess.finish(crops.to(device), self.spec, maxima)
        return x, self.labels[batch].to(device)

    def _empty(self, count: int, device: torch.device | str) -> Tensor:
        return torch.empty((count, self.spec.in_chans, self.spec.img_size, self.spec.img_size), device=device)

    def augmented(self, batch: Tensor, epoch: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Augmented model inputs (B, C, S, S) and labels (B,); the draw depends on (seed, epoch, sample)."""
        assert self._config is not None
        x = self._empty(len(batch), device)
        for where, images, window in self._parts(batch, self._config):
            kept = [self.indices[row] for row in batch[where].tolist()]
            crops = augment.augment(
                images.to(device),
                window,
                self.spec,
                self._config,
                epoch=epoch,
                indices=kept,
                rms=[None if math.isnan(rms) else rms for rms in self._images.rms[kept].tolist()],
            )
            x[where.to(device)] = preprocess.finish(crops, self.spec, self._maxima[batch[where]].to(device))
        return x, self.labels[batch].to(device)

    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the model inputs without augmentation, before any mean and std."""
        total = square = 0.0
        count = 0
        for batch in torch.arange(len(self)).split(256):
            for where, crops, _ in self._parts(batch, None):
                x = preprocess.finish(crops, self.spec, self._maxima[batch[where]]).double()
                total, square, count = total + float(x.sum()), square + float((x * x).sum()), count + x.numel()
        mean = total / count
        return round(mean, 6), round(max(math.sqrt(max(square / count - mean * mean, 0.0)), 1e-6), 6)

    def batches(self, size: int) -> list[Tensor]:
        """Positions in order, in batches."""
        return list(torch.arange(len(self)).split(size))
