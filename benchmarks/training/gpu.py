"""ViT-B/16 at 224 pixels on a GPU: images a second, model FLOP utilisation, ratio over a plain Lightning pipeline.

`fit` trains in bf16 with augmentation on the GPU. The baseline is how VLASS-Vision trains: float32, rotation, flips and
resizing by torchvision in loader processes, batch 64. Goals: half of the measured matrix peak, five times the baseline.
"""

from __future__ import annotations

import os
import time
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

ARCHITECTURE, SIDE, BATCH, STEPS = "vit_base_patch16_224", 224, 256, 24


class Clock(pl.Callback):
    """Seconds a step once the first few are done."""

    def on_train_batch_end(self, trainer: pl.Trainer, *rest: Any) -> None:
        step = trainer.global_step
        if step in (STEPS // 3, STEPS):
            torch.cuda.synchronize()
            setattr(self, "end" if step == STEPS else "begin", time.perf_counter())

    def rate(self, batch: int) -> float:
        """Images a second."""
        return batch * (STEPS - STEPS // 3) / (self.end - self.begin)


def ours(folder: Path) -> float:
    """Images a second of `fit`."""
    config = RunConfig(
        name="gpu",
        architecture=ARCHITECTURE,
        img_size=SIDE,
        batch_size=BATCH,
        precision="bf16",
        epochs=1,
        warmup_epochs=0,
        device="cuda:0",
    )
    data = noise_set.make(folder, 2 * BATCH)
    spec = datasets.input_spec(data, config)
    images = TrainingImages(data, range(len(data)), spec, config, stretched(data, spec, config))
    images.labels = images.labels.repeat(STEPS // 2)
    model, _ = build(config, ("a", "b"))
    module = Classifier(model, config, images, images, torch.ones(2), total_steps=STEPS)
    run = runs.create(config, folder / "runs")
    engine = trainer(config, "cuda:0", Recorder(run.path, config, StopSignal(run.path)))
    clock = Clock()
    engine.callbacks.append(clock)

    class Cyclic(Batches):
        """The same cutouts again and again, so that few files make many steps."""

        def positions(self) -> list[torch.Tensor]:
            return [batch % len(data) for batch in super().positions()]

    engine.fit(module, Cyclic(images.labels, config))
    return clock.rate(BATCH)


class Plain(pl.LightningModule):
    """A model, cross-entropy and Adam."""

    def __init__(self) -> None:
        super().__init__()
        self.model = timm.create_model(ARCHITECTURE, num_classes=2, in_chans=1)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters())


class Noise(Dataset[Any]):
    """Images of 64 x 64 pixels, augmented one at a time on the CPU."""

    change = v2.Compose([v2.RandomRotation(180.0), v2.RandomHorizontalFlip(), v2.RandomVerticalFlip(), v2.Resize(SIDE)])

    def __len__(self) -> int:
        return 64 * STEPS

    def __getitem__(self, index: int) -> Any:
        image = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(index))
        return self.change(image), index % 2


def baseline() -> float:
    """Images a second of the plain pipeline."""
    clock = Clock()
    engine = pl.Trainer(
        accelerator="cuda",
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
    engine.fit(Plain(), DataLoader(Noise(), batch_size=64, num_workers=min(8, os.cpu_count() or 1)))
    return clock.rate(64)


def flops_an_image() -> float:
    """Operations of a forward and a backward pass, counted."""
    model = timm.create_model(ARCHITECTURE, num_classes=2, in_chans=1)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 1, SIDE, SIDE)).sum().backward()
    return float(counter.get_total_flops())


def matrix_peak(size: int = 8192, repeats: int = 20) -> float:
    """Operations a second of a large bf16 matrix product."""
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(repeats):
        a @ b
    torch.cuda.synchronize()
    return 2 * size**3 * repeats / (time.perf_counter() - begin)


def measure(folder: Path) -> dict[str, Any]:
    """All figures, as plain values."""
    (folder / "gpu").mkdir()
    rate, plain, peak = ours(folder / "gpu"), baseline(), matrix_peak()
    return {
        "gpu": torch.cuda.get_device_name(),
        "vit_images_per_second": rate,
        "vit_flop_utilisation": rate * flops_an_image() / peak,
        "vit_over_plain_lightning": rate / plain,
        "matrix_peak_tflops": peak / 1e12,
    }
