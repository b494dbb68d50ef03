"""A labelled folder small enough to train on in seconds: round blobs against elongated ones."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

CLASSES = ("long", "round")


def make(folder: Path, count: int = 40, side: int = 40, seed: int = 0) -> Path:
    """Write ``count`` .npy images in two class folders and return the folder."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - side / 2
    for index in range(count):
        label = index % 2
        angle = random.uniform(0, np.pi)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        width = 3.0 if label else 9.0
        image = np.exp(-0.5 * ((along / width) ** 2 + (across / 3.0) ** 2)) + random.normal(0, 0.02, x.shape)
        (folder / CLASSES[label]).mkdir(parents=True, exist_ok=True)
        np.save(folder / CLASSES[label] / f"{index:03d}.npy", image.astype(np.float32))
    return folder


def words(folder: Path, **changes: object) -> list[str]:
    """Options of a run of a few seconds on that folder."""
    options: dict[str, object] = {
        "name": "tiny",
        "data_dir": folder,
        "split": "random",
        "architecture": "vlass_vision_cnn",
        "img_size": 16,
        "field_of_view_pixels": 24,
        "epochs": 2,
        "batch_size": 8,
        "warmup_epochs": 0,
        "device": "cpu",
        **changes,
    }
    return [f"{key}={value}" for key, value in options.items()]


@contextmanager
def place(folder: Path, count: int = 40, **variables: str) -> Iterator[Path]:
    """The set in ``folder``/data, with runs and checkpoints beside it; environment and signal handlers are put back."""
    make(folder / "data", count)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLASS_EXPLORER_RUNS", str(folder / "runs"))
        patch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(folder / "checkpoints"))
        for name, value in variables.items():
            patch.setenv(name, value)
        yield folder
    for number, handler in kept.items():
        signal.signal(number, handler)
