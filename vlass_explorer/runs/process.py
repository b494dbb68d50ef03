"""Who works on a run: a process named by more than its id, which the system gives out again."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from . import slurm

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _boot() -> str:
    """Changes with each start of the machine; process ids and start times mean nothing across it."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else str(int(psutil.boot_time()))


def _started(pid: int) -> str:
    """Start of a process, exact where /proc counts clock ticks since boot, so that clock changes do not matter."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return f"{psutil.Process(pid).create_time():.2f}"


def identity(pid: int | None = None) -> dict[str, Any]:
    """Process id, start, boot and host of a process (by default this one, with its SLURM job where it has one)."""
    job = slurm.current_step() if pid is None else {}
    pid = os.getpid() if pid is None else pid
    return {"pid": pid, "started": _started(pid), "boot": _boot(), "host": socket.gethostname(), **job}


def alive(process: Mapping[str, Any]) -> bool | None:
    """Does this very process still run; a zombie does not. None where it belongs to another host."""
    if not process:
        return False
    if process.get("host") != socket.gethostname():
        return None
    if process.get("boot") != _boot():
        return False
    pid = process.get("pid")
    if not isinstance(pid, int) or pid < 1:
        return False
    try:
        return _started(pid) == process.get("started") and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
