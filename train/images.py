"""Cutouts of one split in memory: training images with a margin to rotate in, validation images as at prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from vlass_explorer import augment, preprocess
from vlass_explorer.datasets import DataSet
from vlass_explorer.schema import DatasetError, ExplorerError, InputSpec, RunConfig, Window


class Images:
    """One split. With a configuration, stretched native pixels to augment; without one, finished model inputs."""

    def __init__(
        self,
        data_set: DataSet,
        indices: Sequence[int],
        spec: InputSpec,
        config: RunConfig | None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.indices, self.spec, self._config = list(indices), spec, config
        self.labels = torch.tensor([data_set.items[i].label for i in indices])
        self._inputs = torch.empty(0)
        # Images of one shape lie in one tensor; cutouts of other sizes or pixel scales make further groups.
        self._groups: list[Tensor] = []
        self._windows: list[Window] = []
        self._place = torch.empty((len(indices), 2), dtype=torch.long)
        self._maxima = torch.empty(len(indices))
        self._rms: list[float | None] = []
        if config is None:
            self._inputs = torch.cat([self._finished(data_set, i, check) for i in indices])
        else:
            self._read(data_set, config, check)

    def __len__(self) -> int:
        return len(self.indices)

    def _finished(self, data_set: DataSet, index: int, check: Callable[[], None]) -> Tensor:
        check()
        with named(data_set, index):
            return preprocess.to_tensor(data_set.items[index].read(), self.spec)

    def _read(self, data_set: DataSet, config: RunConfig, check: Callable[[], None]) -> None:
        found: dict[tuple[int, int], list[Tensor]] = {}
        for row, index in enumerate(self.indices):
            check()
            with named(data_set, index):
                cutout = data_set.items[index].read()
                image = preprocess.stretched(cutout, self.spec)
                window = preprocess.window(cutout, self.spec)
            wide = augment.reach(window, config)
            members = found.setdefault(window.shape, [])
            self._rms.append(None if cutout.noise is None else float(cutout.noise.rms))
            self._place[row] = torch.tensor([list(found).index(window.shape), len(members)])
            self._maxima[row] = preprocess.maximum(torch.from_numpy(image)[None, None])[0]
            members.append(torch.from_numpy(preprocess.crop(image, wide)))
        for shape, members in found.items():
            self._groups.append(torch.stack(members)[:, None])
            window = Window(0, shape[0], 0, shape[1])
            self._windows.append(augment.within(window, augment.reach(window, config)))

    def _parts(self, batch: Tensor) -> Iterator[tuple[Tensor, Tensor, Window]]:
        """Positions within the batch, images (b, 1, h, w) and window of each group that the batch touches."""
        place = self._place[batch]
        for group, window in enumerate(self._windows):
            where = (place[:, 0] == group).nonzero()[:, 0]
            if len(where):
                yield where, self._groups[group][place[where, 1]], window

    def plain(self, batch: Tensor, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Model inputs (B, C, S, S) as at prediction, and labels (B,)."""
        return self._inputs[batch].to(device), self.labels[batch].to(device)

    def augmented(self, batch: Tensor, epoch: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Augmented model inputs (B, C, S, S) and labels (B,); the draw depends on (seed, epoch, sample)."""
        assert self._config is not None
        x = torch.empty((len(batch), self.spec.in_chans, self.spec.img_size, self.spec.img_size), device=device)
        for where, images, window in self._parts(batch):
            rows = batch[where].tolist()
            crops = augment.augment(
                images.to(device),
                window,
                self.spec,
                self._config,
                epoch=epoch,
                indices=[self.indices[row] for row in rows],
                rms=[self._rms[row] for row in rows],
            )
            x[where] = preprocess.finish(crops, self.spec, self._maxima[batch[where]].to(device))
        return x, self.labels[batch].to(device)

    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the model inputs without augmentation, before any mean and std."""
        total = square = 0.0
        count = 0
        for batch in torch.arange(len(self)).split(256):
            for where, images, window in self._parts(batch):
                crops = images[..., window.y0 : window.y1, window.x0 : window.x1]
                x = preprocess.finish(crops, self.spec, self._maxima[batch[where]]).double()
                total, square, count = total + float(x.sum()), square + float((x * x).sum()), count + x.numel()
        mean = total / count
        return round(mean, 6), round(max(math.sqrt(max(square / count - mean * mean, 0.0)), 1e-6), 6)

    def batches(self, size: int) -> list[Tensor]:
        """Positions in order, in batches."""
        return list(torch.arange(len(self)).split(size))


class named:
    """Puts the name of the cutout before what is wrong with it."""

    def __init__(self, data_set: DataSet, index: int) -> None:
        self._name = data_set.items[index].name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ExplorerError):
            raise DatasetError(f"{self._name}: {error}") from error
