"""Images a second of `train fit` over a bare PyTorch loop that does the same work; goal at least 0.95.

    OMP_NUM_THREADS=1 python benchmarks/train_throughput.py [--steps 16] [--json]

Both train the small CNN at batch 64 on noise of 100 x 100 pixels held in memory, with rotation, flips, shift and zoom.
Rounds alternate and CPU seconds are counted, so that other work on the machine matters little. The loader alone, which
augments, is compared with what the step consumes (goal at least 5). With a GPU, training/gpu.py adds a ViT-B/16.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch

# Run from anywhere: the packages beside this folder are used, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training import noise_set

from train.batches import Batches
from train.callbacks import Recorder
from train.fit import quiet, trainer
from train.module import Classifier
from train.stopping import StopSignal
from vlass_explorer import datasets, runs
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.learning.images import TrainingImages
from vlass_explorer.learning.loss import cross_entropy, targets
from vlass_explorer.learning.network import build
from vlass_explorer.learning.schedule import rate
from vlass_explorer.schema import RunConfig


def fit(config: RunConfig, images: TrainingImages, steps: int, folder: Path) -> float:
    """CPU seconds of a run through Lightning, with status, metrics and saved state."""
    run = runs.create(config, folder)
    model, _ = build(config, ("a", "b"))
    module = Classifier(model, config, images, images, torch.ones(2), total_steps=steps)
    engine = trainer(config, "cpu", Recorder(run.path, config, StopSignal(run.path)))
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
        quiet()
        engine.fit(module, Batches(images.labels, config))
    return time.process_time() - begin


def bare(config: RunConfig, images: TrainingImages, steps: int) -> float:
    """CPU seconds of the same steps in a plain loop."""
    model, _ = build(config, ("a", "b"))
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, 0, steps))
    batches = Batches(images.labels, config)
    begin = time.process_time()
    model.train()
    for epoch in range(config.epochs):
        for batch in batches.order(epoch)[: len(batches) * config.batch_size].split(config.batch_size):
            x, labels = images.augmented(batch, epoch)
            loss = cross_entropy(model(x), targets(labels, 2, 0.0), torch.ones(2))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_grad)
            optimiser.step()
            schedule.step()
    return time.process_time() - begin


def loader(config: RunConfig, images: TrainingImages, steps: int) -> float:
    """CPU seconds to prepare the batches of as many steps, without any model."""
    batches = Batches(images.labels, config)
    begin = time.process_time()
    for epoch in range(config.epochs):
        batches.set_epoch(epoch)
        for batch in batches:
            images.augmented(batch, epoch)
    return time.process_time() - begin


def main() -> None:
    """Print the ratio and what it was measured on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    config = RunConfig(epochs=2, warmup_epochs=0, device="cpu", name="throughput")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = noise_set.make(folder, options.steps // config.epochs * config.batch_size)
        spec = datasets.input_spec(data, config)
        images = TrainingImages(data, range(len(data)), spec, config, stretched(data, spec, config))
        bare(config, images, options.steps)
        rounds = [
            (
                fit(config, images, options.steps, folder / "runs"),
                bare(config, images, options.steps),
                loader(config, images, options.steps),
            )
            for _ in range(options.rounds)
        ]
        on_gpu = {}
        if torch.cuda.is_available():
            from training import gpu

            on_gpu = gpu.measure(folder)
    count = options.steps * config.batch_size
    result = {
        "fit_images_per_cpu_second": count / statistics.median(a for a, _, _ in rounds),
        "bare_images_per_cpu_second": count / statistics.median(b for _, b, _ in rounds),
        "loader_images_per_cpu_second": count / statistics.median(c for _, _, c in rounds),
        "ratio": statistics.median(b / a for a, b, _ in rounds),
        "loader_over_step": statistics.median((b - c) / c for _, b, c in rounds),
        "threads": torch.get_num_threads(),
        "machine_cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        **on_gpu,
    }
    print(
        json.dumps(result)
        if options.json
        else "\n".join(
            f"{key}: {value if isinstance(value, str) else format(value, '.4g')}" for key, value in result.items()
        )
    )


if __name__ == "__main__":
    main()
