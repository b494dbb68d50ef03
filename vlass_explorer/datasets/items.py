"""What a labelled data set is: items that read themselves, and the facts that a model card needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..schema import Cutout, CutoutError, DatasetError, Row0


@dataclass(frozen=True)
class Item:
    """One labelled cutout. The name is for people and never enters a model: it may give the label away."""

    name: str
    label: int
    """Index into ``DataSet.label_names``."""
    source: Callable[[], Cutout] = field(repr=False, compare=False)
    ra: float | None = None
    """Right ascension and declination in degrees, where the data set says."""
    dec: float | None = None
    fold: int | None = None
    """The authors' validation fold."""
    split: str = ""
    """train, validation or test, where the data set says so instead of folds."""

    def read(self) -> Cutout:
        """The cutout; raises DatasetError that names the item where its file cannot be read."""
        try:
            return self.source()
        except CutoutError as error:
            raise DatasetError(f"{self.name}: {error}") from error


@dataclass(frozen=True)
class DataSet:
    """Labelled cutouts in a fixed order, with what they are: survey, resolution, licence."""

    title: str
    items: tuple[Item, ...]
    label_names: tuple[str, ...]
    survey: str | None = None
    frequency_ghz: float | None = None
    beam_arcsec: tuple[float, float] | None = None
    pixel_scale_arcsec: float | None = None
    unit: str | None = None
    row0: Row0 | None = None
    """Declared place of row 0 of images without coordinates; None leaves it to the reader."""
    licence: str = ""
    citation: str = ""
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.items)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Label index of each item (N,)."""
        return np.array([item.label for item in self.items], dtype=np.int64)

    @property
    def counts(self) -> dict[str, int]:
        """Number of items of each class."""
        found = np.bincount(self.labels, minlength=len(self.label_names))
        return dict(zip(self.label_names, found.tolist(), strict=True))

    def read(self, indices: Iterable[int] | None = None) -> list[Cutout]:
        """Cutouts of the chosen items (all by default); one DatasetError names all that cannot be read."""
        cutouts: list[Cutout] = []
        failures: list[str] = []
        for index in range(len(self)) if indices is None else indices:
            try:
                cutouts.append(self.items[index].read())
            except DatasetError as error:
                failures.append(str(error))
        if failures:
            more = f" ... and {len(failures) - 5} more" if len(failures) > 5 else ""
            raise DatasetError(f"{len(failures)} files cannot be read: {'; '.join(failures[:5])}{more}")
        return cutouts
