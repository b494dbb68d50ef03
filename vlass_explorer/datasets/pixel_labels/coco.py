"""COCO annotations (annotations/PART.json beside folders of images): polygons and run lengths as masks of classes.

Class 0 is the background, the others are the categories in their order. Where annotations overlap, the smaller one lies
on top, so that a core in a lobe stays; one with ``iscrowd`` is ``IGNORE``. RadioGalaxyNET (Gupta et al. 2024, PASA 41,
e001) comes in this form.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ... import cutouts
from ...foreign import mapped, reason
from ...schema import IGNORE, CutoutError, DatasetError
from .. import cache
from .items import Mask, MaskedItem, MaskSet
from .polygons import Inside, bounds, filled, run_lengths

PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}


def read_coco(root: Path) -> MaskSet:
    """All images that the files of ``annotations`` name, those of PART.json in the folder PART or in the folder itself.

    Raises DatasetError for missing or malformed files, for parts with other categories, and for images that are not
    there; what is wrong with an annotation is told when its mask is read.
    """
    files = sorted((root / "annotations").glob("*.json"))
    if not files:
        raise DatasetError(f"{root} has no annotations/*.json of COCO.")
    items: list[MaskedItem] = []
    names: tuple[str, ...] | None = None
    for file in files:
        with mapped(lambda error, file=file: DatasetError(f"{file} is no COCO file: {reason(error)}.")):  # type: ignore[misc]
            told = json.loads(file.read_bytes())
            categories = sorted(told["categories"], key=lambda each: int(each["id"]))
            own = ("background", *(str(each["name"]) for each in categories))
            label = {int(each["id"]): place for place, each in enumerate(categories, start=1)}
            marks: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
            for mark in told["annotations"]:
                marks[int(mark["image_id"])].append(mark)
            images = [(int(each["id"]), str(each["file_name"]), each) for each in told["images"]]
            shapes = {number: (int(each["height"]), int(each["width"])) for number, _, each in images}
        if len(own) > IGNORE or (names is not None and names != own):
            raise DatasetError(f"The categories of {file} are not those of {files[0].name}.")
        names = own
        folder = root / file.stem if (root / file.stem).is_dir() else root
        for number, name, _ in images:
            path = (folder / name).resolve()
            if not path.is_relative_to(root.resolve()) or not path.is_file():
                raise DatasetError(f"{file} names {cutouts.safe_name(name)}, which is not in {folder}.")
            marked = partial(_mask, marks[number], label, shapes[number])
            key = cache.file_key(path) + cache.file_key(file, number)
            items.append(MaskedItem(name, partial(cutouts.read, path), marked, PARTS.get(file.stem, ""), key))
    assert names is not None
    return MaskSet(root.name, tuple(items), names)


def _mask(marks: list[Mapping[str, Any]], label: Mapping[int, int], shape: tuple[int, int]) -> Mask:
    """Mask of one image, row 0 at the bottom as in the cutout of a picture."""
    drawn = []
    for mark in marks:
        inside = _inside(mark, shape)
        kind: Any = mark.get("category_id")
        if kind not in label:
            raise CutoutError(f"annotation {mark.get('id')} is of the category {kind}, which is none.")
        drawn.append((int(inside.sum()), IGNORE if mark.get("iscrowd") else label[kind], inside))
    mask = np.zeros(shape, np.uint8)
    for _, value, inside in sorted(drawn, key=lambda each: -each[0]):
        mask[inside] = value
    return mask[::-1]


def _inside(mark: Mapping[str, Any], shape: tuple[int, int]) -> Inside:
    """Pixels of one annotation; CutoutError that says which and why not."""
    which, outline = f"annotation {mark.get('id')}", mark.get("segmentation")
    with mapped(lambda error: CutoutError(f"{which} is malformed ({reason(error)}).")):
        if isinstance(outline, Mapping):
            inside = run_lengths(dict(outline))
        else:
            assert isinstance(outline, list), "it has no segmentation"
            inside = filled(outline, shape) if outline else np.zeros(shape, bool)
    if inside.shape != shape:
        ny, nx = inside.shape
        raise CutoutError(f"{which} has a mask of {nx} × {ny} pixels for an image of {shape[1]} × {shape[0]}.")
    if isinstance(outline, list) and outline:
        x0, x1, y0, y1 = bounds(outline)
        if x0 < -1 or y0 < -1 or x1 > shape[1] + 1 or y1 > shape[0] + 1:
            raise CutoutError(f"{which} reaches outside of its image of {shape[1]} × {shape[0]} pixels.")
    if not inside.any():
        raise CutoutError(f"{which} is empty: it marks no pixel.")
    return inside
