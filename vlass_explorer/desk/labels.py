"""Labels that people give: a file that is only appended to, one JSON object a line, each line one thing that was done.

Many may write to one file at once, on one machine: a lock of the kernel makes lines whole, and each line is on the disk
when ``append`` returns. Nothing is ever removed from the file: undoing is a line as well. Lines that cannot be read
(edited by hand, half written when the power went) stay where they are, are left out and told.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import IO, Any

from ..schema import InputError
from .records import ID, Given, given, text

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Broken:
    """A line of the file that is left out, and why."""

    line: int
    why: str


class Labels:
    """What is in one label file; any number of threads and processes may use the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = RLock()
        self._forget()

    def _forget(self) -> None:
        self._read, self._lines, self._file, self._tail = 0, 0, 0, b""
        self._classes: list[str] = []
        self._ids: set[str] = set()
        self._given: dict[str, Given] = {}
        self._stacks: dict[tuple[str, str], list[str]] = {}  # of a cutout and labeller: ids, the latest last
        self._done: dict[str, list[str]] = {}  # of a labeller: ids, the latest last
        self._who: dict[str, dict[str, None]] = {}  # of a cutout: its labellers
        self._notes: dict[str, list[tuple[str, str]]] = {}
        self._broken: list[Broken] = []

    def refresh(self) -> Labels:
        """Read what was added since; all of it where the file is another one, or was changed before its end."""
        with self._turn:
            try:
                with self.path.open("rb") as file:
                    self._take(file)
            except FileNotFoundError:
                self._forget()
            except OSError as error:
                raise InputError(f"{self.path} cannot be read ({error.strerror or error}).") from error
            return self

    def _take(self, file: IO[bytes]) -> None:
        known = os.fstat(file.fileno())
        file.seek(self._read - len(self._tail))
        if known.st_ino != self._file or known.st_size < self._read or file.read(len(self._tail)) != self._tail:
            self._forget()
            self._file = known.st_ino
            file.seek(0)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.split(b"\n")[:-1]:
            self._lines += 1
            if line.strip():
                self._add(line)
        if whole:
            self._read, self._tail = self._read + len(whole), (self._tail + whole)[-64:]

    def _add(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            self._broken.append(Broken(self._lines, "it is no JSON"))
            return
        try:
            self._understand(told)
        except KeyError as error:
            self._broken.append(Broken(self._lines, f"it has no {error.args[0]}"))
        except (ValueError, TypeError) as error:
            self._broken.append(Broken(self._lines, str(error)[:100]))

    def _understand(self, told: Any) -> None:
        if not isinstance(told, dict) or not ID.fullmatch(str(told.get("id", ""))):
            raise ValueError("it has no id")
        if told["id"] in self._ids:
            return  # the same thing told twice is one thing
        do, by = told["do"], text(told, "by")
        if do == "classes":
            self._classes = [str(name) for name in told["classes"]]
        elif do == "label":
            new = given(told)
            self._given[new.id] = new
            self._stacks.setdefault((new.cutout, by), []).append(new.id)
            self._done.setdefault(by, []).append(new.id)
            self._who.setdefault(new.cutout, {})[by] = None
        elif do == "note":
            self._notes.setdefault(text(told, "cutout"), []).append((by, text(told, "text")))
        elif do == "undo":
            old = self._given.get(str(told["of"]))
            if old is None or old.by != by:
                raise ValueError("it undoes no label of this labeller")
            if old.id in (stack := self._stacks[old.cutout, by]):
                stack.remove(old.id)
                self._done[by].remove(old.id)
        else:
            raise ValueError(f"{str(do)[:40]!r} is nothing that is done here")
        self._ids.add(told["id"])

    def append(self, *records: Mapping[str, Any]) -> None:
        """Add records, each a line with its ``id``, ``do`` and ``by``; those whose id is in the file are not repeated.

        They are on the disk when this returns, all of them or, where the process is killed, the first so many. A line
        left half by others is ended first. Raises InputError where the file cannot be written.
        """
        try:
            with self._turn, self._locked() as handle:
                self.refresh()
                new = [record for record in records if record["id"] not in self._ids]
                lines = b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in new)
                if lines and os.fstat(handle).st_size > self._read:
                    lines = b"\n" + lines
                while lines:
                    lines = lines[os.write(handle, lines) :]
                os.fsync(handle)
                self.refresh()
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written ({error.strerror or error}); the labels that you see as saved are."
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[int]:
        is_new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if is_new:  # its name is on the disk, too
                folder = os.open(self.path.parent, os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)  # which gives the lock back

    def knows(self, id: str) -> bool:
        """Is the record with this id in the file?"""
        return id in self._ids

    def find(self, id: str) -> Given | None:
        """The label with this id, also one that does not hold any more."""
        return self._given.get(id)

    @property
    def declared(self) -> tuple[str, ...]:
        """Classes in the order that was set last; none where nobody set them."""
        return tuple(self._classes)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order that was set last, then those that labels name beyond it."""
        with self._turn:
            named = (one.label for one in self.given if one.kind == "class")
            return tuple(dict.fromkeys((*self._classes, *named)))

    @property
    def given(self) -> tuple[Given, ...]:
        """The labels that hold, one a cutout and labeller (the latest that was not undone), in the order given."""
        with self._turn:
            latest = {stack[-1] for stack in self._stacks.values() if stack}
            return tuple(one for id, one in self._given.items() if id in latest)

    @property
    def labellers(self) -> tuple[str, ...]:
        """All whose labels hold, in the order of their first."""
        return tuple(dict.fromkeys(one.by for one in self.given))

    @property
    def broken(self) -> tuple[Broken, ...]:
        """Lines that are left out."""
        return tuple(self._broken)

    def of(self, cutout: str, by: str) -> Given | None:
        """The label that a labeller gave a cutout, None without one."""
        with self._turn:
            stack = self._stacks.get((cutout, by))
            return self._given[stack[-1]] if stack else None

    def all_of(self, cutout: str) -> tuple[Given, ...]:
        """The labels of a cutout that hold, one a labeller."""
        with self._turn:
            found = (self.of(cutout, by) for by in self._who.get(cutout, ()))
            return tuple(one for one in found if one is not None)

    def count(self, by: str) -> int:
        """Cutouts that a labeller has labelled."""
        with self._turn:
            return len({self._given[id].cutout for id in self._done.get(by, ())})

    def last(self, by: str) -> Given | None:
        """The last label of a labeller that was not undone: what undoing takes back."""
        with self._turn:
            done = self._done.get(by)
            return self._given[done[-1]] if done else None

    def notes(self, cutout: str) -> tuple[tuple[str, str], ...]:
        """Labeller and text of each note on a cutout."""
        return tuple(self._notes.get(cutout, ()))


@lru_cache(maxsize=64)
def opened(path: Path) -> Labels:
    """The labels of a file, shared in this process."""
    return Labels(path)


def path_of(folder: Path, name: str) -> Path:
    """Where the set of this name is kept; InputError for a name that is no plain word."""
    if not NAME.fullmatch(name):
        raise InputError("A set of labels is named in letters, digits, dashes and underscores, at most 64 of them.")
    return folder / f"{name}{SUFFIX}"


def known_sets(folder: Path) -> list[str]:
    """Names of the sets in a folder, those written last first."""
    files = [path for path in folder.glob(f"*{SUFFIX}") if NAME.fullmatch(path.stem)] if folder.is_dir() else []
    return [path.stem for path in sorted(files, key=lambda path: -path.stat().st_mtime_ns)]
