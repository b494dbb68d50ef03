"""What a set of labelled pixels is: images that read themselves with their masks, and what is checked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schema import IGNORE, Cutout, DatasetError, ExplorerError, UnreadableItem
from ..items import DataSet, Item

Mask = NDArray[np.uint8]
"""Class of each pixel (ny, nx), row 0 as in the cutout; ``IGNORE`` where it is not known."""


@dataclass(frozen=True)
class MaskedItem:
    """One image and its mask."""

    name: str
    source: Callable[[], Cutout] = field(repr=False, compare=False)
    labels: Callable[[], Mask] = field(repr=False, compare=False)
    split: str = ""
    """train, validation or test, where the set says so."""
    key: str = field(default="", repr=False, compare=False)
    """What image and mask depend on, for the cache, as in ``datasets.Item``."""
    fluxes: Callable[[], Mapping[str, float]] | None = field(default=None, repr=False, compare=False)
    """Simulated images: noise-free flux in Jy of the source inside the mask of each class."""

    def mask(self, classes: int) -> Mask:
        """The mask, every label below ``classes`` or ``IGNORE``; UnreadableItem for another, or for no label at all."""
        try:
            found = self.labels()
        except UnreadableItem:
            raise
        except ExplorerError as error:
            raise UnreadableItem(self.name, str(error)) from error
        known = np.unique(found)
        if unknown := [int(label) for label in known if label >= classes and label != IGNORE]:
            raise UnreadableItem(self.name, f"its mask holds the label {unknown[0]}, but there are {classes} classes.")
        if known.tolist() == [IGNORE]:
            raise UnreadableItem(self.name, "its mask is empty: not one pixel has a label.")
        return found

    def read(self, classes: int) -> tuple[Cutout, Mask]:
        """Image and mask of one size; UnreadableItem where either cannot be read or they differ in size."""
        mask = self.mask(classes)
        try:
            cutout = self.source()
        except ExplorerError as error:
            raise UnreadableItem(self.name, str(error)) from error
        if cutout.pixels.shape != mask.shape:
            (my, mx), (ny, nx) = mask.shape, cutout.pixels.shape
            raise UnreadableItem(self.name, f"its mask has {mx} × {my} pixels and the image {nx} × {ny}.")
        return cutout, mask


@dataclass(frozen=True)
class MaskSet:
    """Images with masks in a fixed order; the first of ``label_names`` is the background."""

    title: str
    items: tuple[MaskedItem, ...]
    label_names: tuple[str, ...]
    beam_arcsec: tuple[float, float] | None = None
    pixel_scale_arcsec: float | None = None
    licence: str = ""
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.items)

    def data_set(self, **facts: Any) -> DataSet:
        """The set as one that a run can train on; ``facts`` are further fields of ``DataSet``.

        Its images have no class of their own: all bear the first one.
        """
        classes = len(self.label_names)
        items = tuple(
            Item(one.name, 0, one.source, split=one.split, mask=partial(one.mask, classes), key=one.key)
            for one in self.items
        )
        own = {
            "title": self.title,
            "beam_arcsec": self.beam_arcsec,
            "pixel_scale_arcsec": self.pixel_scale_arcsec,
            "licence": self.licence,
            "simulated": self.simulated,
        }
        return DataSet(**{**own, **facts}, items=items, label_names=self.label_names)

    def pairs(self, split: str = "") -> list[tuple[Cutout, Mask]]:
        """Images and masks of a part (all of them by default)."""
        return [item.read(len(self.label_names)) for item in self.items if split in ("", item.split)]

    def counts(self) -> dict[str, int]:
        """Pixels of each class over all masks; DatasetError for a class that has none: it could not be learnt."""
        total = np.zeros(IGNORE + 1, np.int64)
        for item in self.items:
            total += np.bincount(item.mask(len(self.label_names)).ravel(), minlength=IGNORE + 1)
        found = dict(zip(self.label_names, total.tolist(), strict=False))
        if absent := [name for name, count in found.items() if not count]:
            raise DatasetError(
                f"No pixel of {self.title} is {' or '.join(absent)}: leave the class out, or label some."
            )
        return found
