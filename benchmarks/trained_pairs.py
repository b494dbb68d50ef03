"""Two architectures trained alike and judged on the same images, with intervals of their difference.

    OMP_NUM_THREADS=1 python benchmarks/trained_pairs.py vt-resnet18   # against ResNet18, one sky fold of FIRST
    OMP_NUM_THREADS=1 python benchmarks/trained_pairs.py stn           # a front that turns the input, and none
    OMP_NUM_THREADS=1 python benchmarks/trained_pairs.py vt-fpn        # against Panoptic FPN, simulated masks

    [--data-dir ../shared/data/first-radio-galaxies] [--seeds 2] [--epochs N] [--images 2000]

Each run is ``python -m train fit`` with the options printed. A difference is that of the pooled runs over the same
validation images (test images for masks), its interval the 2.5 to 97.5 percentile over 2,000 resamplings of images;
the scatter of training itself is seen in the seeds alone. For ``stn`` both are trained and judged on cutouts that are
turned by any angle and shifted by up to 20 arcsec.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.attention_cost import processor  # noqa: E402
from vlass_explorer import checkpoints  # noqa: E402
from vlass_explorer.datasets.stretched import stretched  # noqa: E402
from vlass_explorer.evaluation import cost, masks, metrics, parts  # noqa: E402
from vlass_explorer.learning.images import TrainingImages  # noqa: E402
from vlass_explorer.schema import Checkpoint  # noqa: E402

DRAWS, VIEWS = 2000, 4
SHIFT = "shift=11"
"""Native pixels of 1.8 arcsec: 20 arcsec."""
FIRST = ["split=sky", "fold=0", "label_smoothing=0.1", "class_weighting=true", "class_weight_power=0.5", "ema=0.98"]
FIRST += ["channels_last=true", "precision=bf16"]


@dataclass(frozen=True)
class Table:
    """What is compared, baseline first, and the options that all runs share."""

    pair: dict[str, list[str]]
    shared: list[str]
    epochs: int


TABLES = {
    "vt-resnet18": Table(
        {"ResNet18": ["architecture=resnet18"], "VT-ResNet18": ["architecture=vt_resnet18"]},
        [*FIRST, "img_size=96", "batch_size=32", "warmup_epochs=1"],
        10,
    ),
    "stn": Table(
        {"small CNN": ["front=none"], "with a spatial transformer": ["front=stn"]},
        [*FIRST, "architecture=vlass_vision_cnn", "img_size=64", "drop_rate=0.3", SHIFT],
        40,
    ),
    "vt-fpn": Table(
        {"Panoptic FPN": ["architecture=panoptic_fpn"], "VT-FPN": ["architecture=vt_fpn"]},
        ["--recipe", "sim/panoptic-fpn-small", "ema=0.99"],
        4,
    ),
}


def train(words: list[str], name: str, seed: int, shelf: Path) -> tuple[Checkpoint, float]:
    """The checkpoint of one run, and the core-minutes that it took."""
    begin = os.times().children_user
    command = [sys.executable, "-m", "train", "fit", *words, f"name={name}", f"seed={seed}", "device=cpu"]
    environment = {**os.environ, "VLASS_EXPLORER_CHECKPOINTS": str(shelf), "VLASS_EXPLORER_RUNS": str(shelf / "runs")}
    told = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if told.returncode:
        raise SystemExit(told.stderr[-2000:])
    return checkpoints.find(name, shelf), (os.times().children_user - begin) / 60


def moved_scores(card: Checkpoint, data_dir: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels and softmax scores of the validation fold, each cutout turned and shifted in four ways."""
    config = parts.config_of(card, data_dir=data_dir)
    part = parts.select(card, config)
    moved = replace(config, rotate=True, shift=11.0, flip=0.5, zoom=0.0)
    cached = stretched(part.data_set, card.input_spec, moved)
    images = TrainingImages(part.data_set, part.indices, card.input_spec, moved, cached)
    model, labels, found = checkpoints.load(card).eval(), [], []
    with torch.inference_mode():
        for view in range(VIEWS):
            for batch in images.batches(64):
                x, truth = images.augmented(batch, 1000 + view)
                labels.append(truth.numpy())
                found.append(model(x).double().softmax(1).numpy())
    return np.concatenate(labels), np.concatenate(found)


