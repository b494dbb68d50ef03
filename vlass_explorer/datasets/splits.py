"""Which items of a data set are trained on, validated on and tested on: authors' folds, sky-disjoint ones, random ones.

Folds are five. Sky-disjoint ones keep together what may be one source or one field, in whatever survey and VLASS epoch:
sources closer than the field of view, never below 270 arcsec (half the width of a FIRST image), and whatever such pairs
chain together. Test items are those that the data set declares; the kinds ending in _test keep a sixth of the items as
test where it declares none, the same sixth for every fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..schema import DatasetError
from .identity import centre, chord, directions
from .items import DataSet, Item

FOLDS = 5
SEPARATION = 270.0  # arcsec
KINDS = ("authors", "sky", "random", "sky_test", "random_test", "vlass_vision")

Indices = NDArray[np.int64]


class Split(NamedTuple):
    """Item indices of the three parts, each ascending, no item in two; test may be empty."""

    train: Indices
    validation: Indices
    test: Indices


def split(
    data_set: DataSet,
    kind: str,
    fold: int = 0,
    seed: int = 0,
    field_of_view: float = 0.0,
    *,
    to_train: bool = True,
) -> Split:
    """The three parts of a data set, with ``fold`` as validation; ``field_of_view`` in arcsec.

    With ``to_train=False`` the parts are there to be scored: classes may be absent or alone, the training part empty.
    A sky-disjoint kind leaves out items that lie closer to a declared test item than its separation. "vlass_vision" is
    the stratified 80/20 split of VLASS-Vision and ignores fold and seed.

    Raises DatasetError for fewer than two classes, a class with one item, an unknown kind, a fold that is empty or
    holds everything, "authors" where the data set has no folds, a sky kind where positions are unknown.
    """
    if kind not in KINDS:
        raise DatasetError(f"Unknown split {kind!r}; known are {', '.join(KINDS)}.")
    declared = np.array([item.split == "test" for item in data_set.items], dtype=bool)
    usable, test = np.flatnonzero(~declared), np.flatnonzero(declared)
    if to_train:
        check_classes(data_set, usable)
    elif not len(usable):
        return Split(usable, usable, test)
    if kind == "vlass_vision":
        return vlass_vision(data_set, usable, test)
    if kind == "authors":
        part = authors_folds(data_set, usable, fold, to_train=to_train)
    else:
        near = np.arange(len(data_set))
        if kind.startswith("sky"):
            near = groups(list(data_set.items), max(SEPARATION, field_of_view))
            usable = usable[~np.isin(near[usable], near[test])]
            if to_train:
                check_classes(data_set, usable)
        parts = FOLDS + (kind.endswith("_test") and not len(test))
        part = _spread(data_set.labels[usable], np.unique(near[usable], return_inverse=True)[1], seed, parts)
        test = np.concatenate([test, usable[part == FOLDS]])
        usable, part = usable[part < FOLDS], part[part < FOLDS]
    inside = part == fold
    if not to_train and all(data_set.items[index].split == "train" for index in usable):
        return Split(usable, usable[:0], test)
    if not inside.any() or inside.all() and to_train:
        raise DatasetError(f"Fold {fold} is not among the folds {', '.join(map(str, np.unique(part)))} to hold out.")
    return Split(usable[~inside], usable[inside], test)


def set_aside(
    data_set: DataSet, train: Indices, share: float, kind: str, seed: int, field_of_view: float
) -> tuple[Indices, Indices]:
    """What is left of a training part, and ``share`` of each of its classes, rounded down, to calibrate on.

    What may be one field of the sky stays together, as in sky-disjoint folds, where the data set gives all positions;
    else with a sky kind, which reads them from the cutouts. The same for the same ``seed``.
    """
    items = [data_set.items[index] for index in train]
    group = np.arange(len(items))
    if items and (kind.startswith("sky") or all(item.ra is not None and item.dec is not None for item in items)):
        group = groups(items, max(SEPARATION, field_of_view))
    labels = data_set.labels[train]
    members = np.zeros((group.max(initial=-1) + 1, len(data_set.label_names)), np.int64)
    np.add.at(members, (group, labels), 1)
    room = np.floor(share * members.sum(axis=0)).astype(np.int64)
    chosen = np.zeros(len(members), bool)
    for number in np.random.default_rng(seed).permutation(len(members)):
        if (members[number] <= room).all():
            chosen[number] = True
            room -= members[number]
    inside = chosen[group]
    return train[~inside], train[inside]


def check_classes(data_set: DataSet, usable: Indices) -> None:
    """Raise DatasetError where there is nothing to learn: one class, or a class with a single item.

    Classes of pixels are counted elsewhere: of a set with masks two images will do.
    """
    if data_set.is_masked:
        if len(usable) < 2:
            raise DatasetError(f"{data_set.title} has fewer than two images with masks: none would be held out.")
        return
    counts = np.bincount(data_set.labels[usable], minlength=len(data_set.label_names))
    present = [(name, int(n)) for name, n in zip(data_set.label_names, counts, strict=True) if n]
    if len(present) < 2:
        only = f"only the class {present[0][0]}" if present else "no items to train on"
        raise DatasetError(f"{data_set.title} has {only}: a classifier needs at least two classes.")
    single = [name for name, n in present if n == 1]
    if single:
        raise DatasetError(f"{data_set.title} has one item of {', '.join(single)}: each class needs at least two.")


def authors_folds(data_set: DataSet, usable: Indices, fold: int = 0, *, to_train: bool = True) -> Indices:
    """The data set's own folds; a train/validation column counts as fold 0 held out, to score as any ``fold``."""
    items = [data_set.items[index] for index in usable]
    if all(item.fold is not None for item in items):
        return np.array([item.fold for item in items], dtype=np.int64)
    if to_train and all(item.split == "train" for item in items):
        raise DatasetError(
            f"{data_set.title} has no validation part: use split=random or split=sky, which hold one out of its "
            "training part."
        )
    if all(item.split in ("train", "validation") for item in items):
        held_out = 0 if to_train else fold
        return np.array([held_out + (item.split == "train") for item in items], dtype=np.int64)
    raise DatasetError(
        f"{data_set.title} has no fold for every item (column fold or split of labels.csv): use split=sky or random."
    )


