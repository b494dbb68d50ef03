"""ViT-B/16 at 224 pixels on a GPU: images a second, model FLOP utilisation, ratio over a plain Lightning pipeline.

`fit` trains in bf16 with augmentation on the GPU. The baseline is how VLASS-Vision trains: float32, rotation, flips and
resizing by torchvision in loader processes, batch 64. Goals: half of the measured matrix peak, five times the baseline.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import timm
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode
from torchvision.transforms import v2

from train.batches import Batches
from train.callbacks import Recorder
from train.fit import trainer
from train.module import Classifier
from train.stopping import StopSignal
from training import noise_set
from vlass_explorer import datasets, runs
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.learning.images import TrainingImages
from vlass_explorer.learning.network import build
from vlass_explorer.schema import RunConfig


@dataclass(frozen=True)
class Size:
    """What is trained, how much of it, and where."""

    architecture: str = "vit_base_patch16_224"
    side: int = 224
    batch: int = 256
    plain_batch: int = 64
    steps: int = 24
    device: str = "cuda:0"
    matrix: int = 8192


LARGE = Size()
TINY = Size("vit_tiny_patch16_224", 32, 4, 4, 6, "cpu", 256)
"""The same on the CPU, which proves the code and measures nothing."""


def synchronise(size: Size) -> None:
    """Wait until the GPU has done what it was told."""
    if size.device != "cpu":
        torch.cuda.synchronize()


class Clock(pl.Callback):
    """Seconds a step once the first few are done."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.begin = self.end = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, *rest: Any) -> None:
        step, last = trainer.global_step, self.size.steps
        if step in (last // 3, last):
            synchronise(self.size)
            setattr(self, "end" if step == last else "begin", time.perf_counter())

    def rate(self, batch: int) -> float:
        """Images a second."""
        return batch * (self.size.steps - self.size.steps // 3) / (self.end - self.begin)


def ours(folder: Path, size: Size) -> float:
    """Images a second of `fit`."""
    config = RunConfig(
        name="gpu",
        architecture=size.architecture,
        img_size=size.side,
        batch_size=size.batch,
        precision="bf16",
        epochs=1,
        warmup_epochs=0,
        device=size.device,
    )
    data = noise_set.make(folder, 2 * size.batch)
    spec = datasets.input_spec(data, config)
    images = TrainingImages(data, range(len(data)), spec, config, stretched(data, spec, config))
    images.labels = images.labels.repeat(size.steps // 2)
    model, _ = build(config, ("a", "b"))
    module = Classifier(model, config, images, images, torch.ones(2), total_steps=size.steps)
    run = runs.create(config, folder / "runs")
    engine = trainer(config, size.device, Recorder(run.path, config, StopSignal(run.path)))
    clock = Clock(size)
    engine.callbacks.append(clock)

    class Cyclic(Batches):
        """The same cutouts again and again, so that few files make many steps."""

        def positions(self) -> list[torch.Tensor]:
            return [batch % len(data) for batch in super().positions()]

    engine.fit(module, Cyclic(images.labels, config))
    return clock.rate(size.batch)


def made(size: Size) -> torch.nn.Module:
    """The architecture with fresh weights."""
    model: torch.nn.Module = timm.create_model(size.architecture, num_classes=2, in_chans=1, img_size=size.side)
    return model


class Plain(pl.LightningModule):
    """A model, cross-entropy and Adam."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.model = made(size)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters())


class Noise(Dataset[Any]):
    """Images of 64 x 64 pixels, augmented one at a time on the CPU."""

    def __init__(self, size: Size) -> None:
        flips = v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()
        self.size, self.change = size, v2.Compose([v2.RandomRotation(180.0), *flips, v2.Resize(size.side)])

    def __len__(self) -> int:
        return self.size.plain_batch * self.size.steps

    def __getitem__(self, index: int) -> Any:
        image = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(index))
        return self.change(image), index % 2


def baseline(size: Size) -> float:
    """Images a second of the plain pipeline."""
    clock = Clock(size)
    engine = pl.Trainer(
        accelerator="cpu" if size.device == "cpu" else "cuda",
        devices=1,
        max_epochs=1,
        precision="32-true",
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[LightningEnvironment()],
    )
    loader = DataLoader(Noise(size), batch_size=size.plain_batch, num_workers=min(8, os.cpu_count() or 1))
    engine.fit(Plain(size), loader)
    return clock.rate(size.plain_batch)


def flops_an_image(size: Size) -> float:
    """Operations of a forward and a backward pass, counted."""
    model = made(size)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 1, size.side, size.side)).sum().backward()
    return float(counter.get_total_flops())


def matrix_peak(size: Size, repeats: int = 20) -> float:
    """Operations a second of a large bf16 matrix product."""
    a, b = (torch.randn(size.matrix, size.matrix, device=size.device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    synchronise(size)
    begin = time.perf_counter()
    for _ in range(repeats):
        a @ b
    synchronise(size)
    return 2 * size.matrix**3 * repeats / (time.perf_counter() - begin)


def measure(folder: Path, size: Size = LARGE) -> dict[str, Any]:
    """All figures, as plain values."""
    (folder / "gpu").mkdir()
    rate, plain, peak = ours(folder / "gpu", size), baseline(size), matrix_peak(size)
    return {
        "gpu": "none" if size.device == "cpu" else torch.cuda.get_device_name(),
        "vit_images_per_second": rate,
        "vit_flop_utilisation": rate * flops_an_image(size) / peak,
        "vit_over_plain_lightning": rate / plain,
        "matrix_peak_tflops": peak / 1e12,
    }
