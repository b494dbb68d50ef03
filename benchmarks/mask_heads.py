"""VT-FPN against Panoptic FPN on simulated masks: mean IoU with its interval, operations, time.

    python benchmarks/mask_heads.py [--epochs 2] [--count 4000] [--seeds 1] [key=value ...]

Both heads over the same encoder, trained as the recipe ``sim/panoptic-fpn-small`` says but for ``--epochs`` and what
follows, on the same images in the same order, and scored on the 200 images of the test part. The runs are those of
``python -m train fit`` in a folder of their own, and nothing of them is kept. Core-minutes with the defaults, on one
thread of a shared AMD EPYC: 4 to simulate once, 6 for each epoch of Panoptic FPN, 8 of VT-FPN.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vlass_explorer import checkpoints
from vlass_explorer.evaluation import cost
from vlass_explorer.schema import Checkpoint

HEADS = ("panoptic_fpn", "vt_fpn")
COLUMNS = (
    "head",
    "seed",
    "parameters",
    "mean IoU",
    "95 % interval",
    "core, lobe, jet, artefact",
    "GFLOP",
    "forward (ms)",
    "forward and backward (ms)",
)


def main() -> None:
    """Train, and print one table."""
    parsed = argparse.ArgumentParser(description=__doc__)
    parsed.add_argument("--epochs", type=int, default=2)
    parsed.add_argument("--count", type=int, default=4000)
    parsed.add_argument("--seeds", type=int, default=1)
    parsed.add_argument("words", nargs="*")
    given = parsed.parse_args()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS), flush=True)
    for seed in range(given.seeds):
        for head in HEADS:
            with tempfile.TemporaryDirectory() as folder:
                words = [f"train_count={given.count}", f"epochs={given.epochs}", f"seed={seed}", *given.words]
                print(row(trained(Path(folder), head, words), seed), flush=True)


def trained(folder: Path, head: str, words: list[str]) -> Checkpoint:
    """The checkpoint that a run becomes, with the report on its test part."""
    shelf = folder / "shelf"
    shelf.mkdir()
    own = {"VLASS_EXPLORER_RUNS": str(folder), "VLASS_EXPLORER_CHECKPOINTS": str(shelf)}
    fit = [sys.executable, "-m", "train", "fit", "--recipe", "sim/panoptic-fpn-small", f"architecture={head}"]
    root = Path(__file__).resolve().parents[1]
    subprocess.run([*fit, "name=made", *words], cwd=root, env={**os.environ, **own}, check=True, stdout=sys.stderr)
    return checkpoints.find("made", shelf)


def row(card: Checkpoint, seed: int) -> str:
    """One line of the table."""
    found = card.reports.segmentations["test"]
    spent = cost.profile(checkpoints.load(card), cost.shape_of(card.input_spec))
    low, high = found["mean_iou_interval"]
    classes = " ".join(f"{found['per_class'][name]['iou']:.2f}" for name in card.label_names[1:])
    cells = (
        card.architecture,
        seed,
        f"{spent.parameters:,}",
        f"{found['mean_iou']:.3f}",
        f"{low:.3f} to {high:.3f}",
        classes,
        f"{spent.flops / 1e9:.2f}",
        f"{1e3 * spent.forward_seconds:.0f}",
        f"{1e3 * spent.both_seconds:.0f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    main()
