"""The cache folder: what is decoded once lies here, written atomically, shared by processes, bounded in size.

``VLASS_EXPLORER_CACHE`` names the folder (~/.cache/vlass_explorer without it; "off": nothing outlives the process) and
``VLASS_EXPLORER_CACHE_GB`` its size, 50 by default: when an entry is added, those used longest ago go until all fit.
Any entry may be deleted at any time; files that a process has mapped stay readable to it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..schema import DatasetError

FOLDER, SIZE = "VLASS_EXPLORER_CACHE", "VLASS_EXPLORER_CACHE_GB"
STAMP = ".used"  # its time of change says when an entry was last asked for
ABANDONED = 24 * 3600.0  # seconds after which an unfinished entry is taken for that of a killed process

_temporary: list[tempfile.TemporaryDirectory[str]] = []


def folder() -> Path | None:
    """The cache folder, which need not exist yet; None where it is switched off."""
    named = os.environ.get(FOLDER, "")
    if named.lower() == "off":
        return None
    return Path(named).expanduser() if named else Path.home() / ".cache" / "vlass_explorer"


def file_key(path: Path, *options: object) -> str:
    """What a file's content depends on: its place, size and time of change, and options of its reader."""
    try:
        found = path.stat()
    except OSError as error:
        raise DatasetError(f"{path.name} cannot be opened ({error.strerror}): check path and permissions.") from error
    return f"{path.absolute()}|{found.st_size}|{found.st_mtime_ns}|{options}"


def entry(key: str, build: Callable[[Path], None], check: Callable[[], None] = lambda: None) -> Path:
    """The folder of a finished entry, which ``build`` fills where there is none; "" is never kept beyond the process.

    One process builds while others wait; ``check`` is called meanwhile and may raise. DatasetError where the cache
    cannot be written.
    """
    home = folder()
    if home is None or not key:
        _temporary.append(tempfile.TemporaryDirectory(prefix="vlass_explorer_"))
        build(Path(_temporary[-1].name))
        return Path(_temporary[-1].name)
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    target, limit = home / name, _limit()
    if _touched(target):
        return target
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home / f".{name}.lock", check):
            if not _touched(target):
                with tempfile.TemporaryDirectory(dir=home, prefix=f".{name}.") as unfinished:
                    made = Path(unfinished) / name
                    made.mkdir()
                    build(made)
                    (made / STAMP).touch()
                    made.rename(target)
                prune(home, limit, target)
    except OSError as error:
        raise DatasetError(
            f"The cache {home} cannot be written ({error.strerror or error}): make room, or name another folder in "
            f"{FOLDER} (off: keep nothing)."
        ) from error
    return target


def prune(home: Path, limit: float, kept: Path | None = None) -> list[Path]:
    """Delete entries, those used longest ago first, until all fit into ``limit`` bytes; returns what was deleted.

    ``kept`` stays whatever its size. What killed processes left behind goes, too.
    """
    for path in home.glob(".*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
    stamps = sorted(home.glob(f"*/{STAMP}"), key=lambda stamp: stamp.stat().st_mtime_ns)
    sizes = {stamp.parent: sum(file.stat().st_size for file in stamp.parent.iterdir()) for stamp in stamps}
    deleted: list[Path] = []
    for path in sizes:
        if sum(sizes.values()) - sum(sizes[gone] for gone in deleted) <= limit:
            break
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)
            deleted.append(path)
    return deleted


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


@contextmanager
def _locked(path: Path, check: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of an entry; the kernel releases it whatever happens to the process."""
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                check()
                time.sleep(0.1)
        yield
