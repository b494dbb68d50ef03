"""The turn of a run on its devices: one run a device, the oldest waiting one first."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import slurm
from .folder import active_runs, queue

PATIENCE = 60.0
"""Seconds that a dry run waits for another one."""
_HELD: set[int] = set()


class Turn:
    """The locks of some devices below one folder of runs, held until ``close`` or the end of the process."""

    def __init__(self, root: Path, *devices: str) -> None:
        folder = root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        # Not inheritable: a loader process must not keep the device after its run has died.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._handles = [os.open(folder / device.replace(":", "-"), flags, 0o600) for device in sorted(devices)]
        _HELD.update(self._handles)

    def take(self) -> bool:
        """True when all devices are ours now; else none is, so that two runs never wait for each other."""
        for number, handle in enumerate(self._handles):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                for taken in self._handles[:number]:
                    fcntl.flock(taken, fcntl.LOCK_UN)
                return False
        return True

    def close(self) -> None:
        """Give the devices back."""
        for handle in self._handles:
            _HELD.discard(handle)
            os.close(handle)


def _let_go() -> None:
    """In a forked process, which O_CLOEXEC does not reach: the parent keeps its lock."""
    for handle in _HELD:
        os.close(handle)
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)


def acquire(path: Path, devices: Sequence[str], beat: Callable[[], None], pause: float = 1.0) -> Turn:
    """Wait until this run is the oldest living queued one of all its devices and has their locks; ``beat`` may raise.

    A SLURM job has been given its devices already, and the first process of a run waits for all of them.
    """
    if _given():
        return Turn(path, *devices)
    turn = Turn(path.parent, *devices)
    while True:
        beat()
        first = [next(iter(queue(path.parent, device)), None) for device in devices]
        if all(run is not None and run.id == path.name for run in first) and turn.take():
            return turn
        time.sleep(pause)


def acquire_idle(root: Path, devices: Sequence[str], patience: float = PATIENCE) -> Turn | None:
    """The turn of a dry run on devices that no run has or waits for; None where one does, for it may last for days.

    Another dry run is waited for, ``patience`` seconds at most.
    """
    if _given():
        return Turn(root, *devices)
    turn = Turn(root, *devices)
    deadline = time.monotonic() + patience
    while not any(active_runs(root, device) for device in devices):
        if turn.take():
            return turn
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    turn.close()
    return None


def _given() -> bool:
    """Is this a process of a SLURM job or a further one of a run? They have their devices."""
    return bool(slurm.current_step()) or "LOCAL_RANK" in os.environ
