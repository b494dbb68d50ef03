"""Simulated VLASS radio galaxies with the class of each pixel: background, compact core, lobe, jet, artefact.

Made in memory, see ``pixel_labels/simulated.py``: with a folder, images and masks that lie there are read instead, as
``mask_folders`` does. Nothing here was observed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..schema import DatasetError
from . import mask_folders
from .items import DataSet
from .pixel_labels import CLASSES, MaskSet, simulate

TITLE = "Simulated VLASS masks"
LABEL_NAMES = CLASSES
SURVEY, FREQUENCY_GHZ = "VLASS (simulated)", 3.0
COUNT, HELD = 2000, {"validation": 200, "test": 200}
SEEDS = {"validation": 2_147_483_647, "test": 2_147_483_646}


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """``count`` images of a seed to train on (2,000), and always the same 200 to validate and 200 to test on."""
    if root is not None:
        return mask_folders.load(root, seed=seed, count=count)
    if not 0 <= seed < min(SEEDS.values()):
        raise DatasetError(f"A simulation seed is 0 to {min(SEEDS.values()) - 1}; the next ones are kept for testing.")
    parts = {"train": simulate(count or COUNT, seed=seed)}
    parts |= {part: simulate(held, seed=SEEDS[part]) for part, held in HELD.items()}
    items = tuple(replace(item, split=part) for part, made in parts.items() for item in made.items)
    one = parts["train"]
    whole = MaskSet(TITLE, items, CLASSES, one.beam_arcsec, one.pixel_scale_arcsec, one.licence, simulated=True)
    citation = "VLASS Explorer, vlass_explorer/datasets/simulated_masks.py"
    return whole.data_set(survey=SURVEY, frequency_ghz=FREQUENCY_GHZ, unit="Jy/beam", citation=citation)
