"""How a run is asked to leave: SIGTERM, Ctrl-C or the stop file; each ends as StopRequested after the step."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType


class StopRequested(Exception):
    """Somebody asked the run to stop; the state is saved."""


class Diverged(Exception):
    """The loss is no longer a number."""


class StopSignal:
    """Remembers a signal; a second Ctrl-C interrupts at once."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stop"
        self._received = ""

    def install(self) -> None:
        """Listen to SIGTERM and SIGINT from now on."""
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._received == "Ctrl-C" and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"

    def reason(self) -> str:
        """Who asked the run to stop, or nothing."""
        if self._received:
            return f"Stopped by {self._received}."
        return "Stopped on request." if self._file.exists() else ""