def vlass_vision(data_set: DataSet, usable: Indices, test: Indices) -> Split:
    """80 % to train on and 20 % to validate on, as khairulislam/VLASS-Vision draws them with scikit-learn.

    Its published numbers are those of the 20 %, on which it also stops and chooses.
    """
    # Here and not above: scikit-learn brings pandas and pyarrow, and only this kind of split draws with it.
    from sklearn.model_selection import train_test_split

    labels = data_set.labels[usable]
    try:
        train, validation = train_test_split(usable, test_size=0.2, random_state=42, shuffle=True, stratify=labels)
    except ValueError as error:
        raise DatasetError(f"{len(usable)} items are too few for 80/20 with every class in both: {error}") from error
    return Split(np.sort(train), np.sort(validation), test)


def groups(items: list[Item], separation: float = SEPARATION) -> Indices:
    """Group number of each item: items linked by chains of neighbours closer than ``separation`` arcsec share one.

    Positions come from the data set, else from the coordinates of the cutout's centre; DatasetError without either.
    """
    ra, dec = np.array([position(item) for item in items]).T
    one, other = near_pairs(ra, dec, separation)[0].T
    links = coo_array((np.ones(len(one)), (one, other)), shape=(len(items), len(items)))
    return connected_components(links, directed=False)[1].astype(np.int64)


def exclude_near(items: Sequence[Item], indices: Indices, others: Indices, separation: float = SEPARATION) -> Indices:
    """Those of ``indices`` that have none of ``others`` closer than ``separation`` arcsec; errors as ``groups``."""
    both = np.concatenate([indices, others])
    ra, dec = np.array([position(items[index]) for index in both]).T
    pairs = near_pairs(ra, dec, separation)[0]
    across = pairs[(pairs[:, 0] < len(indices)) & (pairs[:, 1] >= len(indices))]
    return np.delete(indices, np.unique(across[:, 0]))


def near_pairs(
    ra: NDArray[np.float64], dec: NDArray[np.float64], separation: float
) -> tuple[Indices, NDArray[np.float64]]:
    """Pairs (N, 2) of positions in degrees that lie closer than ``separation`` arcsec, and how far apart (N,)."""
    vectors = directions(np.stack([ra, dec], axis=1))
    pairs = cKDTree(vectors).query_pairs(chord(separation), output_type="ndarray")
    apart = np.linalg.norm(vectors[pairs[:, 0]] - vectors[pairs[:, 1]], axis=1)
    return pairs, np.degrees(2.0 * np.arcsin(apart / 2.0)) * 3600.0


def position(item: Item) -> tuple[float, float]:
    """Right ascension and declination of an item in degrees."""
    if item.ra is not None and item.dec is not None:
        return item.ra, item.dec
    found = centre(item.read())
    if found is None:
        raise DatasetError(f"{item.name} has no position (columns ra and dec of labels.csv): use split=random.")
    return found


def _spread(labels: Indices, group: Indices, seed: int, parts: int) -> Indices:
    """Part of each item: groups, largest first and otherwise shuffled, go where their classes are rarest."""
    per_class = np.bincount(labels).clip(min=1)
    members = np.zeros((group.max() + 1, len(per_class)))
    np.add.at(members, (group, labels), 1.0)
    order = np.random.default_rng(seed).permutation(len(members))
    order = order[np.argsort(-members[order].sum(axis=1), kind="stable")]
    filled = np.zeros((parts, len(per_class)))
    part_of_group = np.empty(len(members), dtype=np.int64)
    for index in order:
        share = filled / per_class
        crowding = share @ (members[index] > 0) + 1e-3 * share.mean(axis=1)
        part_of_group[index] = int(np.argmin(crowding))
        filled[part_of_group[index]] += members[index]
    return part_of_group[group]
