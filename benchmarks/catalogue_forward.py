"""What ``classify`` makes of a model's forward pass: processor milliseconds an image, and how far the scores differ.

    python benchmarks/catalogue_forward.py [--checkpoint first-cnn first-d4-resnet first-d4-vit]

Both models take turns on batches of 32, one thread; of each the best of ``--rounds`` counts.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import torch

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import forward

BATCH = 32


def main() -> int:
    """Print a line a checkpoint; 0 where no score differs by more than is allowed."""
    parser = argparse.ArgumentParser(description="The forward pass of classify beside the plain one.")
    parser.add_argument("--checkpoint", nargs="+", default=["first-cnn", "first-d4-resnet", "first-d4-vit"])
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    worst = 0.0
    for name in options.checkpoint:
        card = checkpoints.find(name)
        model, spec = checkpoints.load(card), card.input_spec
        made, mark = forward.fast(model, spec)
        images = torch.randn(BATCH, spec.in_chans, spec.img_size, spec.img_size)
        best = [float("inf")] * 2
        with torch.inference_mode():
            for _ in range(options.rounds):
                for number, each in enumerate((model, made)):
                    begun = time.process_time()
                    each(images)
                    best[number] = min(best[number], 1e3 * (time.process_time() - begun) / BATCH)
            apart = float((model(images).softmax(-1) - made(images).softmax(-1)).abs().max())
        worst = max(worst, apart)
        print(
            f"{name:18} {best[0]:6.2f} ms an image as it is, {best[1]:6.2f} in classify ({best[1] / best[0]:.2f}), "
            f"scores differ by {apart:.1e} {mark or 'not changed'}",
            flush=True,
        )
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0 if worst <= forward.EQUAL else 1


if __name__ == "__main__":
    sys.exit(main())
