"""The order in which a run sees its cutouts, and the processes that may augment them ahead of it."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vlass_explorer.learning.images import TrainingImages
from vlass_explorer.learning.seeds import ORDER, generator
from vlass_explorer.schema import RunConfig

from . import ranks

__all__ = ["Batch", "Batches", "Ordered"]

Request = tuple[int, Tensor]
"""Epoch and positions in the training split (B,)."""
Batch = Tensor | tuple[Tensor, Tensor, Tensor]
"""Positions (B,), or from loader processes also the augmented inputs (B, C, S, S) and labels (B,)."""


class Batches:
    """Training batches; the order depends on (seed, epoch) alone.

    The last, incomplete batch of an epoch is left out (another order fills it next time). Lightning saves and restores
    the position, so that a resumed epoch goes on where it was. With ``images`` and workers, loader processes augment;
    each sample's augmentation depends on (seed, epoch, sample), so their number changes nothing.
    """

    def __init__(self, labels: Tensor, config: RunConfig, images: TrainingImages | None = None) -> None:
        self._labels, self._config = labels, config
        self._epoch = self._next = self._start = 0
        self._resumed = False
        self._loader: DataLoader[Batch] | None = None
        if images is not None and config.workers:
            self._loader = DataLoader(
                _Augmented(images),
                batch_size=None,
                sampler=_Requests(self),
                num_workers=config.workers,
                persistent_workers=True,
                worker_init_fn=_stay,
                multiprocessing_context="fork" if sys.platform == "linux" else None,
            )
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

    def positions(self) -> list[Tensor]:
        """What is left of this epoch, in batches."""
        size = self._config.batch_size
        batches = self.order(self._epoch)[: len(self) * size].split(size)[self._start :]
        return [ranks.shard(batch, self._config) for batch in batches]

    def requests(self) -> Iterator[Request]:
        """What is left of this epoch, as loader processes are asked for it."""
        return ((self._epoch, batch) for batch in self.positions())

    def __iter__(self) -> Iterator[Batch]:
        # A generator: nothing below runs before the first batch is asked for, when the epoch is known.
        self._start = self._next % len(self) if self._resumed else 0
        self._resumed = False
        with warnings.catch_warnings():
            # Python 3.12 warns of the threads of torch; they hold no lock that a loader process needs.
            warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*")
            batches: Iterator[Batch] = iter(self.positions()) if self._loader is None else iter(self._loader)
        for index in range(self._start, len(self)):
            batch = next(batches)
            self._next = index + 1
            yield batch

    def close(self) -> None:
        """End the loader processes."""
        self._loader = None

    def state_dict(self) -> dict[str, int]:
        """Position of the next batch in its epoch."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue at a saved position."""
        self._next, self._resumed = state["next"], True


class _Requests:
    """Hands the requests of the coming epoch to the loader, each time it starts over."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Request]:
        return self._batches.requests()

    def __len__(self) -> int:
        return len(self._batches)


class _Augmented(Dataset[Batch]):
    """Augments whole batches in a loader process."""

    def __init__(self, images: TrainingImages) -> None:
        self._images = images

    def __getitem__(self, request: Request) -> Batch:
        epoch, positions = request
        return (positions, *self._images.augmented(positions, epoch))


def _stay(worker: int) -> None:
    """A signal to the whole process group is for the trainer, which still wants to finish its step and save."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Ordered:
    """Validation batches as tensors of positions, in order; Lightning takes a plain list for several loaders."""

    def __init__(self, batches: list[Tensor]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._batches)
