"""The cache folder: what is decoded once lies here, written atomically, shared by processes, bounded in size.

``VLASS_EXPLORER_CACHE`` names the folder (the user's cache folder without it, ~/.cache/vlass_explorer on Linux; "off":
nothing outlives the process) and ``VLASS_EXPLORER_CACHE_GB`` its size, 50 by default: when an entry is added, those
used longest ago go until all fit. Any entry may be deleted at any time; files that a process has mapped stay readable
to it. Nothing but entries is ever touched, whatever else the folder holds.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from ..schema import DatasetError

FOLDER, SIZE = "VLASS_EXPLORER_CACHE", "VLASS_EXPLORER_CACHE_GB"
STAMP = ".used"  # its time of change says when an entry was last asked for
NAME = re.compile(r"[0-9a-f]{32}")  # of an entry
UNFINISHED = re.compile(rf"\.({NAME.pattern})\..+")  # its lock and what is being built

_temporary: dict[Path, tempfile.TemporaryDirectory[str]] = {}


def folder() -> Path | None:
    """The cache folder, which need not exist yet; None where it is switched off."""
    named = os.environ.get(FOLDER, "")
    if named.lower() == "off":
        return None
    return Path(named).expanduser() if named else platformdirs.user_cache_path("vlass_explorer", appauthor=False)


def file_key(path: Path, *options: object) -> str:
    """What a file's content depends on: its place, size and time of change, and options of its reader."""
    try:
        found = path.stat()
    except OSError as error:
        raise DatasetError(f"{path.name} cannot be opened ({error.strerror}): check path and permissions.") from error
    return f"{path.absolute()}|{found.st_size}|{found.st_mtime_ns}|{options}"


def entry(key: str, build: Callable[[Path], None], check: Callable[[], None] = lambda: None) -> Path:
    """The folder of a finished entry, which ``build`` fills where there is none; "" is kept until ``release`` at most.

    One process builds while others wait; ``check`` is called meanwhile and may raise. DatasetError where the cache
    cannot be written.
    """
    home = folder()
    if home is None or not key:
        made = tempfile.TemporaryDirectory(prefix="vlass_explorer_")
        _temporary[place := Path(made.name)] = made
        try:
            build(place)
        except BaseException:
            release(place)
            raise
        return place
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    target, limit = home / name, _limit()
    if _touched(target):
        return target
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(_lock(home, name), check):
            if not _touched(target):
                with tempfile.TemporaryDirectory(dir=home, prefix=f".{name}.") as unfinished:
                    finished = Path(unfinished) / name
                    finished.mkdir()
                    build(finished)
                    (finished / STAMP).touch()
                    finished.rename(target)
                prune(home, limit, target)
    except OSError as error:
        raise DatasetError(
            f"The cache {home} cannot be written ({error.strerror or error}): make room, or name another folder in "
            f"{FOLDER} (off: keep nothing)."
        ) from error
    return target


def release(place: Path) -> None:
    """Delete an entry that is not kept; others stay. Files that are mapped stay readable."""
    made = _temporary.pop(place, None)
    if made is not None:
        made.cleanup()


def forget(place: Path) -> None:
    """Delete an entry whatever it is, so that it is built anew."""
    release(place)
    shutil.rmtree(place, ignore_errors=True)


def prune(home: Path, limit: float, kept: Path | None = None) -> list[Path]:
    """Delete entries, those used longest ago first, until all fit into ``limit`` bytes; returns what was deleted.

    ``kept`` stays whatever its size. What killed processes left behind goes, too.
    """
    _sweep(home)
    used: dict[Path, tuple[int, int]] = {}  # time of the last use, size
    for stamp in home.glob(f"*/{STAMP}"):
        with suppress(FileNotFoundError):  # another process prunes, too
            if NAME.fullmatch(stamp.parent.name):
                size = sum(file.stat().st_size for file in stamp.parent.iterdir())
                used[stamp.parent] = stamp.stat().st_mtime_ns, size
    left = sum(size for _, size in used.values())
    deleted: list[Path] = []
    for path in sorted(used, key=used.__getitem__):
        if left <= limit:
            break
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)
            deleted.append(path)
            left -= used[path][1]
    return deleted


def _sweep(home: Path) -> None:
    """Delete unfinished entries that nobody works on: whoever builds one holds its lock, however long that takes."""
    found = {match[1] for path in home.iterdir() if (match := UNFINISHED.fullmatch(path.name))}
    for name in found:
        lock = _lock(home, name)
        with suppress(Timeout), lock.acquire(blocking=False):
            for path in home.glob(f".{name}.*"):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)  # who waits for it sees that it is gone, and makes a new one


def _limit() -> float:
    text = os.environ.get(SIZE, "") or "50"
    try:
        return float(text) * 1e9
    except ValueError as error:
        raise DatasetError(f"{SIZE} is {text!r}, not a number of gigabytes.") from error


def _touched(target: Path) -> bool:
    """Is there such an entry? If so, it is marked as used now."""
    with suppress(OSError):
        os.utime(target / STAMP)
    return (target / STAMP).is_file()


def _lock(home: Path, name: str) -> FileLock:
    """The lock of an entry; the kernel releases it whatever happens to the process."""
    return FileLock(home / f".{name}.lock")


@contextmanager
def _locked(lock: FileLock, check: Callable[[], None]) -> Iterator[None]:
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout:
            check()
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.release()
