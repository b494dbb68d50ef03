"""The cache of answers: atomic, one file an answer with its provenance beside it, never trusted without its hash.

It lies in ``archives`` of the cache folder (``VLASS_EXPLORER_CACHE``; off: until the process ends). An answer stays, so
that a second run needs no network, until all together exceed ``VLASS_EXPLORER_CACHE_GB``: then those used longest ago
go (``room``). It is fetched again where its file was changed.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from ..schema import ArchiveError
from . import room

FOLDER = "VLASS_EXPLORER_CACHE"
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Origin:
    """Where an answer came from: address without credentials, UTC time, size in bytes and SHA-256."""

    service: str
    key: str
    url: str
    time: str
    size: int
    sha256: str

    @property
    def age(self) -> float:
        """Seconds since it was fetched."""
        return time.time() - calendar.timegm(time.strptime(self.time, TIME))


@dataclass(frozen=True)
class Answer:
    """The content of an answer and where it came from."""

    data: bytes
    origin: Origin
    path: Path


class Store:
    """Answers by service and key. Any number of processes may share it; the last one to write an answer wins."""

    def __init__(self, folder: Path | None = None) -> None:
        self._made: tempfile.TemporaryDirectory[str] | None = None
        # As datasets.cache reads it, whose shelf takes seconds to import.
        named = os.environ.get(FOLDER, "")
        if folder is None and named.lower() == "off":
            self._made = tempfile.TemporaryDirectory(prefix="vlass_explorer_")
            folder = Path(self._made.name)
        if folder is None:
            home = (
                Path(named).expanduser() if named else platformdirs.user_cache_path("vlass_explorer", appauthor=False)
            )
            folder = home / "archives"
        self.folder = folder
        self._room = room.Room(folder)

    def get(self, service: str, key: str) -> Answer | None:
        """The answer, None where there is none or its file is not what was fetched."""
        data, origin = self._paths(service, key)
        try:
            values: dict[str, Any] = json.loads(origin.read_bytes())
            content = data.read_bytes()
            known = Origin(**values)
        except (OSError, ValueError, TypeError):
            return None
        if known.key != key or hashlib.sha256(content).hexdigest() != known.sha256:
            return None
        room.used(origin)
        return Answer(content, known, data)

    def put(self, service: str, key: str, url: str, data: bytes) -> Answer:
        """Keep an answer; raises ArchiveError where the disk refuses, and leaves nothing half done."""
        now = time.strftime(TIME, time.gmtime())
        origin = Origin(service, key, url, now, len(data), hashlib.sha256(data).hexdigest())
        to, beside = self._paths(service, key)
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            write(to, data)
            write(beside, json.dumps(asdict(origin)).encode())  # last: an answer without it is none
            self._room.added(len(data), keep=to)
        except OSError as error:
            raise ArchiveError(
                f"The cache {self.folder} cannot be written ({error.strerror or error}): make room, or name another "
                f"folder in {FOLDER}."
            ) from error
        return Answer(data, origin, to)

    def _paths(self, service: str, key: str) -> tuple[Path, Path]:
        name = hashlib.sha256(f"{service}\0{key}".encode()).hexdigest()[:32]
        place = self.folder / service / name[:2]
        return place / name, place / f"{name}.json"


def write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all; raises OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def key(parts: Mapping[str, object]) -> str:
    """A key from named parts: product, position and what else an answer depends on."""
    return json.dumps({name: parts[name] for name in sorted(parts)}, default=str)
