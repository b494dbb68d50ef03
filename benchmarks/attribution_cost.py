"""What attribution and its faithfulness cost: seconds, and over the plain passes that they are made of.

    python benchmarks/attribution_cost.py [--repeats 3] [--threads 2] [--device cpu] [--json]

A ViT-Tiny of 64 tokens (64 pixels, patches of 8), random weights, two threads. Integrated gradients with 50 steps are
measured against 50 plain forward and backward passes one by one, deletion and insertion at 50 steps (one map, and one
random map beside it) against as many plain forward passes one by one. Medians of interleaved pairs. Limits 2 s and 3 s.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer.explainers import integrated_gradients
from vlass_explorer.trust import faithfulness

STEPS = 50


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, the device waited for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(work: Callable[[], object], plain: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds of the work, and median ratio of interleaved pairs, after one pair that warms up."""
    pairs = [(seconds(work), seconds(plain)) for _ in range(repeats + 1)][1:]
    return statistics.median(a for a, _ in pairs), statistics.median(a / b for a, b in pairs)


def measure(repeats: int, device: str) -> list[dict[str, float | str]]:
    """One row a task: seconds, limit and ratio."""
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", img_size=64, patch_size=8, in_chans=1, num_classes=4)
    model, x = model.eval().to(device), torch.rand(1, 1, 64, 64, device=device)
    relevance = np.random.default_rng(0).random((8, 8))

    def gradients() -> None:
        for _ in range(STEPS):
            image = x.clone().requires_grad_()
            torch.autograd.grad(model(image)[0, 1], image)

    def forwards() -> None:
        with torch.inference_mode():
            for _ in range(2 * 2 * STEPS):
                model(x)

    def integrate() -> None:
        integrated_gradients.explain(model, x, 1, max_steps=STEPS)

    def perturb() -> None:
        faithfulness(model, x, 1, relevance, steps=STEPS, seeds=(0,))

    tasks = [
        ("integrated gradients, 50 steps", 2.0, integrate, gradients),
        ("deletion + insertion, 50 steps", 3.0, perturb, forwards),
    ]
    rows = []
    for name, limit, work, plain in tasks:
        took, ratio = compare(work, plain, repeats)
        rows.append({"task": name, "seconds": round(took, 3), "limit": limit, "ratio": round(ratio, 3)})
    return rows


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = measure(args.repeats, args.device)
    machine = f"{platform.machine()}, {args.threads} threads, torch {torch.__version__}, device {args.device}"
    if args.json:
        print(json.dumps({"machine": machine, "rows": rows}))
        return
    print(machine)
    print(f"{'task':32} {'seconds':>8} {'limit':>6} {'over plain passes':>18}")
    for row in rows:
        print(f"{row['task']:32} {row['seconds']:8} {row['limit']:6} {row['ratio']:18}")


if __name__ == "__main__":
    main()
