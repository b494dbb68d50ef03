"""The data of a run: decoded and stretched once into the cache, handed out as batches of sample indices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vlass_explorer import datasets
from vlass_explorer.datasets import DataSet, splits
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.schema import ConfigError, DatasetError, InputSpec, RunConfig

from .images import Images
from .seeds import ORDER, generator

__all__ = ["Batches", "Data", "Images", "load", "open_data_set", "split_indices"]


@dataclass
class Data:
    """Training and validation cutouts of a run, and the input description measured on the training split."""

    data_set: DataSet
    spec: InputSpec
    train: Images
    validation: Images

    @property
    def label_names(self) -> tuple[str, ...]:
        """Classes, in the order of the labels."""
        return tuple(self.data_set.label_names)

    def splits(self) -> dict[str, Any]:
        """Names of the cutouts of each split, for splits.json."""
        names = [item.name for item in self.data_set.items]
        return {
            "train": [names[i] for i in self.train.indices],
            "validation": [names[i] for i in self.validation.indices],
        }

    def class_fractions(self) -> dict[str, float]:
        """Share of each class in the training split."""
        counts = torch.bincount(self.train.labels, minlength=len(self.label_names))
        return {name: int(n) / len(self.train) for name, n in zip(self.label_names, counts, strict=True)}


def open_data_set(config: RunConfig) -> DataSet:
    """The data set of a configuration; DatasetError for an unknown reader or a folder that is no use."""
    root = Path(config.data_dir).expanduser() if config.data_dir else None
    return datasets.load(config.dataset, root, seed=config.seed, count=config.train_count or None)


def split_indices(data_set: DataSet, config: RunConfig) -> tuple[list[int], list[int]]:
    """Sample indices of the training and validation split; DatasetError where a class is missing in training."""
    found = splits.split(data_set, config.split, config.fold, config.split_seed, config.field_of_view)
    train, validation = found.train.tolist(), found.validation.tolist()
    counts = Counter(data_set.items[i].label for i in train)
    missing = [name for k, name in enumerate(data_set.label_names) if not counts[k]]
    if missing or not validation:
        what = f"no training cutout of {', '.join(missing)}" if missing else "no validation cutout"
        raise DatasetError(f"Fold {config.fold} of the split {config.split!r} has {what}; choose another split.")
    return train, validation


def load(config: RunConfig, check: Callable[[], None]) -> Data:
    """The splits of a data set, whose stretched images come from the cache, or are put there now.

    ``check`` is called between cutouts and may raise, for a run that is asked to stop meanwhile.
    """
    data_set = open_data_set(config)
    train_indices, validation_indices = split_indices(data_set, config)
    try:
        spec = datasets.input_spec(data_set, config)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    images = stretched(data_set, spec, config, check=check)
    train = Images(data_set, train_indices, spec, config, images)
    mean, std = train.statistics()
    spec = replace(spec, mean=(mean,), std=(std,))
    train.spec = spec
    validation = Images(data_set, validation_indices, spec, None, images)
    return Data(data_set, spec, train, validation)


class Batches:
    """Training batches as tensors of positions in the training split; the order depends on (seed, epoch) alone.

    The last, incomplete batch of an epoch is left out (another order fills it next time). Lightning saves and restores
    the position, so that a resumed epoch goes on where it was.
    """

    def __init__(self, labels: Tensor, config: RunConfig) -> None:
        self._labels, self._config = labels, config
        self._epoch = self._next = 0
        self._resumed = False
        self.sampler = self

    def __len__(self) -> int:
        return max(1, len(self._labels) // self._config.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self._epoch = epoch

    def order(self, epoch: int) -> Tensor:
        """Positions in the order of one epoch, (N,)."""
        random = generator(ORDER, self._config.seed, epoch)
        if not self._config.balance:
            return torch.randperm(len(self._labels), generator=random)
        counts = torch.bincount(self._labels).float().clamp_min(1.0)
        chances = (counts.mean() / counts)[self._labels] ** self._config.balance
        return torch.multinomial(chances, len(self._labels), replacement=True, generator=random)

    def __iter__(self) -> Iterator[Tensor]:
        # A generator: nothing below runs before the first batch is asked for, when the epoch is known.
        start = self._next if self._resumed else 0
        self._resumed = False
        size = self._config.batch_size
        batches = self.order(self._epoch)[: len(self) * size].split(size)
        for index in range(start % len(self), len(self)):
            self._next = index + 1
            yield batches[index]

    def state_dict(self) -> dict[str, int]:
        """Position of the next batch in its epoch."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue at a saved position."""
        self._next, self._resumed = state["next"], True


class Ordered:
    """Validation batches as tensors of positions, in order. (Lightning takes a plain list for several loaders.)"""

    def __init__(self, batches: list[Tensor]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._batches)
