"""How much of the disk answers of archives take: those used longest ago give way.

Answers and the folders in which a page puts what it looked up share files under two names, so a file counts once, and
its room is free when the last name is gone. What the command line wrote elsewhere is never touched.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..schema import ArchiveError

SIZE = "VLASS_EXPLORER_CACHE_GB"
"""The same setting bounds the stretched images of data sets (``datasets.cache``), each of the two for itself."""
PAGES = "pages"
NAME = re.compile(r"[0-9a-f]{32}")
SHARE = 0.02  # of the limit that is written before the folder is looked through again


@dataclass(frozen=True)
class Unit:
    """What goes together: an answer with its provenance, or the folder of a page; its files by number and size."""

    used: float
    path: Path
    files: tuple[tuple[int, int], ...]


class Room:
    """Counts what one process adds to a folder, and prunes it now and then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._since: float = float("inf")  # the first answer looks at what older processes left
        self._lock = threading.Lock()

    def added(self, size: int, keep: Path) -> None:
        """Note an answer of ``size`` bytes; ArchiveError where the setting is no number."""
        most = limit()
        with self._lock:
            self._since += size
            if self._since < SHARE * most:
                return
            self._since = 0.0
        prune(self.folder, most, keep)


def used(path: Path) -> None:
    """Mark an answer or a page's folder as used now."""
    with suppress(OSError):
        os.utime(path)


def limit() -> float:
    """Most bytes that answers of archives may take."""
    text = os.environ.get(SIZE, "") or "50"
    try:
        return float(text) * 1e9
    except ValueError as error:
        raise ArchiveError(f"{SIZE} is {text!r}, not a number of gigabytes.") from error


def prune(folder: Path, most: float, keep: Path | None = None) -> int:
    """Delete answers and folders of pages, those used longest ago first, until all fit; returns how many went.

    ``keep`` stays. Files that somebody else deletes meanwhile are no error.
    """
    units = sorted([*_answers(folder), *_pages(folder)], key=lambda unit: unit.used)
    names = Counter(number for unit in units for number, _ in unit.files)
    sizes = {number: size for unit in units for number, size in unit.files}
    left, gone = sum(sizes.values()), 0
    for unit in units:
        if left <= most:
            break
        if unit.path == keep:
            continue
        if unit.path.is_dir():
            shutil.rmtree(unit.path, ignore_errors=True)
        else:  # the provenance first: an answer without it is none
            for path in (unit.path.with_name(f"{unit.path.name}.json"), unit.path):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        gone += 1
        for number, size in unit.files:
            names[number] -= 1
            left -= size if names[number] == 0 else 0
    return gone


def _answers(folder: Path) -> list[Unit]:
    units = []
    for beside in folder.glob("*/??/*.json"):
        path = beside.with_suffix("")
        if NAME.fullmatch(path.name):
            with suppress(OSError):
                stamp = beside.stat()
                units.append(Unit(stamp.st_mtime, path, (_file(path), _file(beside))))
    return units


def _pages(folder: Path) -> list[Unit]:
    units = []
    for path in (folder / PAGES).glob("*"):
        with suppress(OSError):
            files = tuple(_file(file) for file in path.rglob("*") if file.is_file())
            units.append(Unit(path.stat().st_mtime, path, files))
    return units


def _file(path: Path) -> tuple[int, int]:
    stamp = path.stat()
    return stamp.st_ino, stamp.st_size
