"""Simulated strong lenses in the classes, image sizes and noise of DeepLense: any number, from a seed.

``data_dir`` names the model: Model_I (150 x 150 pixels, Gaussian point spread, SNR about 25), Model_II (64 x 64,
Euclid; also without data_dir) or Model_III (64 x 64, HST). The physics is in ``lens_model.py``; it needs lenstronomy,
which ``pip install 'vlass-explorer[lenses]'`` brings. These are our own images, not those of the authors: a figure
found on them is not comparable with a published one.

Alexander et al. 2020, ApJ 893, 15; lenstronomy: Birrer et al. 2021, JOSS 6, 3283.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ..schema import Cutout, DatasetError, Origin
from . import deeplense, lens_model
from .items import DataSet, Item, array_cutout
from .lens_model import INSTRUMENTS

TITLE = "Simulated lenses"
LABEL_NAMES = lens_model.SUBSTRUCTURES
VERSION = 1  # changes with the images, so that the cache keeps none of the old ones
COUNT, HELD = 3000, {"validation": 600, "test": 600}
SEEDS = {"validation": 2_147_483_647, "test": 2_147_483_646}
LICENCE = "MIT (simulated by VLASS Explorer)"


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """``count`` training images of a seed (3,000), and always the same 600 to validate and 600 to test on.

    Items are made when they are read. A folder that exists is read as DeepLense's own, as ``write`` leaves them.
    """
    if root is not None and root.is_dir():
        return deeplense.load(root, seed=seed, count=count)
    model = "Model_II" if root is None else root.name
    if model not in INSTRUMENTS or not 0 <= seed < min(SEEDS.values()):
        raise DatasetError(f"data_dir is a folder or one of {', '.join(INSTRUMENTS)}, and a seed is 0 to 2147483645.")
    lens_model.require_lenstronomy()
    items = [item(model, seed, index, "train") for index in range(count or COUNT)]
    items += [item(model, SEEDS[part], index, part) for part, held in HELD.items() for index in range(held)]
    return DataSet(
        title=f"{TITLE} {model}",
        items=tuple(items),
        label_names=LABEL_NAMES,
        licence=LICENCE,
        citation="VLASS Explorer, vlass_explorer/datasets/simulated_lenses.py",
        simulated=True,
    )


def item(model: str, seed: int, index: int, split: str = "") -> Item:
    """Item ``index`` of a seed: classes take turns."""
    name = f"{model}_{seed}_{index:06d}"
    source, key = partial(cutout, model, seed, index), f"lens {VERSION} {name}"
    return Item(name, index % len(LABEL_NAMES), source, split=split, key=key)


def cutout(model: str, seed: int, index: int) -> Cutout:
    """One image, with the mass of its axion as AXIONM (eV) in the header where there is one."""
    random = np.random.default_rng(np.random.SeedSequence((seed, index)))
    lens = lens_model.draw(LABEL_NAMES[index % len(LABEL_NAMES)], random)
    pixels = lens_model.observe(lens, INSTRUMENTS[model], random)
    header = {} if lens.axion_mass is None else {"AXIONM": lens.axion_mass}
    return array_cutout(f"{model}_{seed}_{index:06d}", pixels, header=header, origin=Origin(simulated=True))


def write(root: Path, model: str, train: int, test: int, seed: int = 0) -> DataSet:
    """Write images in DeepLense's layout into a new folder; those of axions are flat, their mass the last number."""
    if root.exists():
        raise DatasetError(f"{root} is there already: simulated lenses are never mixed with other files.")
    for part, count, drawn in (("train", train, seed), ("test", test, SEEDS["test"])):
        for index in range(count):
            image = cutout(model, drawn, index)
            label = LABEL_NAMES[index % len(LABEL_NAMES)]
            values = np.append(image.pixels, image.header["AXIONM"]) if "AXIONM" in image.header else image.pixels
            path = root / part / label / f"{label}_sim_{drawn}_{index:06d}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, values, allow_pickle=False)
    return deeplense.load(root)
