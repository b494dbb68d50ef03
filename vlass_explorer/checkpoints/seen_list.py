"""seen.csv of a checkpoint folder: the cutouts that decided its weights, by content and by place on the sky.

Columns: split (train, selected, calibrated), sha256 (16 hex digits of ``datasets.identity``, or empty), ra and dec
(ICRS degrees, or empty). config.json holds the hash of the file, so that no other list is taken for it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..foreign import mapped, reason
from ..schema import Checkpoint, CheckpointError, Cutouts, Seen, SeenList

SEEN = "seen.csv"
COLUMNS = ("split", "sha256", "ra", "dec")
PARTS = ("train", "selected", "calibrated")
MAX_SEEN_BYTES = 64 << 20
"""About a million and a half cutouts."""


def seen(card: Checkpoint) -> Seen | None:
    """The cutouts that a checkpoint has seen; None where its card does not say.

    Raises CheckpointError where the list is missing, or is not the one that the card was written with.
    """
    record = card.provenance.seen
    if record is None:
        return None
    advice = f"copy the folder again, or write it anew: python -m train provenance {card.name}."
    file = card.path / SEEN
    if not file.is_file() or file.stat().st_size > MAX_SEEN_BYTES:
        raise CheckpointError(f"Checkpoint {card.name} lacks {SEEN}, the cutouts that it has seen; {advice}")
    told = file.stat()
    with mapped(lambda error: CheckpointError(f"{SEEN} of checkpoint {card.name} cannot be read: {reason(error)}.")):
        parts = _read(file, record.sha256, told.st_size, told.st_mtime_ns)
    if parts is None:
        raise CheckpointError(f"{SEEN} of checkpoint {card.name} is not the one of its card; {advice}")
    return Seen(**parts, unlisted=record.unlisted, stated=record.stated)


@lru_cache(maxsize=4)  # a page asks the same list about one cutout after the other
def _read(file: Path, sha256: str, size: int, changed: int) -> dict[str, Cutouts] | None:
    """The parts of a file of this size and time of change; None where its hash is another."""
    content = file.read_bytes()
    return _parts(content) if hashlib.sha256(content).hexdigest() == sha256 else None


def merged(several: Sequence[Seen]) -> Seen:
    """What was seen in all: each cutout once a part, in order, and everything that was not listed."""
    parts = {}
    for part in PARTS:
        rows = dict.fromkeys(row for one in several for row in _rows(getattr(one, part)))
        parts[part] = _cutouts(list(rows))
    unlisted = dict.fromkeys(text for one in several for text in one.unlisted)
    stated = dict.fromkeys(text for one in several for text in one.stated)
    return Seen(**parts, unlisted=tuple(unlisted), stated=tuple(stated))


def to_csv(found: Seen) -> bytes:
    """Content of seen.csv; places are rounded to 1e-6 degrees (4 mas)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part in PARTS:
        writer.writerows((part, *row) for row in _rows(getattr(found, part)))
    return text.getvalue().encode()


def record(found: Seen, content: bytes) -> SeenList:
    """What the card says of such a list, whose file holds ``content``."""
    counts = {part: len(getattr(found, part)) for part in PARTS}
    return SeenList(hashlib.sha256(content).hexdigest(), **counts, unlisted=found.unlisted, stated=found.stated)


def _rows(cutouts: Cutouts) -> list[tuple[str, str, str]]:
    places = [["" if np.isnan(value) else f"{value:.6f}" for value in place] for place in cutouts.places.tolist()]
    return [(content, ra, dec) for content, (ra, dec) in zip(cutouts.content.tolist(), places, strict=True)]


def _cutouts(rows: Sequence[tuple[str, str, str]]) -> Cutouts:
    content = np.array([row[0] for row in rows], dtype="U16")
    places = [[float(text) if text else np.nan for text in row[1:]] for row in rows]
    return Cutouts(content, np.array(places, dtype=np.float64).reshape(-1, 2))


def _parts(content: bytes) -> dict[str, Cutouts]:
    table = list(csv.reader(io.StringIO(content.decode()), strict=True))
    if not table or tuple(table[0]) != COLUMNS:
        raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
    rows: dict[str, list[tuple[str, str, str]]] = {part: [] for part in PARTS}
    for number, row in enumerate(table[1:], 2):
        if len(row) != len(COLUMNS) or row[0] not in rows or not re.fullmatch(r"([0-9a-f]{16})?", row[1]):
            raise ValueError(f"line {number} is no cutout")
        rows[row[0]].append((row[1], row[2], row[3]))
    return {part: _cutouts(found) for part, found in rows.items()}
