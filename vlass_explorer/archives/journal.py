"""What became of each target, a JSON line each, so that a killed process loses none; then a table and a manifest."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..schema import ArchiveError, Found, Target
from . import store

FILE = ".rows.jsonl"
MANIFEST = "manifest.json"


class Journal:
    """The rows of a folder by service and target, in the file; of what is done only the key is held in memory.

    A folder that was filled with other settings is begun anew: its files stay, its rows do not count.
    """

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self.folder, self.settings = folder, settings
        self.path = folder / FILE
        self._done: dict[str, int] = {}
        self._unwritten: list[bytes] = []
        end = 0
        for offset, line in self._lines():
            values = _parsed(line)
            if values is None:
                break  # cut short when the process was killed
            if offset == 0 and values != {"settings": settings}:
                break
            end = offset + len(line)
            if "key" in values and self._is_whole(values["rows"]):
                self._done[values["key"]] = offset
            elif "key" in values:
                self._done.pop(values["key"], None)
        try:
            with self.path.open("ab") as stream:
                stream.truncate(end)
            if end == 0:
                store.write(self.path, _line({"settings": settings}))
        except OSError as error:
            raise ArchiveError(f"The folder {folder} cannot be written to ({error.strerror or error}).") from error

    def has(self, service: str, target: Target) -> bool:
        """Is this target done, with nothing left to ask?"""
        return _key(service, target) in self._done

    def add(self, service: str, target: Target, rows: Sequence[Found]) -> None:
        """Note the rows of a target; where the disk is full they wait in memory for a later call."""
        self._unwritten.append(_line({"key": _key(service, target), "rows": [row.values() for row in rows]}))
        size = self.path.stat().st_size
        try:
            with self.path.open("ab") as stream:
                stream.write(b"".join(self._unwritten))
        except OSError:
            os.truncate(self.path, size)  # half a line would spoil the next one
            return
        self._unwritten.clear()

    def rows(self, targets: Sequence[Target], services: Sequence[str]) -> Iterator[Found]:
        """The latest rows of the targets, in their order."""
        wanted = {_key(service, target) for target in targets for service in services}
        held = list(self._unwritten)
        latest: dict[str, list[dict[str, Any]]] = {}
        for line in (*(line for _, line in self._lines()), *held):
            values = _parsed(line)
            if values is not None and values.get("key") in wanted:
                latest[values["key"]] = values["rows"]
        for target in targets:
            for service in services:
                yield from map(Found.of, latest.get(_key(service, target), ()))

    def manifest(self, rows: Sequence[Found]) -> None:
        """Write ``manifest.json``: settings, counts of verdicts, and of each file where it came from and its hash."""
        files = [
            {
                key: value
                for key, value in row.values().items()
                if key in ("id", "file", "rms_file", "service", "product", "url", "time", "bytes", "sha256")
            }
            for row in rows
            if row.file is not None
        ]
        counts = Counter(row.verdict or "error" for row in rows)
        values = {"made_by": f"VLASS Explorer {__version__}", "settings": self.settings, "verdicts": dict(counts)}
        content = json.dumps(values | {"files": files}, indent=1)
        try:
            store.write(self.folder / MANIFEST, content.encode())
        except OSError as error:
            raise ArchiveError(f"The manifest cannot be written ({error.strerror or error}): make room.") from error

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if not self.path.is_file():
            return
        offset = 0
        with self.path.open("rb") as stream:
            for line in stream:
                yield offset, line
                offset += len(line)

    def _is_whole(self, rows: list[dict[str, Any]]) -> bool:
        """Did no row fail, and are all its files there?"""
        for row in rows:
            if row.get("error") or row.get("verdict") == "service failed":
                return False
            for key in ("file", "rms_file"):
                if row.get(key) and not os.path.exists(self.folder / row[key]):  # noqa: PTH110
                    return False
        return True


def _key(service: str, target: Target) -> str:
    return f"{service} {target.id} {target.ra!r} {target.dec!r}"


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The values of a line, None for one that was cut short."""
    try:
        values = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return values if isinstance(values, dict) else None
