"""Where sub-folders say what an image is: one a class, one a part (train, val, test), or both in either order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from .. import cutouts
from ..schema import DatasetError

PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "development": "validation",
    "test": "test",
    "testing": "test",
    "holdout": "test",
    "heldout": "test",
}
BEHIND = re.compile(r"[\s_-]*(set|data|split|images)$")  # train_set, test-data


def part_named(name: str, classes: Collection[str] = ()) -> str:
    """train, validation or test where a folder is named like that, in any case, and is none of the classes."""
    return "" if name in classes else PARTS.get(BEHIND.sub("", name.strip().casefold()).replace("-", ""), "")


def part_of(path: str) -> str:
    """The part whose folder is the first of a relative path, else ""."""
    folders = PurePosixPath(path).parts[:-1]
    return part_named(folders[0]) if folders else ""


def rows(root: Path, classes: Collection[str] = ()) -> list[dict[str, str]]:
    """Path, label and split of each image in the class and part folders; ``classes`` are never taken for parts.

    Raises DatasetError where a part holds images whose class nothing tells, or where a folder beside classes or parts
    holds images in folders of its own that are none.
    """
    found: list[dict[str, str]] = []
    astray: list[str] = []
    for folder in _folders(root):
        part = part_named(folder.name, classes)
        if not part:
            own = [_row(root, file, folder.name, "") for file in _images(folder)]
            for inner in _folders(folder):
                if split := part_named(inner.name, classes):
                    own += [_row(root, file, folder.name, split) for file in _images(inner)]
            if not own and (deeper := [inner.name for inner in _folders(folder) if any(_images(inner))]):
                astray.append(f"{folder.name!r} holds images in {', '.join(map(repr, deeper[:3]))} alone")
            found += own
            continue
        found += [_row(root, file, inner.name, part) for inner in _folders(folder) for file in _images(inner)]
        if loose := list(_images(folder)):
            raise DatasetError(
                f"The folder {folder.name!r} is a part of a data set, not a class, and does not say of which class its "
                f"{len(loose)} images are: put one folder a class into it, or give a labels.csv (path,label)."
            )
    if found and astray:
        raise DatasetError(
            f"The folder {astray[0]} and is neither a class nor a part: name it train, validation or test, or give a "
            "labels.csv (path,label,split)."
        )
    return found


def _row(root: Path, file: Path, label: str, split: str) -> dict[str, str]:
    row = {"path": file.relative_to(root).as_posix(), "label": label}
    return {**row, "split": split} if split else row


def _folders(root: Path) -> Iterator[Path]:
    return iter(sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _images(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if cutouts.is_cutout(path.name))
