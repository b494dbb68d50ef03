"""Stretched images of a whole data set, decoded once into the cache and mapped into memory from there.

What is kept of a cutout is what training can ever look at: its stretched native pixels, at full resolution, in and
around the field of view, so far that any rotation, zoom and shift finds its sky; and the noise and the maximum of the
whole cutout. An entry follows from the files, the ``InputSpec`` and the reach of the augmentation alone, so that folds,
recipes and the evaluation of one data set share it.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from .. import augment, preprocess
from ..schema import (
    IGNORE,
    Cutout,
    Cutouts,
    DatasetError,
    ExplorerError,
    FloatArray,
    InputSpec,
    RunConfig,
    UnreadableItem,
    Window,
)
from . import cache, identity
from .items import DataSet, Item, unreadable

FORMAT = 4  # changes when what is written, or how a stretch computes it, changes
# Fields of InputSpec that decide the stretched pixels and the field of view.
SPEC = (
    "stretch",
    "clip_sigma",
    "softening",
    "percentiles",
    "field_of_view",
    "field_of_view_pixels",
    "unit",
    "colour",
)
ZOOM, SHIFT = 0.25, 16.0  # reach of every entry, so that usual augmentations share one
TOLD = 20  # unreadable files after which no more are looked for

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Stretched:
    """Images of all items of a data set: those of one shape and field of view lie in one group."""

    groups: tuple[Image, ...]
    """Memory-mapped, each (n, chan, h, w), NaN for no data, read-only."""
    windows: tuple[Window, ...]
    """Field of view of each group, in its pixels; it may reach beyond them, where there is no sky."""
    place: NDArray[np.int64]
    """Group and row of each item (N, 2); -1 where it cannot be read."""
    rms: NDArray[np.float64]
    """Noise of each whole cutout (N,), NaN where there is none to measure."""
    maxima: NDArray[np.float32]
    """Maximum of each whole stretched cutout (N,)."""
    content: NDArray[np.str_]
    """Hash of the pixels of each cutout as read (N,), see ``identity``; "" where it cannot be read."""
    centres: FloatArray
    """ICRS right ascension and declination of each cutout's centre in degrees (N, 2), NaN without coordinates."""
    failures: Mapping[int, str]
    """Items that cannot be read, with the sentence that names each."""
    masks: tuple[NDArray[np.uint8], ...] = ()
    """Sets with masks: class of each pixel of the groups, each (n, chan, h, w); ``IGNORE`` without data."""

    def labels(self, group: int, rows: Sequence[int], window: Window) -> NDArray[np.uint8]:
        """The window of masks of one group (len(rows), h, w), ``IGNORE`` outside them."""
        found = np.full((len(rows), *window.shape), IGNORE, np.uint8)
        masks = self.masks[group][:, 0]
        y0, x0, (ny, nx) = max(window.y0, 0), max(window.x0, 0), masks.shape[1:]
        y1, x1 = max(min(window.y1, ny), y0), max(min(window.x1, nx), x0)
        part = masks[list(rows), y0:y1, x0:x1]
        found[:, y0 - window.y0 : y1 - window.y0, x0 - window.x0 : x1 - window.x0] = part
        return found

    def crops(self, group: int, rows: Sequence[int], window: Window) -> Image:
        """The window of images of one group (len(rows), chan, h, w), NaN outside them."""
        images = self.groups[group]
        y0, x0 = max(window.y0, 0), max(window.x0, 0)
        part = images[:, :, y0 : max(window.y1, y0), x0 : max(window.x1, x0)][list(rows)]
        local = Window(window.y0 - y0, window.y1 - y0, window.x0 - x0, window.x1 - x0)
        return part if part.shape[-2:] == window.shape else preprocess.crop(part, local)


def stretched(
    data_set: DataSet,
    spec: InputSpec,
    config: RunConfig | None = None,
    *,
    allowed: float = 0.0,
    check: Callable[[], None] = lambda: None,
) -> Stretched:
    """Stretched images of a data set from the cache, where they are put if they are not there yet.

    ``config`` says how far augmentation reaches. ``check`` is called between cutouts and may raise. Raises
    DatasetError that names what cannot be read where that is more than the share ``allowed`` of the items, InputError
    for an unknown stretch.
    """
    preprocess.stretch_of(spec)  # what no cutout could be read with is not the cutouts' fault
    config = config or RunConfig()
    config = replace(config, rotate=True, zoom=max(config.zoom, ZOOM), shift=max(config.shift, SHIFT))
    keys = [item.key for item in data_set.items]
    decided = [getattr(spec, name) for name in SPEC]
    kind = ["masks", *data_set.label_names] if data_set.is_masked else []
    key = json.dumps([FORMAT, decided, config.zoom, config.shift, keys, *kind]) if all(keys) else ""

    def entry() -> Path:
        return cache.entry(key, lambda folder: _build(folder, data_set, spec, config, allowed, check), check)

    folder = entry()
    found = _open(folder)
    if _can_be_read_again(data_set, spec, found.failures):
        cache.forget(folder)
        folder = entry()
        found = _open(folder)
    weakref.finalize(found, cache.release, folder)
    _accept(found.failures, len(data_set), allowed)
    return found


def identities(data_set: DataSet, images: Stretched, indices: Sequence[int]) -> Cutouts:
    """Content and places of chosen items (N); a place is that of the data set's table, else the cutout's centre."""
    chosen = np.asarray(indices, dtype=np.int64)
    places = images.centres[chosen]
    for row, index in enumerate(chosen.tolist()):
        item = data_set.items[index]
        if item.ra is not None and item.dec is not None:
            places[row] = item.ra, item.dec
    return Cutouts(images.content[chosen], places)


