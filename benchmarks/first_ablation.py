"""Field of view, stretch and normalisation for the FIRST radio galaxies, on the authors' five folds.

    python benchmarks/first_ablation.py [--data-dir ../shared/data/first-radio-galaxies] [--epochs 15] [--size 40]

Each row is one InputSpec; every cutout goes through ``preprocess.to_tensor`` once, then the same small CNN is trained
on four folds, with random flips and quarter turns, and judged on the fifth. The first row is the baseline of the
differences. A comparison of inputs, not of models: longer training and free rotation lift all rows.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from vlass_explorer import datasets, preprocess  # noqa: E402
from vlass_explorer.datasets import splits  # noqa: E402
from vlass_explorer.schema import InputSpec  # noqa: E402

FIELDS = (180.0, 120.0, 150.0, 225.0, 270.0)  # arcsec
# asinh in units of the rms needs a noise, which the clipped PNG have lost: asinh_peak is softened by the peak.
STRETCHES = ("sqrt", "asinh_peak", "first_png")
NORMALISATIONS = ("crop", "field")
PIXEL = 1.8  # arcsec
FOLDS = range(5)


def combinations(full: bool) -> list[tuple[float, str, str]]:
    """All combinations, or the baseline and what differs from it in one thing."""
    grid = list(itertools.product(FIELDS, STRETCHES, NORMALISATIONS))
    base = grid[0]
    return grid if full else [one for one in grid if sum(a != b for a, b in zip(one, base, strict=True)) <= 1]


def network() -> nn.Module:
    """Four convolutions with batch norm and pooling, mean over positions, 72,000 parameters."""
    layers: list[nn.Module] = []
    for chans, out in ((1, 24), (24, 40), (40, 64), (64, 64)):
        layers += [nn.Conv2d(chans, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 4))


def turned(x: Tensor) -> Tensor:
    """A batch (B, 1, S, S) under one random flip and quarter turn."""
    turns, mirrored = (int(torch.randint(n, ())) for n in (4, 2))
    x = x.rot90(turns, (2, 3))
    return x.flip(3) if mirrored else x


def trained(x: Tensor, y: Tensor, epochs: int) -> nn.Module:
    """The network after ``epochs`` passes, one-cycle learning rate, AdamW."""
    torch.manual_seed(0)
    model = network()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.02)
    steps = epochs * (len(x) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps)
    weight = (len(y) / 4 / torch.bincount(y, minlength=4)).sqrt()
    for _ in range(epochs):
        for batch in torch.randperm(len(x))[: len(x) // 32 * 32].split(32):
            loss = F.cross_entropy(model(turned(x[batch])), y[batch], weight=weight, label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def main() -> None:
    """Print one row a specification."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=ROOT.parent / "shared" / "data" / "first-radio-galaxies")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--size", type=int, default=40, help="model input in pixels")
    parser.add_argument("--full", action="store_true", help="every combination, not only one change at a time")
    options = parser.parse_args()
    if not options.data_dir.is_dir():
        print(f"There is no {options.data_dir}: give --data-dir.")
        return
    data = datasets.load("class_folders", options.data_dir)
    cutouts = [item.read() for item in data.items]
    y = torch.tensor([item.label for item in data.items])
    print(f"{options.epochs} epochs at {options.size} pixels, {len(y)} cutouts, five folds\n")
    print("| field of view | stretch | normalisation | macro F1, mean ± std | difference |\n|---|---|---|---|---|")
    first: float | None = None
    for field, stretch, normalisation in combinations(options.full):
        spec = InputSpec(
            stretch=stretch,
            field_of_view=field,
            field_of_view_pixels=round(field / PIXEL),
            normalisation=normalisation,
            img_size=options.size,
        )
        x = torch.cat([preprocess.to_tensor(cutout, spec) for cutout in cutouts])
        scores = []
        for fold in FOLDS:
            train, validation, _ = (torch.as_tensor(part) for part in splits.split(data, "authors", fold, 0))
            scale = x[train].std()
            model = trained(x[train] / scale, y[train], options.epochs)
            with torch.inference_mode():
                found = model(x[validation] / scale).argmax(1)
            scores.append(f1_score(y[validation], found, average="macro"))
        mean = float(np.mean(scores))
        first = mean if first is None else first
        row = f"{mean:.3f} ± {np.std(scores, ddof=1):.3f} | {mean - first:+.3f}"
        print(f"| {field:g}″ | {stretch} | {normalisation} | {row} |", flush=True)


if __name__ == "__main__":
    main()
