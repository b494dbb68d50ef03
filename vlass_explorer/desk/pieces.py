"""What lies on the desk: cutouts by a key that stays the same for everybody, read only when they are looked at."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from .. import cutouts, datasets
from ..datasets import DataSet, Item
from ..schema import Cutout, DatasetError

MOST = 200_000
"""Files of a folder that are looked for."""


@dataclass(frozen=True)
class Piece:
    """One cutout on the desk."""

    key: str
    """The same for whoever opens the same folder or file."""
    name: str
    """For people; it may give the class away, see ``telling``."""
    source: Callable[[], Cutout] = field(repr=False, compare=False)
    ra: float | None = None
    """ICRS degrees, where the set says."""
    dec: float | None = None
    fold: int | None = None
    telling: bool = False
    """May the name tell the class?"""
    content: bytes = field(default=b"", repr=False, compare=False)
    """The file itself, of an upload."""

    @property
    def file(self) -> Path | bytes | None:
        """What the cutout is read from where that is a file as a whole, None for a part of one and for what is made."""
        if self.content:
            return self.content
        known = self.source
        if not isinstance(known, partial) or known.func is not cutouts.read or len(known.args) != 1:
            return None
        parts = ("position", "box", "size_arcsec", "plane")
        whole = not any(known.keywords.get(part) for part in parts) and isinstance(known.args[0], Path)
        return known.args[0] if whole else None


@dataclass(frozen=True, eq=False)
class Desk:
    """The cutouts of a folder, and the labelled set that it is, None where it is none."""

    pieces: tuple[Piece, ...]
    data_set: DataSet | None = None
    stored: Mapping[str, Any] = field(default_factory=dict)
    """Hash of weights → what these said (``answers.Answers``) of pieces that come from a table of answers."""
    asked: tuple[str, ...] = ()
    """Names of those checkpoints."""


def of_folder(root: Path) -> Desk:
    """All cutouts of a folder: those of the labelled set that it is, else every file in it and in its sub-folders.

    Labels of the set are not shown, and neither are names that could tell them. Raises DatasetError for a folder
    without cutouts.
    """
    try:
        known = datasets.load("class_folders", root)
    except DatasetError:
        return Desk(_files(root))
    if len(known.label_names) < 2:  # a folder in a folder, not a class
        return Desk(_files(root))
    return Desk(tuple(_unique([_of_item(item) for item in known.items])), known)


def key_of(kind: str, name: str) -> str:
    """Key of what this name stands for, of one kind (file, row, upload)."""
    return hashlib.sha256(f"{kind}\0{name}".encode("utf-8", "surrogateescape")).hexdigest()[:20]


def _of_item(item: Item) -> Piece:
    return Piece(key_of("file", item.name), item.name, item.source, item.ra, item.dec, item.fold, telling=True)


def _files(root: Path) -> tuple[Piece, ...]:
    found: list[str] = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        below = Path(folder).relative_to(root)
        found += [(below / name).as_posix() for name in sorted(names) if cutouts.is_cutout(name)]
        if len(found) > MOST:
            raise DatasetError(f"{root} holds more than {MOST:,} files: name one of its sub-folders.")
    if not found:
        raise DatasetError(f"{root} holds no {cutouts.FORMATS} files.")
    return tuple(Piece(key_of("file", name), name, partial(cutouts.read, root / name)) for name in found)


def _unique(pieces: Sequence[Piece]) -> list[Piece]:
    """Items of one name, as some sets have, each with a key of its own."""
    seen: dict[str, int] = {}
    found: list[Piece] = []
    for piece in pieces:
        turn = seen[piece.key] = seen.get(piece.key, -1) + 1
        values: dict[str, Any] = {name: getattr(piece, name) for name in piece.__dataclass_fields__}
        found.append(piece if not turn else Piece(**values | {"key": key_of("file", f"{piece.name}\0{turn}")}))
    return found
