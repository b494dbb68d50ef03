"""Devices of this machine by the names that options give them: what ``auto`` and ``cuda`` stand for."""

from __future__ import annotations

import ctypes
import platform
import re
import sys
from pathlib import Path

from .schema import ConfigError, RunConfig

NAMES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of glibc's mallopt
REUSED = 2**27
"""Bytes: what a batch and its pass through a model take."""


def available() -> tuple[str, ...]:
    """The devices that there are, the one that ``auto`` stands for first: GPUs, then the CPU."""
    import torch  # here, so that names can be checked without

    cuda = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    return (*cuda, *mps, "cpu")


def check_name(name: str) -> None:
    """ConfigError where no machine has a device of that name."""
    if not NAMES.fullmatch(name):
        raise ConfigError(f"device is auto, cpu, cuda, cuda:0 or mps, not {name!r}.")


def resolve(name: str) -> str:
    """A name as one device of this machine, "cpu", "cuda:0" or "mps"; ConfigError where it is absent."""
    check_name(name)
    known = available()
    found = known[0] if name == "auto" else "cuda:0" if name == "cuda" else name
    if found in known:
        return found
    if found == "mps":
        raise ConfigError("This machine has no Apple GPU; set device=cpu.")
    count = sum(device.startswith("cuda") for device in known)
    raise ConfigError(f"There is no {name}: PyTorch sees {count} CUDA devices here; set device=cpu or another.")


def words(device: str) -> str:
    """What a device of this machine is called, a CPU with the number of threads that torch takes on it."""
    import torch  # here, so that names can be checked without

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    if device == "mps":
        return "Apple GPU"
    count = torch.get_num_threads()
    return f"{count} thread{'s' if count > 1 else ''} of {_processor()}"


def _processor() -> str:
    """Name of the processor as the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def device_names(device: str, count: int = 1) -> tuple[str, ...]:
    """The devices that ``count`` processes take from ``device`` on; off a GPU they share the one there is."""
    kind, _, first = device.partition(":")
    start = int(first or 0)
    return tuple(f"cuda:{index}" for index in range(start, start + count)) if kind == "cuda" else (device,)


def of_run(config: RunConfig) -> tuple[str, ...]:
    """The devices of this machine that a run takes; ConfigError where one of them is absent."""
    found = device_names(resolve(config.device), config.devices)
    for device in found[1:]:
        resolve(device)
    return found


def reuse_memory() -> None:
    """From now on this process keeps freed blocks of up to ``REUSED`` bytes for the next batch; nothing but on glibc.

    Else glibc 2.36 gives the activations of each batch back to the system and gets new pages, zeroed one by one, for
    those of the next: a quarter of the time of a small network on a processor. For processes that end when their work
    does; a server would hold the memory.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        set_option(MMAP_THRESHOLD, REUSED)
        set_option(TRIM_THRESHOLD, REUSED)
