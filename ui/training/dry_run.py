"""Dry runs: ``python -m train check --json`` as a process, so that no page ever imports the training engine."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from vlass_explorer import recipes
from vlass_explorer.schema import RunConfig, RunError

from ..settings import ROOT

LONGEST_SECONDS = 3600.0
"""After this a check hangs: reading a large data set takes minutes, and nobody has to wait for it."""
PROGRESS = "progress: "
"""What the lines of a dry run begin with that say how far it is."""
MOST_RUNNING, MOST_KEPT = 8, 256
"""Dry runs at a time, of all browser sessions, and answers that are remembered."""


@dataclass
class Check:
    """One dry run: its process, the files it writes to, and what came out of it."""

    process: subprocess.Popen[bytes]
    folder: tempfile.TemporaryDirectory[str]
    started: float
    _found: dict[str, Any] = field(default_factory=dict)

    @property
    def progress(self) -> float | None:
        """Share of the files that were read, None before the first."""
        lines = (Path(self.folder.name) / "err").read_text(errors="replace").splitlines()
        shares = [line.removeprefix(PROGRESS) for line in lines if line.startswith(PROGRESS)]
        return float(shares[-1]) if shares else None

    @property
    def is_done(self) -> bool:
        """True once the process has ended; a dry run that hangs is ended here."""
        if self.process.poll() is None and time.monotonic() - self.started > LONGEST_SECONDS:
            self.process.kill()
            self.process.wait()
        return self.process.poll() is not None

    @property
    def result(self) -> Mapping[str, Any]:
        """What the dry run printed as JSON; where it printed none, its last words are the one error."""
        if not self._found:
            output = (Path(self.folder.name) / "out").read_text(errors="replace")
            lines = (Path(self.folder.name) / "err").read_text(errors="replace").strip().splitlines()
            words = [line for line in lines if not line.startswith(PROGRESS)]
            try:
                self._found = json.loads(output)
            except ValueError:
                sentence = (
                    words[-1].removeprefix("train: ") if words else "The dry run was ended before it could answer."
                )
                self._found = {"errors": [sentence], "warnings": [], "notes": [], "counts": {}, "unreadable": {}}
        return self._found

    def close(self) -> None:
        """End the process if it still runs, and remove its files."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.folder.cleanup()


Key = tuple[RunConfig, str, str]
"""Configuration, stamp of the data, and what was asked: the whole, a quick look, or a learning rate."""
WHOLE, QUICK, RATE = "", "--quick", "--find-rate"
_kept: OrderedDict[Key, Check] = OrderedDict()
"""Checks of all browser sessions of this server, the latest last."""
_TURN = Lock()


def start(config: RunConfig, stamp: str, *, quick: bool = False, finds_rate: bool = False) -> Check:
    """Start the dry run of a configuration, or return the one that is there; ``stamp`` changes with the data folder.

    ``quick``: neither read the files nor train a step; an answer that is not quick and there already is taken.
    ``finds_rate``: look for a learning rate and do nothing else. What others wait for is ended only by ``stop``.
    RunError where too many dry runs are going on.
    """
    with _TURN:
        whole = (config, stamp, WHOLE)
        key = whole if whole in _kept and _kept[whole].is_done else (config, stamp, QUICK if quick else WHOLE)
        key = (config, stamp, RATE) if finds_rate else key
        if key not in _kept:
            _make_room()
            _kept[key] = _started(config, key[2])
        _kept.move_to_end(key)
        return _kept[key]


def forget_failures(config: RunConfig, stamp: str) -> None:
    """Before it is asked for again: what went wrong once (a full disk, a busy machine) is no verdict for ever."""
    with _TURN:
        for asked in (WHOLE, QUICK, RATE):
            key = (config, stamp, asked)
            if key in _kept and _kept[key].is_done and _kept[key].result["errors"]:
                _kept.pop(key).close()


def stop(config: RunConfig, stamp: str, *, finds_rate: bool = False) -> None:
    """End a dry run that goes on and forget it."""
    with _TURN:
        if (check := _kept.pop((config, stamp, RATE if finds_rate else WHOLE), None)) is not None:
            check.close()


def _make_room() -> None:
    done = [key for key, check in _kept.items() if check.is_done]
    if len(_kept) - len(done) >= MOST_RUNNING:
        raise RunError(f"{MOST_RUNNING} checks are going on here: try again when one of them has ended.")
    for key in done[: max(0, len(done) - MOST_KEPT + 1)]:
        _kept.pop(key).close()


@atexit.register
def _close_all() -> None:
    """What is still going on has nobody left to ask for it when the server ends."""
    for check in _kept.values():
        check.close()


def _started(config: RunConfig, asked: str) -> Check:
    folder = tempfile.TemporaryDirectory(prefix="vlass-check-")
    place = Path(folder.name)
    (place / "config.yaml").write_text(recipes.to_yaml(config), encoding="utf-8")
    command = [sys.executable, "-m", "train", "check", "--json", "--config", "-", *([asked] if asked else [])]
    with (
        (place / "config.yaml").open("rb") as given,
        (place / "out").open("wb") as out,
        (place / "err").open("wb") as err,
    ):
        process = subprocess.Popen(command, cwd=ROOT, stdin=given, stdout=out, stderr=err)
    return Check(process, folder, time.monotonic())
