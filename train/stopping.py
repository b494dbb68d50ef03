"""How a run is asked to leave: a signal or the stop file; each ends as StopRequested after the step."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

from vlass_explorer.runs import slurm


class StopRequested(Exception):
    """Somebody asked the run to stop; the state is saved."""


class Diverged(Exception):
    """Loss, weights or logits are no longer numbers; ``kept`` is the step of the last saved state, 0 for none."""

    def __init__(self, what: str, kept: int) -> None:
        state = f"the state of step {kept} is kept" if kept else "no state was saved before"
        super().__init__(f"{what}; {state}: try a smaller learning_rate or clip_grad=1.")


class StopSignal:
    """Remembers a signal; a second Ctrl-C interrupts at once."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stop"
        self.received = ""
        """Name of the signal, empty before one came."""

    def install(self) -> None:
        """Listen from now on to SIGTERM, SIGINT and, in a SLURM job, SIGUSR2, which comes before the time limit."""
        for number in (signal.SIGTERM, signal.SIGINT, *([signal.SIGUSR2] if slurm.current_step() else [])):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received == "SIGINT" and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = signal.Signals(number).name

    def reason(self) -> str:
        """Who asked the run to stop, or nothing."""
        if self.received:
            return f"Stopped by {'Ctrl-C' if self.received == 'SIGINT' else self.received}."
        return "Stopped on request." if self._file.exists() else ""
