"""Has anything in the folder of a data set changed? Told by names, sizes and times, without opening a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DEEPEST = 4
"""Folders below each other that are looked into; no layout on the shelf has more."""


def fingerprint(root: Path, *, contents: bool = True) -> str:
    """A word that changes when a file below a folder comes, goes, is renamed or rewritten; "" where there is no folder.

    Without ``contents`` the files themselves are not asked, so that one rewritten in its
    place goes unnoticed: 0.1 s for a hundred thousand on a local disk in place of 1 s.
    """
    if not root.is_dir():
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for name, size, time in sorted(_found(root, "", contents, DEEPEST)):
        digest.update(f"{name}\0{size}\0{time}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _found(folder: Path | str, prefix: str, contents: bool, depth: int) -> Iterator[tuple[str, int, int]]:
    """Name below the root, size and time of change of folders and files; what cannot be looked at is left out."""
    with suppress(OSError), os.scandir(folder) as entries:
        yield prefix, 0, Path(folder).stat().st_mtime_ns
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = f"{prefix}{entry.name}"
            with suppress(OSError):
                if entry.is_dir():
                    if depth > 1:
                        yield from _found(entry.path, f"{name}/", contents, depth - 1)
                elif contents:
                    found = entry.stat()
                    yield name, found.st_size, found.st_mtime_ns
