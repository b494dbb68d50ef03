"""Which cutouts a checkpoint is scored on: a data set, the split and fold that leave some out, and a part of those."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from .. import datasets, progress
from ..datasets import DataSet, splits
from ..datasets.stretched import stretched
from ..schema import Checkpoint, DatasetError, PartName, RunConfig
from .at_beam import at_beam
from .images import Images
from .leaderboard import configuration

PARTS: tuple[str, ...] = get_args(PartName)


@dataclass(frozen=True, eq=False)
class Part:
    """Items of a data set whose labels are indices into the label names of the checkpoint that is asked."""

    data_set: DataSet
    indices: tuple[int, ...]
    name: str = "chosen"
    """train, validation, test, calibration, all; or chosen one by one."""
    config: RunConfig | None = None
    """Says which split the part is of; None where it is of none."""
    apart: bool = False
    """True where cutouts near a training cutout are left out."""

    def __str__(self) -> str:
        place = f"{self.name} cutouts"
        if self.config is not None and self.name != "all":
            place = f"{self.name} of fold {self.config.fold} ({self.config.split} split)"
        return place + (f", {splits.SEPARATION:.0f} arcsec from any training cutout" if self.apart else "")

    def images(self, checkpoint: Checkpoint) -> Images:
        """The part as the checkpoint sees it, from the cache, where the whole data set is put if it is not there yet.

        Reports progress. What cannot be read is left out and named in ``unreadable``. Raises InputError for an unknown
        stretch.
        """
        spec, total, steps = checkpoint.input_spec, len(self.data_set), count(1)
        found = stretched(self.data_set, spec, allowed=1.0, check=lambda: progress.report(next(steps), total))
        return Images(self.data_set, self.indices, spec, found)


def config_of(
    card: Checkpoint, *, data_dir: str = "", dataset: str = "", split: str = "", fold: int | None = None
) -> RunConfig:
    """What decided the split that a checkpoint was trained on, as its card says; what is given stands instead."""
    known, own = card.provenance, configuration(card)
    return RunConfig(
        dataset=dataset or known.dataset or "class_folders",
        data_dir=data_dir,
        split=split or known.split or "authors",  # type: ignore[arg-type]  # splits.split checks it
        fold=(known.fold or 0) if fold is None else fold,
        split_seed=known.split_seed or 0,
        seed=known.seed or 0,
        train_count=int(own.get("train_count") or 0),
        match_beam=float(own.get("match_beam") or 0),
        calibration_fraction=float(own.get("calibration_fraction") or 0),
        field_of_view=card.input_spec.field_of_view,
    )


def open_data_set(config: RunConfig) -> DataSet:
    """The data set of a configuration, at its beam; DatasetError for an unknown reader or a folder that is no use."""
    root = Path(config.data_dir).expanduser() if config.data_dir else None
    found = datasets.load(config.dataset, root, seed=config.seed, count=config.train_count or None)
    return at_beam(found, config.match_beam)


def split_of(data_set: DataSet, config: RunConfig, *, to_train: bool = True) -> splits.Split:
    """The split of a configuration; ``to_train=False`` where the data set need not be one to learn from.

    What ``calibration_fraction`` sets aside is in none of its parts.
    """
    return split_and_aside(data_set, config, to_train=to_train)[0]


def split_and_aside(
    data_set: DataSet, config: RunConfig, *, to_train: bool = True
) -> tuple[splits.Split, NDArray[np.int64]]:
    """The split of a configuration, and the indices that ``calibration_fraction`` sets aside of its training part."""
    found = splits.split(
        data_set, config.split, config.fold, config.split_seed, config.field_of_view, to_train=to_train
    )
    if not config.calibration_fraction:
        return found, found.train[:0]
    way = (config.calibration_fraction, config.split, config.split_seed, config.field_of_view)
    train, aside = splits.set_aside(data_set, found.train, *way)
    return found._replace(train=train), aside


def select(card: Checkpoint, config: RunConfig, part: str = "validation", *, apart: bool = False) -> Part:
    """The part of a data set that a checkpoint is scored on.

    An empty ``part`` stands for validation, or for the only one of a data set that declares a single other part. The
    run's ``train_count`` cut down the data set that it names, no other. ``apart`` leaves out cutouts with a
    training cutout closer than 270 arcsec: what is left is independent on the sky. Raises DatasetError where there are
    no such cutouts, or some of a class that the checkpoint does not know.
    """
    if part and part not in PARTS:
        raise DatasetError(f"There is no part {part!r}; known are {', '.join(PARTS)}.")
    whole = data_set = open_data_set(replace(config, train_count=0))
    if not part:
        declared = {item.split for item in whole.items}
        part = next(iter(declared)) if len(declared) == 1 and declared <= {*PARTS} else "validation"
    if config.train_count and part != "all" and whole.title == card.provenance.data:
        data_set = open_data_set(config)
    indices = np.arange(len(data_set))
    if part != "all" or apart:
        parts, aside = split_and_aside(data_set, config, to_train=False)
        if part == "held out":
            part = "test" if len(parts.test) else "validation"
        if part != "all":
            indices = aside if part == "calibration" else getattr(parts, part)
        if apart:
            indices = splits.exclude_near(data_set.items, indices, parts.train)
    if not len(indices):
        raise DatasetError(
            f"The split {config.split!r} of {data_set.title} has no {part} part{' so far apart' if apart else ''}; "
            "choose another part."
        )
    kept = tuple(indices.tolist())
    return Part(relabel(data_set, card), kept, part, config, apart)


def relabel(data_set: DataSet, card: Checkpoint) -> DataSet:
    """The data set with labels that are indices into the checkpoint's label names; classes are matched by name.

    Classes of the checkpoint may be absent. Raises DatasetError where an item has a class that it does not know.
    """
    names, known = data_set.label_names, card.label_names
    if names == known:
        return data_set
    if data_set.is_masked or any(names[label] not in known for label in np.unique(data_set.labels)):
        raise DatasetError(
            f"{card.name} knows {', '.join(known)}; the data set has {', '.join(names)}: choose a data set without "
            "other classes."
        )
    order = [known.index(name) if name in known else -1 for name in names]
    items = tuple(replace(item, label=order[item.label]) for item in data_set.items)
    return replace(data_set, items=items, label_names=known)
