"""Curves of a run in bounded memory: each look reads only what was added, however long metrics.jsonl has become."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..schema import Run
from .records import metrics

LONGEST = 1000
Points = Sequence[tuple[float, float]]
"""(step, value) pairs, step increasing."""


class _Series:
    """One curve: evenly thinned to at most ``LONGEST`` points, and always the last one."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, float]] = []
        self._last = (0.0, 0.0)
        self._stride, self._seen = 1, 0

    def add(self, step: float, value: float) -> None:
        self._last = (step, value)
        if self._seen % self._stride == 0:
            self._kept.append(self._last)
            if len(self._kept) >= LONGEST:  # from here on every second one, of the old points, too
                del self._kept[1::2]
                self._stride *= 2
        self._seen += 1

    def points(self) -> Points:
        return list(self._kept) if self._kept[-1:] == [self._last] else [*self._kept, self._last]


class Curves:
    """Every number of metrics.jsonl against the step; many browser sessions may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, _Series] = {}
        self._offset, self._file = 0, 0

    def update(self, run: Run) -> Mapping[str, Points]:
        """Read the lines that were added since the last call and return all curves by the name of their value.

        A resumed run has a new file, without the steps that it does again: then everything is read once more.
        """
        with self._lock:
            file, size = _identity(run.path / "metrics.jsonl")
            if file != self._file or size < self._offset:
                self._series, self._offset, self._file = {}, 0, file
            rows, self._offset = metrics(run, self._offset)
            for row in rows:
                step = row.get("step")
                for key, value in row.items():
                    if key not in ("step", "epoch") and isinstance(step, int) and isinstance(value, int | float):
                        self._series.setdefault(key, _Series()).add(step, value)
            return {key: series.points() for key, series in self._series.items()}


def _identity(path: Path) -> tuple[int, int]:
    """Number of the file, which changes when it is replaced, and its size; zeros where there is none."""
    if not path.exists():
        return 0, 0
    found = path.stat()
    return found.st_ino, found.st_size
