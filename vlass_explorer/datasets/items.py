"""What a labelled data set is: items that read themselves, and the facts that a model card needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measure import noise
from ..schema import Cutout, CutoutError, DatasetError, ExplorerError, Origin, Row0, UnreadableItem


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
    mask: Callable[[], NDArray[np.uint8]] | None = field(default=None, repr=False, compare=False)
    """Sets with masks: class of each pixel (ny, nx), row 0 as in the cutout, ``IGNORE`` where it is not known."""
    key: str = field(default="", repr=False, compare=False)
    """What the cutout depends on (file, size, time of change; or seed), for the cache; empty: never kept in it."""

    def read(self) -> Cutout:
        """The cutout; raises UnreadableItem where its file cannot be read."""
        try:
            return self.source()
        except ExplorerError as error:
            raise UnreadableItem(self.name, str(error)) from error


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
    keep_zeros: bool = False
    """True where edges filled with zeros are data."""
    licence: str = ""
    citation: str = ""
    simulated: bool = False
    colour: bool = False
    """True where images are colour pictures, of which a model of three channels takes all three."""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def is_masked(self) -> bool:
        """Has each pixel a class, and the images none?"""
        return any(item.mask is not None for item in self.items)

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
            raise DatasetError(unreadable(failures))
        return cutouts


def unreadable(failures: Sequence[str]) -> str:
    """One sentence on the cutouts that cannot be read, from sentences that name each."""
    more = f" ... and {len(failures) - 5} more" if len(failures) > 5 else ""
    named = "; ".join(text.rstrip(".") for text in failures[:5])
    return f"{len(failures)} files cannot be read: {named}{more}."


def subsample(items: Sequence[Item], count: int | None, seed: int) -> tuple[Item, ...]:
    """A seeded random choice of ``count`` items in their order; all of them without a count."""
    if not count or count >= len(items):
        return tuple(items)
    kept = np.random.default_rng(seed).permutation(len(items))[:count]
    return tuple(items[index] for index in sorted(kept))


def array_cutout(
    name: str,
    pixels: NDArray[Any],
    *,
    colour: NDArray[Any] | None = None,
    origin: Origin | None = None,
    header: Mapping[str, Any] | None = None,
) -> Cutout:
    """Cutout of an array (ny, nx) that a data set keeps without file of its own; infinite values become NaN."""
    plane = np.array(pixels, dtype=np.float32, order="C")
    plane[np.isinf(plane)] = np.nan
    if not np.isfinite(plane).any():
        raise CutoutError("Every pixel is empty (NaN or infinite).")
    planes = None if colour is None else np.ascontiguousarray(colour, np.float32)
    digest = hashlib.sha256((plane if planes is None else planes).tobytes()).hexdigest()
    return Cutout(
        name,
        plane,
        noise=noise(plane),
        header=header or {},
        origin=origin or Origin(),
        kind="array",
        sha256=digest,
        colour=planes,
    )
