"""FIRST radio galaxy data set: FRI, FRII, Compact and Bent sources of the VLA FIRST survey at 1.4 GHz.

1,758 images of 300 x 300 pixels at 1.8 arcsec, 8-bit PNG with the noise clipped away, in the authors' five folds.
Row 0 of the PNG is the south, as in the FITS files they were made from (measured on seven sources that exist as both).

Labels: Griese et al. 2023, Data in Brief 47, 108974, https://doi.org/10.5281/zenodo.7120632 (MIT). Images: FIRST,
Becker, White & Helfand 1995, ApJ 450, 559; copyright 1994 University of California, for scholarly, educational and
private non-commercial use.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..schema import DatasetError
from . import class_folders
from .items import DataSet

TITLE = "FIRST radio galaxies"
LABEL_NAMES = ("Bent", "Compact", "FRI", "FRII")

FACTS: dict[str, Any] = {
    "title": TITLE,
    "label_names": LABEL_NAMES,
    "survey": "FIRST",
    "frequency_ghz": 1.4,
    "beam_arcsec": (5.4, 5.4),
    "pixel_scale_arcsec": 1.8,
    "unit": "Jy/beam",
    "row0": "south",
    "licence": "FIRST images: scholarly, educational and private non-commercial use; labels: MIT",
    "citation": "Griese et al. 2023, Data in Brief 47, 108974; Becker, White & Helfand 1995, ApJ 450, 559",
}
# The authors' file names: right ascension, declination, class number, catalogue. Used to know the set, nothing else.
NAME = re.compile(r"(?:.*/)?\d+\.\d+_-?\d+\.\d+_[0-3]_[A-Za-z0-9_-]+\.png")


def matches(root: Path) -> bool:
    """True for a folder that holds this data set, or a part of it, and does not describe itself otherwise."""
    if (root / "dataset.yaml").is_file():
        return False
    try:
        table = class_folders.rows(root)
    except DatasetError:
        return False
    return all(row["label"] in LABEL_NAMES and NAME.fullmatch(row["path"]) for row in table)


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """The data set from its folder (labels.csv or one sub-folder a class); errors as class_folders."""
    if root is None:
        raise DatasetError("This data set needs its folder: give data_dir.")
    return class_folders.assemble(root, class_folders.rows(root), FACTS, seed=seed, count=count)
