"""One folder of pictures whose names begin with their label: ``<label>_<id>.jpg``, as 12_0047.jpg or FRI_3C31.png.

The label is what stands before the last underscore. Labels that are all numbers are ordered as numbers, others by name;
a file ``label_names.txt`` beside the pictures may name them, one a line in that order. Colour pictures give a model of
three channels their colours. This is the layout of the 37 pets that ViT classifiers are tried on.
"""

from __future__ import annotations

from pathlib import Path

from .. import cutouts
from ..schema import DatasetError
from . import class_folders
from .facts import facts
from .items import DataSet

TITLE = "Folder of labelled file names"
LABEL_NAMES = None
NAMES = "label_names.txt"


def matches(root: Path) -> bool:
    """True for a folder without table and class folders in which every image has a label that others have, too."""
    if (root / "labels.csv").is_file() or not root.is_dir() or any(path.is_dir() for path in root.iterdir()):
        return False
    files = _files(root)
    labels = {_label(path) for path in files}
    return "" not in labels and 1 < len(labels) <= len(files) / 2


def load(root: Path | None, *, seed: int = 0, count: int | None = None) -> DataSet:
    """The data set of a folder, in the order of its names; DatasetError where a file has no label."""
    if root is None or not root.is_dir():
        raise DatasetError("This data set needs its folder: give data_dir.")
    files = _files(root)
    strays = [path.name for path in files if not _label(path)]
    if strays or not files:
        what = f"{strays[0]} has no label" if strays else "there are no pictures"
        raise DatasetError(f"{root}: {what}; name files <label>_<id>.jpg.")
    labels = {_label(path) for path in files}
    order = sorted(labels, key=lambda label: (int(label), label) if labels_are_numbers(labels) else (0, label))
    named = dict(zip(order, _names(root, order), strict=True))
    table = [{"path": path.name, "label": named[_label(path)]} for path in files]
    said = {"title": root.name, "label_names": list(named.values()), "colour": True, **facts(root)}
    return class_folders.assemble(root, table, said, seed=seed, count=count)


def labels_are_numbers(labels: set[str]) -> bool:
    """True where every label is a whole number."""
    return all(label.isdecimal() for label in labels)


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if cutouts.is_cutout(path.name))


def _label(path: Path) -> str:
    """What stands before the last underscore of a name; "" without one."""
    return path.name.rpartition("_")[0]


def _names(root: Path, labels: list[str]) -> list[str]:
    path = root / NAMES
    if not path.is_file():
        return labels
    names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(names) != len(labels) or len(set(names)) != len(names):
        raise DatasetError(f"{path} has {len(names)} names; {len(labels)} different ones are needed, one a label.")
    return names
