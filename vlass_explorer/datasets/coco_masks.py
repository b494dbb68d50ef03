"""COCO annotations as classes of pixels, see ``pixel_labels/coco.py``; RadioGalaxyNET comes in this form.

RadioGalaxyNET: Gupta et al. 2024, "RadioGalaxyNET: Dataset and novel computer vision algorithms for the detection of
extended radio galaxies and infrared hosts" (PASA 41, e001); pictures of the EMU pilot survey
of ASKAP at 943.5 MHz (Norris et al. 2021, PASA 38, e046: a beam of 13 by 11 arcsec, pixels of 2 arcsec), two of three
channels radio and the first infrared; CC BY-NC-SA. Its classes are whole sources: FR-I, FR-II, FR-X (neither), R (one
resolved peak). A dataset.yaml in the folder may say of other sets what the pictures cannot.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..schema import DatasetError
from .facts import facts
from .items import DataSet, subsample
from .mask_folders import FACTS
from .pixel_labels import read_coco

TITLE = "COCO annotations"
LABEL_NAMES = None
RADIOGALAXYNET = {"background", "FR-I", "FR-II", "FR-X", "R"}
SAID = {
    "title": "RadioGalaxyNET",
    "survey": "EMU pilot",
    "frequency_ghz": 0.9435,
    "beam_arcsec": (13.0, 11.0),
    "pixel_scale_arcsec": 2.0,
    "unit": "count",
    "licence": "CC BY-NC-SA 4.0 (CSIRO data collection 61068); non-commercial",
    "citation": "Gupta et al. 2024, PASA 41, e001",
    "colour": True,
}
"""What is published of RadioGalaxyNET and its pictures do not say."""


def matches(root: Path) -> bool:
    """True for a folder with annotations/*.json."""
    return any((root / "annotations").glob("*.json"))


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """All annotated images, or a seeded choice of ``count``; DatasetError where the folder is none of this kind."""
    if root is None:
        raise DatasetError("This data set needs a folder: give data_dir.")
    found, said = read_coco(root), facts(root)
    published = SAID if set(found.label_names) == RADIOGALAXYNET else {}
    keys = (*FACTS, "title", "beam_arcsec", "pixel_scale_arcsec", "licence", "simulated")
    whole = found.data_set(**{**published, **{key: said[key] for key in keys if key in said}})
    return replace(whole, items=subsample(whole.items, count, seed))
