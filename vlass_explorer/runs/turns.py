"""Which runs of a machine want which device, and whose turn it is: the oldest living one first."""

from __future__ import annotations

from collections.abc import Sequence

from ..devices import device_names
from ..schema import Run
from . import slurm
from .process import alive
from .records import read_process, read_status


def uses_device(run: Run, device: str) -> bool:
    """True where a run takes a device of this machine, or may want it while it is still coming up."""
    if not device or slurm.read_note(run.path):
        return False
    if run.device:
        return device in device_names(run.device, run.config.devices)
    asked = run.config.device
    return asked in ("auto", device.partition(":")[0]) or device in device_names(asked, run.config.devices)


def waiting(found: Sequence[Run], device: str) -> list[Run]:
    """Queued runs of a device, oldest first; also those that still come up: the first does not lose to the fast."""
    queued = [
        run
        for run in found
        if run.phase == "queued" and uses_device(run, device) and (run.device or (run.path / "process.json").exists())
    ]
    return sorted(queued, key=lambda run: (run.created, run.id))


def active(found: Sequence[Run], device: str) -> list[Run]:
    """Runs whose living process on this machine trains on a device or waits for it."""
    return [
        run
        for run in found
        if run.is_active
        and uses_device(run, device)
        and alive(read_status(run.path).get("process") or read_process(run.path))
    ]
