"""Uploaded files as a data set folder: checked before and while they are written, and there only when whole."""

from __future__ import annotations

import re
import secrets
import shutil
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from .. import cutouts
from ..foreign import mapped, reason
from ..schema import DatasetError

TABLES = ("labels.csv", "dataset.yaml")
DEEPEST, LONGEST_NAME = 4, 200
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """What an upload may hold."""

    files: int = 100_000
    bytes: int = 8 << 30
    """All files together, unpacked."""


@dataclass(frozen=True)
class _File:
    """One file to write: where to, its declared size, and how to open it."""

    path: PurePosixPath
    size: int
    source: zipfile.ZipInfo | IO[bytes]


def unpack(archive: IO[bytes], parent: Path, name: str, bounds: Bounds) -> Path:
    """Write the cutouts of a ZIP archive below ``parent`` and return their folder; errors as ``store``.

    Only images, labels.csv and dataset.yaml are taken; a single top folder is left out of the paths.
    """
    with _unzipping(name):
        opened = zipfile.ZipFile(archive)
    with opened:
        found = [_member(info) for info in _members(opened)]
        return _write(found, opened, parent, name, bounds)


def _unzipping(name: str) -> AbstractContextManager[None]:
    """Around what zipfile does; what the disk says of the copy is another matter."""
    return mapped(lambda error: DatasetError(f"{name} is not a ZIP archive that can be read: {reason(error)}."))


def store(files: Sequence[tuple[str, IO[bytes]]], parent: Path, name: str, bounds: Bounds) -> Path:
    """Write uploaded files, named by their paths (class/image.fits), below ``parent`` and return their folder.

    Raises DatasetError for too many files or bytes, a path that leads out of the folder, a link, an encrypted member,
    two files of one name, or where nothing of use is left. What was written until then is removed.
    """
    found = []
    for path, handle in files:
        size = handle.seek(0, 2)
        handle.seek(0)
        found.append(_File(_path(path), size, handle))
    return _write(found, None, parent, name, bounds)


def _members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    return (info for info in archive.infolist() if not info.is_dir() and "__MACOSX" not in info.filename)


def _member(info: zipfile.ZipInfo) -> _File:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise DatasetError(f"{info.filename!r} in the archive is a link; pack the files themselves.")
    if info.flag_bits & 1:
        raise DatasetError(f"{info.filename!r} in the archive is encrypted; pack it without a password.")
    return _File(_path(info.filename), info.file_size, info)


def _path(text: str) -> PurePosixPath:
    """The path of a file inside the data set; DatasetError where it would lead anywhere else."""
    path = PurePosixPath(text.replace("\\", "/"))
    strays = path.is_absolute() or ".." in path.parts or ":" in text or any(ord(sign) < 32 for sign in text)
    if strays or not path.parts:
        raise DatasetError(f"{text[:LONGEST_NAME]!r} leads out of the data set; pack the files with relative paths.")
    if len(path.parts) > DEEPEST or len(text) > LONGEST_NAME:
        raise DatasetError(f"{text[:40]!r} lies too deep: a data set has one folder a class, or a labels.csv.")
    return path


def _wanted(found: Sequence[_File]) -> list[_File]:
    """Images and tables, without hidden files and without a folder that holds everything."""
    kept = [f for f in found if not any(part.startswith(".") for part in f.path.parts)]
    kept = [f for f in kept if f.path.name in TABLES or cutouts.is_cutout(f.path.name)]
    tops = {f.path.parts[0] for f in kept}
    has_table = any(f.path.name == "labels.csv" for f in kept)
    wrapped = len(tops) == 1 and all(len(f.path.parts) > (1 if has_table else 2) or f.path.name in TABLES for f in kept)
    if wrapped and all(len(f.path.parts) > 1 for f in kept):
        kept = [_File(f.path.relative_to(f.path.parts[0]), f.size, f.source) for f in kept]
    return kept


def _write(found: Sequence[_File], archive: zipfile.ZipFile | None, parent: Path, name: str, bounds: Bounds) -> Path:
    files = _wanted(found)
    if not files:
        raise DatasetError(f"{name} holds no cutouts: pack one folder of {cutouts.FORMATS} files a class.")
    if len(found) > bounds.files:
        raise DatasetError(f"{name} holds {len(found):,} files, more than the {bounds.files:,} that are allowed here.")
    _check_size(sum(f.size for f in files), name, bounds)
    if len({str(f.path).casefold() for f in files}) < len(files):
        raise DatasetError(f"{name} holds two files of the same path.")
    folders = {str(parent).casefold() for f in files for parent in f.path.parents}
    if both := [f.path for f in files if str(f.path).casefold() in folders]:
        raise DatasetError(f"{name} holds {str(both[0])!r} as a file and as a folder: rename one of them.")
    parent.mkdir(parents=True, exist_ok=True)
    hidden = parent / f".{secrets.token_hex(8)}"
    hidden.mkdir()
    try:
        left = bounds.bytes
        for file in files:
            target = hidden / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(file.source, zipfile.ZipInfo):
                assert archive is not None
                with _unzipping(name):
                    source = archive.open(file.source)
                with source:
                    left -= _copy(source, target, left, name, bounds)
            else:
                left -= _copy(file.source, target, left, name, bounds)
        final = _free(parent, name)
        hidden.rename(final)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    return final


def _copy(source: IO[bytes], target: Path, left: int, name: str, bounds: Bounds) -> int:
    """Copy at most ``left`` bytes: an archive may lie about the sizes of its members."""
    written = 0
    with target.open("xb") as file:
        while True:
            with _unzipping(name):
                block = source.read(_BLOCK)
            if not block:
                return written
            written += len(block)
            if written > left:
                _check_size(bounds.bytes + 1, name, bounds)
            file.write(block)


def _check_size(size: int, name: str, bounds: Bounds) -> None:
    if size > bounds.bytes:
        raise DatasetError(
            f"{name} unpacks to more than the {bounds.bytes / 2**30:.3g} GiB that are allowed here: "
            "put the folder on the server, or give fewer files."
        )


def _free(parent: Path, name: str) -> Path:
    """A folder named after the upload, numbered from the second on."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name.removesuffix(".zip"))[:60].strip("-") or "upload"
    number = 1
    while (path := parent / (stem if number == 1 else f"{stem}-{number}")).exists():
        number += 1
    return path
