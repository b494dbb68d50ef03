"""Training and validation indices of a data set: the authors' folds, sky-disjoint folds, or random ones.

Folds are five. The sky-disjoint ones keep together what may be one source or one field: sources closer than 270 arcsec
(half the width of a FIRST image), and whatever such pairs chain together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..schema import DatasetError
from .items import DataSet, Item

FOLDS = 5
SEPARATION = 270.0  # arcsec
KINDS = ("authors", "sky", "random")

Indices = NDArray[np.int64]


def split(data_set: DataSet, kind: str, fold: int = 0, seed: int = 0) -> tuple[Indices, Indices]:
    """Training and validation indices, ascending and disjoint; items whose split is "test" are in neither.

    Raises DatasetError for fewer than two classes, a class with one item, an unknown kind, a fold that is empty or
    holds everything, "authors" where the data set has no folds, "sky" where positions are unknown.
    """
    usable = np.array([index for index, item in enumerate(data_set.items) if item.split != "test"], dtype=np.int64)
    check_classes(data_set, usable)
    folds = FINDERS[kind](data_set, usable, seed) if kind in FINDERS else None
    if folds is None:
        raise DatasetError(f"Unknown split {kind!r}; known are {', '.join(KINDS)}.")
    inside = folds == fold
    if not inside.any() or inside.all():
        raise DatasetError(f"Fold {fold} is not among the folds {', '.join(map(str, np.unique(folds)))} to hold out.")
    return usable[~inside], usable[inside]


def check_classes(data_set: DataSet, usable: Indices) -> None:
    """Raise DatasetError where there is nothing to learn: one class, or a class with a single item."""
    counts = np.bincount(data_set.labels[usable], minlength=len(data_set.label_names))
    present = [(name, int(n)) for name, n in zip(data_set.label_names, counts, strict=True) if n]
    if len(present) < 2:
        only = f"only the class {present[0][0]}" if present else "no items to train on"
        raise DatasetError(f"{data_set.title} has {only}: a classifier needs at least two classes.")
    single = [name for name, n in present if n == 1]
    if single:
        raise DatasetError(f"{data_set.title} has one item of {', '.join(single)}: each class needs at least two.")


def authors_folds(data_set: DataSet, usable: Indices, seed: int) -> Indices:
    """The data set's own folds; a train/validation column counts as fold 0 held out."""
    items = [data_set.items[index] for index in usable]
    if all(item.fold is not None for item in items):
        return np.array([item.fold for item in items], dtype=np.int64)
    if all(item.split in ("train", "validation") for item in items):
        return np.array([item.split == "train" for item in items], dtype=np.int64)
    raise DatasetError(
        f"{data_set.title} has no fold for every item (column fold or split of labels.csv): use split=sky or random."
    )


def random_folds(data_set: DataSet, usable: Indices, seed: int) -> Indices:
    """Five seeded folds, each class spread evenly."""
    return _spread(data_set.labels[usable], np.arange(len(usable)), seed)


def sky_folds(data_set: DataSet, usable: Indices, seed: int) -> Indices:
    """Five seeded folds over groups of sources closer than 270 arcsec, classes spread as evenly as groups allow."""
    return _spread(data_set.labels[usable], groups([data_set.items[index] for index in usable]), seed)


FINDERS = {"authors": authors_folds, "sky": sky_folds, "random": random_folds}


def groups(items: list[Item], separation: float = SEPARATION) -> Indices:
    """Group number of each item: items linked by chains of neighbours closer than ``separation`` arcsec share one.

    Positions come from the data set, else from the coordinates of the cutout's centre; DatasetError without either.
    """
    ra, dec = np.radians([position(item) for item in items]).T
    directions = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    chord = 2.0 * np.sin(np.radians(separation / 3600.0) / 2.0)
    one, other = cKDTree(directions).query_pairs(chord, output_type="ndarray").T
    links = coo_array((np.ones(len(one)), (one, other)), shape=(len(items), len(items)))
    return connected_components(links, directed=False)[1].astype(np.int64)


def position(item: Item) -> tuple[float, float]:
    """Right ascension and declination of an item in degrees."""
    if item.ra is not None and item.dec is not None:
        return item.ra, item.dec
    cutout = item.read()
    if cutout.wcs is None:
        raise DatasetError(f"{item.name} has no position (columns ra and dec of labels.csv): use split=random.")
    centre = cutout.wcs.pixel_to_world((cutout.shape[1] - 1) / 2, (cutout.shape[0] - 1) / 2).icrs
    return float(centre.ra.deg), float(centre.dec.deg)


def _spread(labels: Indices, group: Indices, seed: int) -> Indices:
    """Fold of each item: groups, largest first and otherwise shuffled, go where their classes are rarest."""
    per_class = np.bincount(labels).clip(min=1)
    members = np.zeros((group.max() + 1, len(per_class)))
    np.add.at(members, (group, labels), 1.0)
    order = np.random.default_rng(seed).permutation(len(members))
    order = order[np.argsort(-members[order].sum(axis=1), kind="stable")]
    filled = np.zeros((FOLDS, len(per_class)))
    fold_of_group = np.empty(len(members), dtype=np.int64)
    for index in order:
        share = filled / per_class
        crowding = share @ (members[index] > 0) + 1e-3 * share.mean(axis=1)
        fold_of_group[index] = int(np.argmin(crowding))
        filled[fold_of_group[index]] += members[index]
    return fold_of_group[group]
