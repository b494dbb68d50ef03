"""A folder with images and masks: a class for each pixel of each image, see ``pixel_labels/folders.py``.

``images`` holds the cutouts and ``masks`` a PNG or FITS mask of the same name and size for each; dataset.yaml names the
classes (label_names, the background first) and may say survey, frequency_ghz, beam_arcsec, pixel_scale_arcsec, unit,
licence and citation. A folder ``annotations`` of COCO files is read by ``coco_masks``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..schema import DatasetError
from .facts import facts
from .items import DataSet, subsample
from .pixel_labels import read_folder

TITLE = "Images with masks"
LABEL_NAMES = None
FACTS = ("survey", "frequency_ghz", "unit", "citation", "colour", "row0")


def matches(root: Path) -> bool:
    """True for a folder with images and masks."""
    return (root / "images").is_dir() and (root / "masks").is_dir()


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """All images of the folder, or a seeded choice of ``count``; DatasetError where it is none of this kind."""
    if root is None:
        raise DatasetError("This data set needs a folder: give data_dir.")
    said = facts(root)
    known = {key: said[key] for key in FACTS if key in said}
    found = read_folder(root).data_set(**known)
    return replace(found, items=subsample(found.items, count, seed))