def _accept(failures: Mapping[int, str], count: int, allowed: float) -> None:
    if len(failures) > allowed * count:
        raise DatasetError(unreadable(list(failures.values())))


def _can_be_read_again(data_set: DataSet, spec: InputSpec, failures: Iterable[int]) -> bool:
    """True where what an entry calls unreadable is not, for a disk that is back or a permission that was given."""
    for index in islice(failures, TOLD):
        with suppress(ExplorerError):
            _image(data_set.items[index], spec)
            return True
    return False


def _image(item: Item, spec: InputSpec) -> tuple[Cutout, Image, Window]:
    """A cutout, its stretched pixels (chan, ny, nx) and the field of view on them; typed errors where it has none."""
    cutout = item.read()
    return cutout, preprocess.stretched(cutout, spec).reshape(-1, *cutout.shape), preprocess.window(cutout, spec)


def _mask(item: Item, cutout: Cutout) -> NDArray[np.uint8] | None:
    """The mask of an item (1, ny, nx), None where the set has none; UnreadableItem as its reader says."""
    if item.mask is None:
        return None
    mask = item.mask()
    if mask.shape != cutout.shape:
        (my, mx), (ny, nx) = mask.shape, cutout.shape
        raise UnreadableItem(item.name, f"its mask has {mx} × {my} pixels and the image {nx} × {ny}.")
    return np.where(np.isfinite(cutout.pixels), mask, np.uint8(IGNORE))[None]


def _build(
    folder: Path, data_set: DataSet, spec: InputSpec, config: RunConfig, allowed: float, check: Callable[[], None]
) -> None:
    """Write the images of each group as they come, then the table of items."""
    count = len(data_set)
    place, rms, maxima = np.full((count, 2), -1), np.full(count, np.nan), np.zeros(count, np.float32)
    hashes, centres = np.full(count, "", "U16"), np.full((count, 2), np.nan)
    failures: dict[int, str] = {}
    with Groups(folder) as groups, Groups(folder, "masks") as labels:
        for index, item in enumerate(data_set.items):
            check()
            try:
                cutout, image, window = _image(item, spec)
                mask = _mask(item, cutout)
            except ExplorerError as error:
                failures[index] = str(error) if isinstance(error, UnreadableItem) else f"{item.name}: {error}"
                if len(failures) > allowed * count + TOLD:
                    break
                continue
            wide = augment.reach(window, config)
            y0, x0 = max(wide.y0, 0), max(wide.x0, 0)
            part = image[:, y0 : max(wide.y1, y0), x0 : max(wide.x1, x0)]
            inner = Window(window.y0 - y0, window.y1 - y0, window.x0 - x0, window.x1 - x0)
            place[index] = groups.add(part, inner)
            if mask is not None:
                own = mask[:, y0 : max(wide.y1, y0), x0 : max(wide.x1, x0)]
                labels.add(np.broadcast_to(own, part.shape), inner)  # as many channels, so in the same group and row
            if cutout.noise is not None:
                rms[index] = cutout.noise.rms * preprocess.unit_factor(cutout, spec)
            maxima[index] = float(preprocess.maximum(torch.from_numpy(image)[None])[0])
            hashes[index], centres[index] = identity.content(cutout), identity.centre(cutout) or (np.nan, np.nan)
        _accept(failures, count, allowed)
    np.savez(folder / "items.npz", place=place, rms=rms, maxima=maxima, content=hashes, centres=centres)
    told = {"windows": groups.windows, "failures": failures}
    (folder / "groups.json").write_text(json.dumps(told), encoding="utf-8")


def _open(folder: Path) -> Stretched:
    told = json.loads((folder / "groups.json").read_text(encoding="utf-8"))
    images, masks = (
        tuple(
            np.load(file, mmap_mode="r", allow_pickle=False)
            for n in range(len(told["windows"]))
            if (file := folder / f"{kind}{n}.npy").exists()
        )
        for kind in ("images", "masks")
    )
    with np.load(folder / "items.npz", allow_pickle=False) as items:
        return Stretched(
            images,
            tuple(Window(*window) for window in told["windows"]),
            items["place"],
            items["rms"],
            items["maxima"],
            items["content"],
            items["centres"],
            {int(index): text for index, text in told["failures"].items()},
            masks,
        )


class Groups:
    """Files of images of one shape and field of view each, written one image at a time, finished on leaving."""

    def __init__(self, folder: Path, kind: str = "images") -> None:
        self._folder, self._kind = folder, kind
        self._files: dict[tuple[int, ...], BinaryIO] = {}
        self._counts: list[int] = []

    def __enter__(self) -> Groups:
        return self

    def __exit__(self, *_: object) -> None:
        for (kind, file), count in zip(self._files.items(), self._counts, strict=True):
            with file:
                file.seek(0)
                self._header(file, count, kind, self._type)

    @property
    def windows(self) -> list[tuple[int, ...]]:
        """Field of view of each group as (y0, y1, x0, x1)."""
        return [kind[3:] for kind in self._files]

    def add(self, image: NDArray[Any], window: Window) -> tuple[int, int]:
        """Group and row of an image (chan, h, w) that is written now."""
        kind = (*image.shape, window.y0, window.y1, window.x0, window.x1)
        if kind not in self._files:
            self._files[kind] = (self._folder / f"{self._kind}{len(self._files)}.npy").open("wb")
            self._counts.append(0)
            self._type = image.dtype.str
            self._header(self._files[kind], 0, kind, self._type)
        group = list(self._files).index(kind)
        self._files[kind].write(image.tobytes())
        self._counts[group] += 1
        return group, self._counts[group] - 1

    @staticmethod
    def _header(file: BinaryIO, count: int, kind: tuple[int, ...], descr: str) -> None:
        """The NPY header; numpy leaves room in it for the first axis to grow."""
        shape = (count, *kind[:3])
        npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
