"""Cutouts of one part of a data set, mapped from the cache, as a model sees them at prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import preprocess
from ..datasets import DataSet
from ..datasets.stretched import Stretched, identities
from ..schema import InputSpec, Window


class Images:
    """Chosen items of a data set whose stretched images are at hand; items that cannot be read are left out.

    ``indices`` are those of the items that are kept, ``names``, ``labels`` and ``cutouts`` (N,) theirs; ``unreadable``
    names the others, with the reason.
    """

    def __init__(self, data_set: DataSet, indices: Sequence[int], spec: InputSpec, images: Stretched) -> None:
        self.indices = [index for index in indices if index not in images.failures]
        self.names = [data_set.items[index].name for index in self.indices]
        lost = [index for index in indices if index in images.failures]
        self.unreadable: Mapping[str, str] = {data_set.items[index].name: images.failures[index] for index in lost}
        self.labels = torch.tensor([data_set.items[i].label for i in self.indices], dtype=torch.long)
        self.cutouts = identities(data_set, images, self.indices)
        self.spec = spec
        self._images = images
        self._place = torch.from_numpy(images.place[self.indices])
        self._maxima = torch.from_numpy(images.maxima[self.indices])

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self, size: int) -> list[Tensor]:
        """Positions in order, in batches."""
        return list(torch.arange(len(self)).split(size))

    def plain(self, batch: Tensor, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Model inputs (B, C, S, S) as at prediction, and labels (B,), of positions (B,) among the items kept."""
        x = self._empty(len(batch), device)
        for where, crops, _ in self._crops(batch):
            x[where.to(device)] = self._finished(crops, batch[where], device)
        return x, self.labels[batch].to(device)

    def truths(self, batch: Tensor) -> list[NDArray[np.uint8]]:
        """Class of each native pixel of the field of view (h, w) of positions (B,), of a set with masks."""
        found = []
        for group, row in self._place[batch].tolist():
            window = self._images.windows[group]
            found.append(self._images.labels(group, [row], window)[0])
        return found

    def _crops(
        self, batch: Tensor, reach: Callable[[Window], Window] = lambda window: window
    ) -> Iterator[tuple[Tensor, Tensor, Window]]:
        """Positions within the batch, images (b, chan, h, w) and field of view in their pixels, of each group in it.

        Images hold what ``reach`` makes of the field of view, by default that alone; NaN beyond the sky.
        """
        place = self._place[batch]
        for group, window in enumerate(self._images.windows):
            where = (place[:, 0] == group).nonzero()[:, 0]
            if len(where):
                crops = self._images.crops(group, place[where, 1].tolist(), reach(window))
                yield where, torch.from_numpy(np.ascontiguousarray(crops)), window

    def _finished(self, fields: Tensor, positions: Tensor, device: torch.device | str) -> Tensor:
        """Model inputs (b, C, S, S) of stretched fields of view (b, chan, h, w)."""
        return preprocess.finish(fields.to(device), self.spec, self._maxima[positions].to(device))

    def _empty(self, count: int, device: torch.device | str) -> Tensor:
        return torch.empty((count, self.spec.in_chans, self.spec.img_size, self.spec.img_size), device=device)
