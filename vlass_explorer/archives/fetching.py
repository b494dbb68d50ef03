"""A list of targets through services into a folder: four at a time, resumable, one row a product, nothing twice.

The folder holds ``cutouts/``, ``rms/`` (the survey's noise images) and ``.rows.jsonl``, a line a finished target. A
process that is killed leaves whole lines and whole files; the next one goes on behind them.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from .. import __version__
from ..progress import report
from ..schema import ArchiveError, Found, Target
from . import store
from .ask import AT_ONCE, Client
from .journal import Journal
from .seek import Piece, seek
from .store import Answer

CUTOUTS, RMS = "cutouts", "rms"
AHEAD = 2 * AT_ONCE  # targets handed out before the first of them is done


@dataclass(frozen=True)
class Order:
    """What is asked for: services and the sides, in arcsec, of the square wanted and of the one fetched around it."""

    services: tuple[ModuleType, ...]
    size: float
    fetched: float

    @property
    def settings(self) -> dict[str, object]:
        """What decides the answers, as JSON values."""
        return {
            "services": [service.SERVICE for service in self.services],
            "size_arcsec": self.size,
            "fetched_arcsec": self.fetched,
            "version": __version__,
        }


def run(targets: Sequence[Target], order: Order, out: Path, client: Client) -> Journal:
    """Fill the folder ``out`` and return its rows; reports progress, and stops where a watcher raises.

    Targets that are done already are left as they are; those that failed are asked again. Raises ArchiveError where
    the folder cannot be used.
    """
    try:
        for folder in (out / CUTOUTS, out / RMS):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(f"The folder {out} cannot be made ({error.strerror or error}).") from error
    journal = Journal(out, order.settings)
    stems = _stems(targets)
    jobs = (
        (service, target, stem)
        for target, stem in zip(targets, stems, strict=True)
        for service in order.services
        if not journal.has(service.SERVICE, target)
    )
    total = len(targets) * len(order.services)
    done = sum(journal.has(service.SERVICE, target) for target in targets for service in order.services)
    report(done, total)
    waiting: deque[Future[tuple[ModuleType, Target, list[Found]]]] = deque()
    with ThreadPoolExecutor(AT_ONCE, "cutouts") as pool:
        try:
            for job in jobs:
                waiting.append(pool.submit(_work, job, order, out, client))
                while len(waiting) >= AHEAD:
                    done = _finish(waiting.popleft(), journal, done, total)
            while waiting:
                done = _finish(waiting.popleft(), journal, done, total)
        except BaseException:
            client.stop.set()
            for future in waiting:
                future.cancel()
            raise
    return journal


def _finish(future: Future[tuple[ModuleType, Target, list[Found]]], journal: Journal, done: int, total: int) -> int:
    service, target, rows = future.result()
    journal.add(service.SERVICE, target, rows)
    report(done + 1, total)
    return done + 1


def _work(
    job: tuple[ModuleType, Target, str], order: Order, out: Path, client: Client
) -> tuple[ModuleType, Target, list[Found]]:
    service, target, stem = job
    rows = []
    for piece in seek(service, target, order.size, order.fetched, client):
        try:
            rows.append(_kept(piece, stem, out))
        except OSError as error:
            words = f"The cutout cannot be kept ({error.strerror or error}): make room, then run this again."
            rows.append(replace(piece.found, error=words, url=None, time=None, bytes=None, sha256=None))
    return service, target, [replace(row, version=__version__) for row in rows]


def _kept(piece: Piece, stem: str, out: Path) -> Found:
    """The row with the names of its files, which are written into the folder."""
    found = piece.found
    if piece.image is not None:
        name, content = piece.image
        file = f"{CUTOUTS}/{stem}.{_safe(name)}"
        size, sha256 = _place(content, out / file)
        found = replace(found, file=file, bytes=size, sha256=sha256)
    if piece.noise is not None:
        name, content = piece.noise
        file = f"{RMS}/{stem}.{_safe(name)}"
        _place(content, out / file)
        found = replace(found, rms_file=file)
    return found


def _place(content: Answer | bytes, to: Path) -> tuple[int, str]:
    """Put a file in its place, as a second name of the one in the cache where that works; its size and hash."""
    data = content if isinstance(content, bytes) else content.data
    if isinstance(content, Answer) and content.origin.url.startswith("http"):
        unfinished = to.with_name(f".{to.name}.{os.getpid()}.{threading.get_ident()}")
        with suppress(OSError):
            os.link(content.path, unfinished)
            unfinished.replace(to)
            unfinished.unlink(missing_ok=True)  # it stays where both are one file already
            return len(data), content.origin.sha256
    store.write(to, data)
    return len(data), hashlib.sha256(data).hexdigest()


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9+._-]+", "_", name)[-160:]


def _stems(targets: Sequence[Target]) -> Iterator[str]:
    """A beginning of file names for each target: what it was called, as far as every system takes it."""
    taken: Counter[str] = Counter()
    for target in targets:
        stem = name = re.sub(r"[^A-Za-z0-9+.-]+", "_", target.id).strip("_.")[:60] or "target"
        while taken[name.lower()]:
            taken[stem.lower()] += 1
            name = f"{stem}_{taken[stem.lower()]}"
        taken[name.lower()] += 1
        yield name
