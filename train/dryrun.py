"""Two training steps at the chosen batch and precision: peak memory, time of an epoch, the largest batch that fits."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import psutil
import torch

from vlass_explorer.learning.data import Data
from vlass_explorer.learning.network import build
from vlass_explorer.learning.patches import keep_brightest
from vlass_explorer.schema import RunConfig

from . import ranks
from .batches import Ordered
from .fit import quiet, trainer
from .segmenter import module as training_module

STEPS = 2
"""Timed steps, after one that warms up."""
RESERVE = 0.9
"""Share of the memory that a batch may take; the rest is for what a dry run does not see."""
LARGEST = 4096
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Probe(pl.Callback):
    """Times the steps and looks at the memory."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin to time a step."""
        self._begin = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Wait for the step and note how long it took."""
        float(outputs["loss"].detach())  # waits for a GPU
        self.seconds.append(time.perf_counter() - self._begin)


def rest_memory() -> float:
    """Forget the largest memory of this process so far; what it holds now, in MiB."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")
    return psutil.Process().memory_info().rss / 2**20


def peak_memory() -> float:
    """Largest memory of this process since ``rest_memory`` in MiB; what it holds now where nobody counts."""
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        if "VmHWM" in lines:
            return int(lines["VmHWM"].split()[0]) / 1024
    return psutil.Process().memory_info().rss / 2**20


def steps(config: RunConfig, data: Data, device: str) -> dict[str, float]:
    """Seconds of a step, memory before and at its peak in MiB; raises torch.OutOfMemoryError where it does not fit."""
    size = config.batch_size // ranks.world_size(config)
    config = replace(config, devices=1, nodes=1, batch_size=size, epochs=1, accumulate=1, compile=False)
    model, _ = build(config, data.label_names)
    if config.keep_patches:
        keep_brightest(model, config.keep_patches)
    module = training_module(model, config, data, STEPS + 1)
    probe = Probe()
    # A cutout may come twice in a batch: memory and time are the same.
    batch = torch.arange(size) % len(data.train)
    with warnings.catch_warnings():
        quiet()
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
        engine = trainer(config, device, probe)
        on_gpu = device.startswith("cuda")
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
        before = 0.0 if on_gpu else rest_memory()
        engine.fit(module, Ordered([batch] * (STEPS + 1)))
    peak = torch.cuda.max_memory_reserved(device) / 2**20 if on_gpu else peak_memory()
    return {"seconds": min(probe.seconds[1:]), "before": before, "peak": peak}


def measure(config: RunConfig, data: Data, device: str) -> dict[str, Any]:
    """What a dry run found, as plain values: memory in MiB, times in seconds, the largest batch that fits.

    On a GPU larger batches are tried until one does not fit, smaller ones where the chosen one does not; on the CPU
    the largest is computed from the memory that is free.
    """
    on_gpu = device.startswith("cuda")
    world, size = ranks.world_size(config), config.batch_size
    found: dict[str, Any] = {"batch_size": size, "precision": config.precision, "fits": True}
    try:
        first = steps(config, data, device)
    except torch.OutOfMemoryError:
        found["fits"] = False
    else:
        count = max(1, len(data.train) // size)
        found["seconds_per_step"] = first["seconds"]
        found["images_per_second"] = size / first["seconds"]
        found["seconds_per_epoch"] = count * first["seconds"]
        found["seconds_in_all"] = config.epochs * count * first["seconds"]
        found["peak_memory_mib"] = first["peak"]
    limit = max(size, min(LARGEST, len(data.train)))
    if not on_gpu:
        free = psutil.virtual_memory().available / 2**20 * RESERVE
        each = max(first["peak"] - first["before"], 1.0) / (size / world)
        found["available_memory_mib"] = free
        found["largest_batch_size"] = world * _power_of_two(min(limit, int(free / each / world)))
        return found
    found["available_memory_mib"] = torch.cuda.mem_get_info(device)[1] / 2**20
    largest = size if found["fits"] else 0
    while size > 1 and not largest:
        size //= 2
        largest = size if _fits(config, size, data, device) else 0
    while found["fits"] and 2 * largest <= limit and _fits(config, 2 * largest, data, device):
        largest *= 2
    found["largest_batch_size"] = largest
    return found


def _fits(config: RunConfig, size: int, data: Data, device: str) -> bool:
    """Try a batch of that size on a GPU, and leave room for what a dry run does not see."""
    try:
        tried = steps(replace(config, batch_size=size), data, device)
    except torch.OutOfMemoryError:
        return False
    finally:
        torch.cuda.empty_cache()
    return tried["peak"] <= RESERVE * torch.cuda.mem_get_info(device)[1] / 2**20


def _power_of_two(number: int) -> int:
    """The largest power of two up to a number, at least 1."""
    return 1 << max(0, number.bit_length() - 1)
