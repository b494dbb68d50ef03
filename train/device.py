"""Which device a run uses, and its turn on it: one run a device, the oldest waiting one first."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch

from vlass_explorer import runs
from vlass_explorer.runs import slurm
from vlass_explorer.schema import ConfigError

_HELD: set[int] = set()


def resolve(name: str) -> str:
    """``auto``, ``cuda`` and the like as one device, "cpu", "cuda:0" or "mps"; ConfigError where it is absent."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cpu":
        return "cpu"
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigError("This machine has no Apple GPU; set device=cpu.")
        return "mps"
    index = int(name.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ConfigError(f"There is no {name}: PyTorch sees {count} CUDA devices here; set device=cpu or another.")
    return f"cuda:{index}"


def trainer_arguments(device: str) -> dict[str, object]:
    """What Lightning's Trainer needs for that device."""
    if device.startswith("cuda"):
        return {"accelerator": "cuda", "devices": [int(device.partition(":")[2])]}
    return {"accelerator": device, "devices": 1}


class Turn:
    """The lock of one device below one folder of runs, held until ``close`` or the end of the process."""

    def __init__(self, root: Path, device: str) -> None:
        folder = root / ".locks"
        folder.mkdir(exist_ok=True)
        # Not inheritable: a loader process must not keep the device after its run has died.
        self._handle = os.open(folder / device.replace(":", "-"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _HELD.add(self._handle)

    def take(self) -> bool:
        """True when the device is ours now."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give the device back."""
        _HELD.discard(self._handle)
        os.close(self._handle)


def _let_go() -> None:
    """In a forked process, which O_CLOEXEC does not reach: the parent keeps its lock."""
    for handle in _HELD:
        os.close(handle)
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)


def wait(path: Path, device: str, beat: Callable[[], None], pause: float = 1.0) -> Turn:
    """Wait until this run is the oldest living queued one of its device and has the lock; ``beat`` may raise.

    A SLURM job has been given its device already, and the first process of a run waits for all of them.
    """
    if slurm.step() or "LOCAL_RANK" in os.environ:
        return Turn(path, device)
    turn = Turn(path.parent, device)
    while True:
        beat()
        waiting = runs.queue(path.parent, device)
        if waiting and waiting[0].id == path.name and turn.take():
            return turn
        time.sleep(pause)
