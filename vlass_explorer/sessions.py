"""What a browser keeps on the server between visits: its uploads and choices, in one folder a session.

A session is known by a word that nobody guesses (192 bits). The folder is named by its hash, so that whoever sees the
folders cannot open a session, and every file by the hash of its content: no name that a user gave reaches a path. What
has not been used for some days goes, and so does the oldest where all together are too large.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import RLock
from typing import Any

WORD = re.compile(r"[A-Za-z0-9_-]{32}")
HASH = re.compile(r"[0-9a-f]{64}")
INDEX = "session.json"
LINK = "view_"
"""What the words of links begin with, see ``Sessions.share``."""
FORMAT = 1


@dataclass(frozen=True)
class Upload:
    """One file: the name that the user gave, what the page calls it, and the hash of what is kept of it."""

    name: str
    label: str
    sha256: str
    kind: str = "upload"
    """Of its content: an upload, how a cutout of a data set is read (``borrowed``), or a layer over the sky."""


@dataclass(frozen=True)
class Bounds:
    """Bytes of one session and of all, and days that a session is kept after its last use."""

    session: int = 2 << 30
    every: int = 20 << 30
    days: float = 14.0


def new_word() -> str:
    """A word for a new session."""
    while is_link(word := secrets.token_urlsafe(24)):
        pass
    return word


def is_word(text: object) -> bool:
    """Could this be the word of a session?"""
    return isinstance(text, str) and WORD.fullmatch(text) is not None


def is_link(text: object) -> bool:
    """Could this be the word of a link? Those of sessions are no links, so that none opens what was not shared."""
    return is_word(text) and str(text).startswith(LINK)


class Sessions:
    """All sessions below a folder; any number of threads may use it."""

    def __init__(self, root: Path, bounds: Bounds | None = None) -> None:
        self.root, self.bounds = root, bounds or Bounds()
        self._turn = RLock()

    def knows(self, word: object) -> bool:
        """Is there something kept under this word?"""
        return is_word(word) and (self._folder(str(word)) / INDEX).is_file()

    def load(self, word: str) -> tuple[list[tuple[Upload, Path]], dict[str, Any]]:
        """Uploads with their files, and choices; what is missing or damaged is left out. It counts as a use."""
        with self._turn:
            index = self._read(word)
            uploads = [(each, self._folder(word) / each.sha256) for each in index[0]]
            with suppress(OSError):
                os.utime(self._folder(word) / INDEX)
            return [(each, path) for each, path in uploads if path.is_file()], index[1]

    def add(self, word: str, *files: tuple[Upload, bytes]) -> int:
        """Keep files, each content once; how many were not, as the session would be larger than it may. OSError."""
        with self._turn:
            folder = self._folder(word)
            kept, choices = self._read(word)
            held = sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
            refused = 0
            for upload, content in files:
                path = folder / upload.sha256
                if not path.is_file():
                    if held + len(content) > self.bounds.session:
                        refused += 1
                        continue
                    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                    _write(path, content)
                    held += len(content)
                kept = [each for each in kept if (each.sha256, each.name) != (upload.sha256, upload.name)] + [upload]
            if refused < len(files):
                self._save(word, kept, choices)
                self.sweep(besides=word)
            return refused

    def remove(self, word: str, uploads: Collection[tuple[str, str]]) -> None:
        """Forget uploads by (hash, name), and the content that no other one has."""
        with self._turn:
            old, choices = self._read(word)
            kept = [each for each in old if (each.sha256, each.name) not in set(uploads)]
            if kept == old:
                return
            for gone in {each.sha256 for each in old} - {each.sha256 for each in kept}:
                (self._folder(word) / gone).unlink(missing_ok=True)
            self._save(word, kept, choices)

    def choose(self, word: str, choices: Mapping[str, Any]) -> None:
        """Keep the choices, which are JSON, in place of those before."""
        with self._turn:
            self._folder(word).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._save(word, self._read(word)[0], choices)

    def copy(self, source: str, word: str) -> None:
        """Give a session the uploads of another one, and its choices beside the own ones, before which they go."""
        with self._turn:
            uploads, choices = self.load(source)
            self.add(word, *((upload, path.read_bytes()) for upload, path in uploads))
            own = self._read(word)[1]
            for key, value in choices.items():
                own[key] = own[key] | value if isinstance(value, dict) and isinstance(own.get(key), dict) else value
            if uploads or choices:
                self.choose(word, own)

    def share(self, word: str, wanted: Collection[tuple[str, str]], choices: Mapping[str, Any]) -> str:
        """The word of a link: a session that holds these of a session's uploads, by (hash, name), and these choices.

        What is added to the session later, and its own word, are not in it.
        """
        with self._turn:
            link = LINK + new_word()[len(LINK) :]
            files = [(each, path) for each, path in self.load(word)[0] if (each.sha256, each.name) in wanted]
            self.add(link, *((upload, path.read_bytes()) for upload, path in files))
            self.choose(link, choices)
            return link

    def withdraw(self, link: str) -> None:
        """Remove what a link holds; copies that were opened of it stay."""
        if is_link(link):
            with self._turn:
                shutil.rmtree(self._folder(link), ignore_errors=True)

    def sweep(self, besides: str = "") -> None:
        """Remove sessions that were not used for long, then the oldest until the rest fits."""
        with self._turn:
            spared = self._folder(besides) if besides else None
            folders = [path for path in self.root.iterdir() if path.is_dir()] if self.root.is_dir() else []
            used = {path: (path / INDEX).stat().st_mtime if (path / INDEX).is_file() else 0.0 for path in folders}
            sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for path in folders}
            total, oldest = sum(sizes.values()), time.time() - self.bounds.days * 86400
            for path in sorted(folders, key=used.__getitem__):
                if path != spared and (used[path] < oldest or total > self.bounds.every):
                    shutil.rmtree(path, ignore_errors=True)
                    total -= sizes[path]

    def _folder(self, word: str) -> Path:
        return self.root / hashlib.sha256(word.encode()).hexdigest()

    def _read(self, word: str) -> tuple[list[Upload], dict[str, Any]]:
        try:
            found = json.loads((self._folder(word) / INDEX).read_text(encoding="utf-8"))
            uploads = [
                Upload(str(each["name"]), str(each["label"]), str(each["sha256"]), str(each.get("kind", "upload")))
                for each in found["uploads"]
            ]
            choices = found["choices"] if found["format"] == FORMAT else {}
        except (OSError, ValueError, KeyError, TypeError):  # none yet, or damaged: begun anew
            return [], {}
        return [each for each in uploads if HASH.fullmatch(each.sha256)], dict(choices)

    def _save(self, word: str, uploads: Sequence[Upload], choices: Mapping[str, Any]) -> None:
        index = {"format": FORMAT, "uploads": [asdict(each) for each in uploads], "choices": dict(choices)}
        _write(self._folder(word) / INDEX, json.dumps(index).encode())


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
