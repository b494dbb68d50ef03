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

LONGEST_SECONDS = 180.0
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
    def is_done(self) -> bool:
        """True once the process has ended; a dry run that takes too long is ended here."""
        if self.process.poll() is None and time.monotonic() - self.started > LONGEST_SECONDS:
            self.process.kill()
            self.process.wait()
        return self.process.poll() is not None

    @property
    def result(self) -> Mapping[str, Any]:
        """What the dry run printed as JSON; where it printed none, its last words are the one error."""
        if not self._found:
            output = (Path(self.folder.name) / "out").read_text(errors="replace")
            words = (Path(self.folder.name) / "err").read_text(errors="replace").strip().splitlines()
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


_kept: OrderedDict[tuple[RunConfig, str], Check] = OrderedDict()
"""Checks of all browser sessions of this server, the latest last."""
_TURN = Lock()


def start(config: RunConfig, stamp: str) -> Check:
    """Start the dry run of a configuration, or return the one that is there; ``stamp`` changes with the data folder.

    What others wait for is never ended: only answers are forgotten. RunError where too many dry runs are going on.
    """
    with _TURN:
        key = config, stamp
        if key not in _kept:
            _make_room()
            _kept[key] = _started(config)
        _kept.move_to_end(key)
        return _kept[key]


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


def _started(config: RunConfig) -> Check:
    folder = tempfile.TemporaryDirectory(prefix="vlass-check-")
    place = Path(folder.name)
    (place / "config.yaml").write_text(recipes.to_yaml(config), encoding="utf-8")
    command = [sys.executable, "-m", "train", "check", "--json", "--config", "-"]
    with (
        (place / "config.yaml").open("rb") as given,
        (place / "out").open("wb") as out,
        (place / "err").open("wb") as err,
    ):
        process = subprocess.Popen(command, cwd=ROOT, stdin=given, stdout=out, stderr=err)
    return Check(process, folder, time.monotonic())
