"""Images a second of `train fit` over a bare PyTorch loop that does the same work; goal at least 0.95.

    OMP_NUM_THREADS=1 python benchmarks/train_throughput.py [--steps 60] [--json]

Both train the small CNN at batch 64 on simulated noise of 100 x 100 pixels held in memory, with rotation, flips,
shift and zoom. Rounds alternate and CPU seconds are counted, so that other work on the machine matters little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

# Run from anywhere: the packages beside this folder are used, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from train.batches import Batches
from train.callbacks import Recorder
from train.fit import trainer
from train.images import Images
from train.loss import cross_entropy, targets
from train.module import Classifier
from train.network import build
from train.schedule import rate
from train.stopping import StopSignal
from vlass_explorer import cutouts, datasets, runs
from vlass_explorer.datasets import DataSet, Item
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.schema import RunConfig


def data_set(folder: Path, count: int) -> DataSet:
    """Two classes of noise, one file each pixel array."""
    random = np.random.default_rng(0)
    items = []
    for index in range(count):
        path = folder / f"{index}.npy"
        np.save(path, random.random((160, 160), dtype=np.float32))
        items.append(Item(path.name, index % 2, lambda path=path: cutouts.read(path)))
    return DataSet("noise", tuple(items), ("a", "b"))


def fit(config: RunConfig, images: Images, steps: int, folder: Path) -> float:
    """CPU seconds of a run through Lightning, with status, metrics and saved state."""
    run = runs.create(config, folder)
    model, _ = build(config, ("a", "b"))
    module = Classifier(model, config, images, images, torch.ones(2), total_steps=steps)
    engine = trainer(config, "cpu", Recorder(run.path, config, StopSignal(run.path)))
    begin = time.process_time()
    engine.fit(module, Batches(images.labels, config))
    return time.process_time() - begin


def bare(config: RunConfig, images: Images, steps: int) -> float:
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


def main() -> None:
    """Print the ratio and what it was measured on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    config = RunConfig(epochs=2, warmup_epochs=0, device="cpu", name="throughput")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = data_set(folder, options.steps // config.epochs * config.batch_size)
        spec = datasets.input_spec(data, config)
        images = Images(data, range(len(data)), spec, config, stretched(data, spec, config))
        bare(config, images, options.steps)
        pairs = [
            (fit(config, images, options.steps, folder / "runs"), bare(config, images, options.steps))
            for _ in range(options.rounds)
        ]
    count = options.steps * config.batch_size
    result = {
        "fit_images_per_cpu_second": count / statistics.median(a for a, _ in pairs),
        "bare_images_per_cpu_second": count / statistics.median(b for _, b in pairs),
        "ratio": statistics.median(b / a for a, b in pairs),
        "threads": torch.get_num_threads(),
        "machine_cpus": os.cpu_count(),
    }
    print(json.dumps(result) if options.json else "\n".join(f"{key}: {value:.4g}" for key, value in result.items()))


if __name__ == "__main__":
    main()
