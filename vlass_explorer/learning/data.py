"""The data of a run: its splits, decoded and stretched once into the cache; what cannot be read is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from .. import datasets, preprocess
from ..calibration.fitting import PARTS
from ..checkpoints import starting
from ..datasets import DataSet
from ..datasets.stretched import Stretched, stretched
from ..evaluation.images import Images
from ..evaluation.parts import open_data_set, split_and_aside, split_of
from ..options import nearest
from ..schema import ConfigError, DatasetError, InputSpec, RunConfig
from .images import TrainingImages


@dataclass
class Data:
    """Cutouts of a run, and the input description measured on the training split."""

    data_set: DataSet
    spec: InputSpec
    train: TrainingImages
    validation: Images
    stretched: Stretched
    test_indices: list[int]
    """Cutouts that no model looks at before the end of the run."""
    calibration_indices: list[int] = field(default_factory=list)
    """Cutouts that are set aside to calibrate the finished model on; empty where none were asked for."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Classes, in the order of the labels."""
        return tuple(self.data_set.label_names)

    @property
    def unreadable(self) -> dict[str, str]:
        """Name -> reason of the cutouts that were left out."""
        return {self.data_set.items[index].name: text for index, text in self.stretched.failures.items()}

    def test(self) -> Images:
        """The test split as at prediction."""
        return Images(self.data_set, self.test_indices, self.spec, self.stretched)

    def splits(self) -> dict[str, Any]:
        """Names of the cutouts of each split, for splits.json."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test()}
        aside = [self.data_set.items[index].name for index in self.calibration_indices]
        found = {**{part: images.names for part, images in parts.items()}, "unreadable": self.unreadable}
        return found | ({"calibration": aside} if aside else {})

    def class_fractions(self) -> dict[str, float]:
        """Share of each class in the training split, of its images or of their labelled pixels."""
        if self.data_set.is_masked:
            pixels = self.train.pixel_counts(len(self.label_names))
            return {name: float(n / pixels.sum()) for name, n in zip(self.label_names, pixels, strict=True)}
        counts = torch.bincount(self.train.labels, minlength=len(self.label_names))
        return {name: int(n) / len(self.train) for name, n in zip(self.label_names, counts, strict=True)}


def split_indices(data_set: DataSet, config: RunConfig) -> tuple[list[int], list[int]]:
    """Sample indices of the training and validation split; DatasetError where a class is missing in training."""
    found = split_of(data_set, config)
    train, validation = found.train.tolist(), found.validation.tolist()
    _check_classes([data_set.items[i].label for i in train], len(validation), data_set, config)
    return train, validation


def test_indices(data_set: DataSet, config: RunConfig) -> list[int]:
    """Sample indices of the test split, empty where there is none."""
    indices: list[int] = split_of(data_set, config).test.tolist()
    return indices


def calibration_indices(data_set: DataSet, config: RunConfig) -> list[int]:
    """Sample indices that ``calibration_fraction`` sets aside, empty where it is 0.

    DatasetError where they allow no calibration: each class needs five.
    """
    if not config.calibration_fraction:
        return []
    indices: list[int] = split_and_aside(data_set, config)[1].tolist()
    counts = Counter(data_set.items[index].label for index in indices)
    for k, name in enumerate(data_set.label_names):
        if counts[k] < PARTS:
            raise DatasetError(
                f"calibration_fraction={config.calibration_fraction:g} sets aside {counts[k]} cutouts of {name}, and "
                f"calibrating needs {PARTS} of each class: take a larger share, or 0 for none."
            )
    return indices


def _check_classes(labels: list[int], validation: int, data_set: DataSet, config: RunConfig) -> None:
    counts = Counter(labels)
    # Classes of pixels are counted once the masks are read.
    names = ["images"] if data_set.is_masked else data_set.label_names
    missing = [name for k, name in enumerate(names) if not counts[k]]
    if missing or not validation:
        what = f"no training cutout of {', '.join(missing)}" if missing else "no validation cutout"
        raise DatasetError(f"Fold {config.fold} of the split {config.split!r} has {what}; choose another split.")


def check_task(data_set: DataSet, config: RunConfig) -> None:
    """DatasetError where a data set has no masks and a run needs them, or has them and the run wants one label each."""
    if data_set.is_masked and config.task == "classification":
        raise DatasetError(f"{data_set.title} has a class for each pixel: set task=segmentation and its architecture.")
    if not data_set.is_masked and config.task == "segmentation":
        raise DatasetError(
            f"{data_set.title} has no masks: task=segmentation reads mask_folders, coco_masks and simulated_masks."
        )


def load(config: RunConfig, check: Callable[[], None]) -> Data:
    """The splits of a data set, whose stretched images come from the cache, or are put there now.

    ``check`` is called between cutouts and may raise, for a run that is asked to stop meanwhile. DatasetError names
    the cutouts that cannot be read where they are more than ``allow_unreadable`` allows.
    """
    known = list(preprocess.STRETCHES)
    if config.stretch not in known:
        raise ConfigError(f"There is no stretch {config.stretch!r}{nearest(config.stretch, known)}.")
    data_set = open_data_set(config)
    check_task(data_set, config)
    train_indices, validation_indices = split_indices(data_set, config)
    card = starting.starting_checkpoint(config)
    start = None if card is None else card.input_spec
    spec = datasets.input_spec(data_set, config, start=start)
    images = stretched(data_set, spec, config, allowed=config.allow_unreadable, check=check)
    train = TrainingImages(data_set, train_indices, spec, config, images)
    _check_classes(train.labels.tolist(), len(validation_indices), data_set, config)
    if start is None or not datasets.same_pixels(spec, start):
        mean, std = train.statistics()
        spec = replace(spec, mean=(mean,), std=(std,))
    train.spec = spec
    if data_set.is_masked:
        counts = zip(data_set.label_names, train.pixel_counts(len(data_set.label_names)).tolist(), strict=True)
        if absent := [name for name, count in counts if not count]:
            raise DatasetError(
                f"No training pixel of {data_set.title} is {' or '.join(absent)}: leave the class out, or label some."
            )
    validation = Images(data_set, validation_indices, spec, images)
    _check_classes(train.labels.tolist(), len(validation), data_set, config)
    aside = calibration_indices(data_set, config)
    return Data(data_set, spec, train, validation, images, test_indices(data_set, config), aside)