def plain_scores(card: Checkpoint, data_dir: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels and softmax scores of the validation fold, as the cutouts are."""
    from vlass_explorer.evaluation import scores

    part = parts.select(card, parts.config_of(card, data_dir=data_dir))
    images = part.images(card)
    return images.labels.numpy(), scores.scores(checkpoints.load(card), images).numpy()


def confusions(labels: NDArray[np.int64], found: NDArray[np.float64], views: int) -> NDArray[np.int64]:
    """One confusion matrix a cutout (N, K, K), its views together."""
    classes = found.shape[1]
    table = np.zeros((len(labels) // views, classes, classes), np.int64)
    np.add.at(table, (np.arange(len(labels)) % len(table), labels, found.argmax(1)), 1)
    return table


def mask_confusions(card: Checkpoint) -> NDArray[np.int64]:
    """One confusion matrix an image of the test part (N, K, K)."""
    part = parts.select(card, parts.config_of(card), "test")
    images = part.images(card)
    tally = masks.Tally(len(card.label_names), masks.beam_pixels(part.data_set))
    model = checkpoints.load(card).eval()
    with torch.inference_mode():
        for batch in images.batches(32):
            tally.add(model(images.plain(batch)[0]), images.truths(batch))
    return np.stack(tally.each)


def mean_iou(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over classes of matrices (…, K, K)."""
    both = np.diagonal(confusion, axis1=-2, axis2=-1)
    iou: NDArray[np.float64] = both / (confusion.sum(-1) + confusion.sum(-2) - both)
    return iou.mean(-1)


def main() -> None:
    """Train, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--data-dir", default=str(ROOT.parent / "shared" / "data" / "first-radio-galaxies"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--images", type=int, default=2000, help="simulated images to train on")
    given = parser.parse_args()
    table, of_masks = TABLES[given.table], given.table == "vt-fpn"
    score, figure = (mean_iou, "mean IoU") if of_masks else (metrics.macro_f1, "macro F1")
    words = [*table.shared, f"epochs={given.epochs or table.epochs}"]
    words += [f"train_count={given.images}"] if of_masks else [f"data_dir={given.data_dir}"]
    print(f"{processor()}, torch {torch.__version__}, one thread a run, load {os.getloadavg()[0]:.1f}")
    print("python -m train fit", " ".join(word for word in words if not word.startswith("data_dir")))
    print(f"\n| network | parameters (M) | GMAC | forward (ms) | core-minutes | {figure} of each seed |")
    print("|---|---|---|---|---|---|")
    pooled = []
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, own) in enumerate(table.pair.items()):
            runs, minutes = [], 0.0
            for seed in range(given.seeds):
                card, spent = train([*words, *own], f"pair-{number}-{seed}", seed, Path(folder))
                minutes += spent
                if of_masks:
                    runs.append(mask_confusions(card))
                elif given.table == "stn":
                    runs.append(confusions(*moved_scores(card, given.data_dir), VIEWS))
                else:
                    runs.append(confusions(*plain_scores(card, given.data_dir), 1))
            paid = cost.profile(checkpoints.load(card), cost.shape_of(card.input_spec))
            each = ", ".join(f"{float(score(run.sum(0))):.3f}" for run in runs)
            size = f"{paid.parameters / 1e6:.2f} | {paid.flops / 2e9:.3f} | {paid.forward_seconds * 1e3:.0f}"
            print(f"| {name} | {size} | {minutes:.1f} | {each} |", flush=True)
            pooled.append(np.sum(runs, axis=0))
    draws = np.random.default_rng(0).multinomial(len(pooled[0]), np.full(len(pooled[0]), 1 / len(pooled[0])), DRAWS)
    first, second = (score(np.tensordot(draws, each, axes=1)) for each in pooled)
    low, high = np.nanpercentile(second - first, (2.5, 97.5))
    gain = float(score(pooled[1].sum(0)) - score(pooled[0].sum(0)))
    print(f"\ndifference, runs pooled, {len(pooled[0])} images: {gain:+.3f} ({low:+.3f} to {high:+.3f})")


if __name__ == "__main__":
    main()
