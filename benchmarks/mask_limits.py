"""What limits masks of simulated radio galaxies: noise at the outline, and the size of the pixels they are drawn with.

    python benchmarks/mask_limits.py [--count 100]

For outlines at some levels of the noise-free sky, in units of the noise: IoU of the islands above the level in one
noise draw with those in another and with the truth, over all images together; islands count where they reach two rms
above the level, or five. Then the mean IoU of the true masks averaged to coarser pixels, brought back and decided: what
a network whose finest map has that stride could draw with shares of classes as scores. Core-minutes: 0.5.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vlass_explorer import segmentation
from vlass_explorer.datasets import pixel_labels, simulated_masks, sky_model
from vlass_explorer.datasets.pixel_labels import simulated

LEVELS, STRIDES, RISE, LEAST = (2.0, 3.0, 4.0, 5.0), (1.5, 2.0, 3.0, 4.0), 2.0, 5.0
CLASSES = len(pixel_labels.CLASSES)


def main() -> None:
    """Measure, and print two tables."""
    parsed = argparse.ArgumentParser(description=__doc__)
    parsed.add_argument("--count", type=int, default=100)
    count = parsed.parse_args().count
    seed = simulated_masks.SEEDS["validation"]
    random = np.random.default_rng(0)
    shared = {level: np.zeros((2, 2), np.int64) for level in LEVELS}
    scores = {stride: segmentation.Score(CLASSES) for stride in STRIDES}
    for index in range(count):
        sky = simulated.sky(seed, index, simulated.SIZE)
        source = sky.source / simulated.RMS
        draws = [source + sky_model.noise(random, sky.grid, sky.beam, rms=1.0) for _ in range(2)]
        for level, counts in shared.items():
            one, other = (islands(draw, level) for draw in draws)
            for row, truth in enumerate((other, source > level)):
                counts[row] += (one & truth).sum(), (one | truth).sum()
        for stride, score in scores.items():
            score.add(sky.mask, coarse(sky.mask, stride))
    print("| outline (rms) | IoU of two noise draws | IoU of one with the truth |\n|---|---|---|")
    for level, counts in shared.items():
        two, true = counts[:, 0] / counts[:, 1]
        print(f"| {level:g} | {two:.3f} | {true:.3f} |")
    print("\n| finest map (native pixels) | mean IoU | " + " | ".join(pixel_labels.CLASSES) + " |")
    print("|" + "---|" * (2 + CLASSES))
    for stride, score in scores.items():
        print(f"| {stride:g} | {score.mean_iou:.3f} | " + " | ".join(f"{value:.3f}" for value in score.iou) + " |")


def islands(image: np.ndarray, level: float) -> np.ndarray:
    """Pixels (ny, nx) of the islands above a level that rise clearly above it."""
    labels, count = ndimage.label(image > level, structure=np.ones((3, 3)))
    peaks = ndimage.maximum(image, labels, range(count + 1))
    clear = np.asarray(peaks) > max(level + RISE, LEAST)
    clear[0] = False
    return clear[labels]


def coarse(mask: np.ndarray, stride: float) -> np.ndarray:
    """A mask (ny, nx) after its classes were averaged to pixels ``stride`` times as large and interpolated back."""
    planes = F.one_hot(torch.from_numpy(mask.astype(np.int64)), CLASSES).movedim(-1, 0)[None].float()
    side = round(mask.shape[0] / stride)
    small = F.interpolate(planes, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    large = F.interpolate(small, size=mask.shape, mode="bilinear", align_corners=False)
    return large.argmax(1)[0].numpy().astype(np.uint8)


if __name__ == "__main__":
    main()
