"""``batch``: the process of a classification that was begun as a run, by the Batch page or by a launcher.

It waits for its turn on its device, answers what its folder lacks, merges, and writes how far it is and how it ended to
the status of the run. Asked to stop, by the page or by SIGTERM, it leaves within seconds; begun again, it goes on.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from .. import devices
from ..progress import Cancelled, watch
from ..schema import ExplorerError
from . import classify
from .terminal import FAILED, complain, say

WINDOW = 60.0  # seconds over which the rate is taken


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("batch", help="the process of a classification run", description=__doc__)
    command.add_argument("folder", type=Path, metavar="RUN", help="run folder that the Batch page has made")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Classify what the run asks for; 0 when it finished or stopped as asked."""
    from .. import runs  # here, as other commands need none of them

    path = runs.find(str(args.folder)).path
    stop = _Stop(path)
    try:
        runs.heartbeat(path, process=runs.identity(), reason="", eta_seconds=None)
        told = _classify(path, stop)
    except (Cancelled, KeyboardInterrupt):
        runs.heartbeat(path, phase="stopped", reason=stop.reason() or "Stopped by Ctrl-C.", eta_seconds=None)
        say(f"{path.name}: {stop.reason()}")
        return 0
    except ExplorerError as error:
        runs.heartbeat(path, phase="failed", reason=str(error), eta_seconds=None)
        complain(str(error))
        return FAILED
    except BaseException as error:
        runs.heartbeat(path, phase="failed", reason=f"{type(error).__name__}: {error}", eta_seconds=None)
        raise
    runs.heartbeat(path, phase="finished", eta_seconds=0.0, **told)
    return 0


def _classify(path: Path, stop: _Stop) -> dict[str, Any]:
    """Wait, work and merge; what the status says of a run that finished."""
    from .. import runs
    from ..catalogue import job, parts, watched
    from ..runs import locks

    one = runs.read(path)
    words = _parsed(job.words(one))
    if words.slurm:
        turn = None
    else:
        device = devices.resolve(words.device)
        runs.heartbeat(path, device=device)
        turn = locks.acquire(path, [device], stop.check)
    try:
        runs.heartbeat(path, phase="loading data")
        made = classify.planned(words)
        before = parts.answered(made)
        runs.heartbeat(path, phase="classifying", step=before, total_steps=made.count)
        with watch(_teller(path, made.count, before, stop.check)):
            if words.slurm:
                if not watched.jobs(words.out) and before < made.count:
                    watched.note(words.out, classify.submit(words))
                watched.follow(words.out)
            else:
                classify.work(words)
        runs.heartbeat(path, phase="saving", step=made.count, eta_seconds=None)
        merged = classify.finish(words, made)
    finally:
        if turn is not None:
            turn.close()
    return {"metrics": {"rows": merged.rows, "inputs": merged.inputs, "failed": merged.errors}}


def _parsed(words: list[str]) -> argparse.Namespace:
    commands = argparse.ArgumentParser(prog="vlass_explorer").add_subparsers()
    classify.add(commands)
    return next(iter(commands.choices.values())).parse_args(words)


def _teller(path: Path, total: int, before: int, check: Callable[[], None]) -> Callable[[float], None]:
    """What writes the status at each report of progress: step, rate and time left, by the last minute."""
    from .. import runs

    seen = deque([(time.monotonic(), before)])

    def tell(share: float) -> None:
        check()
        now, done = time.monotonic(), round(share * total)
        seen.append((now, done))
        while len(seen) > 2 and now - seen[1][0] > WINDOW:
            seen.popleft()
        seconds, answered = now - seen[0][0], done - seen[0][1]
        rate = answered / seconds if seconds > 0 else 0.0
        known = {"metrics": {"rows_per_second": rate}, "eta_seconds": (total - done) / rate} if rate > 0 else {}
        runs.heartbeat(path, step=done, **known)

    return tell


class _Stop:
    """A wish to stop, from the stop file of a run or by a signal; a second Ctrl-C interrupts at once."""

    def __init__(self, folder: Path) -> None:
        self._file, self._signal = folder / "stop", ""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._signal == "SIGINT" and number == signal.SIGINT:
            sys.exit(130)
        self._signal = signal.Signals(number).name

    def reason(self) -> str:
        """Who asked, or nothing."""
        if self._signal:
            return f"Stopped by {'Ctrl-C' if self._signal == 'SIGINT' else self._signal}."
        return "Stopped on request." if self._file.exists() else ""

    def check(self) -> None:
        """Raises Cancelled where somebody asked."""
        if self.reason():
            raise Cancelled
