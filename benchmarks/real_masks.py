"""RadioGalaxyNET's 60 validation images: source against background, and each class, beside islands at three sigma.

    python benchmarks/real_masks.py [--checkpoint askap-fpn] [--data-dir ../shared/data/radiogalaxynet]

Islands are what a threshold alone finds in the radio channel (blue) of the pictures: connected pixels above 3 rms of
its noise, which is measured as of any image; where noise was clipped away before the picture was written, every pixel
above the black level. They are told again with the least area, and the level, that do best on the 260 training images.
An island has no class: all are given the commonest one. Without ``--checkpoint`` they are all that is told.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vlass_explorer import checkpoints, devices
from vlass_explorer.checkpoints import tasks
from vlass_explorer.datasets.pixel_labels import read_coco
from vlass_explorer.evaluation import evaluate_masks, masks, parts
from vlass_explorer.measure import noise
from vlass_explorer.measure.geometry import EIGHT

RADIO, SIGMA, COMMONEST = 2, 3.0, 1
LEVELS, AREAS = (0.0, 64.0), (100, 200, 300, 400, 600)
"""Grey levels above the threshold, and pixels, among which the training images choose."""
Mask = NDArray[np.bool_]
Pair = tuple[NDArray[np.float32], NDArray[np.uint8]]


def islands(image: NDArray[np.float32], above: float, areas: tuple[int, ...]) -> list[Mask]:
    """Pixels beyond 3 rms and ``above`` grey levels more, in islands of at least so many pixels, for each of them."""
    measured = noise(image)
    base = float(np.median(image)) + (0.0 if measured is None else SIGMA * measured.rms)
    labels, _ = ndimage.label(image > base + above, structure=EIGHT)
    size = np.bincount(labels.ravel())
    size[0] = -1
    return [size[labels] >= least for least in areas]


def counts(pairs: list[Pair], above: float, areas: tuple[int, ...]) -> NDArray[np.int64]:
    """Of each area and image the pixels that are source in both, and in either (areas, images, 2)."""
    each = []
    for image, mask in pairs:
        found = islands(image, above, areas)
        each.append([((one & (mask > 0)).sum(), (one | (mask > 0)).sum()) for one in found])
    return np.array(each).swapaxes(0, 1)


def told(name: str, each: NDArray[np.int64]) -> None:
    """One line: intersection over union of the set, with the interval of resampled images."""
    chosen = np.random.default_rng(0).integers(len(each), size=(1000, len(each)))
    both, either = each[chosen].sum(1).T
    low, high = np.percentile(both / either, (2.5, 97.5))
    print(f"| {name} | {each[:, 0].sum() / each[:, 1].sum():.3f} ({low:.3f} to {high:.3f}) |")


def main() -> None:
    """Score both and print them."""
    parsed = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parsed.add_argument("--data-dir", default="../shared/data/radiogalaxynet")
    parsed.add_argument("--checkpoint")
    given = parsed.parse_args()
    found = read_coco(Path(given.data_dir))
    read: dict[str, list[Pair]] = {"train": [], "validation": []}
    classes: list[NDArray[np.int64]] = []
    for item in found.items:
        cutout, mask = item.read(len(found.label_names))
        assert cutout.colour is not None
        read[item.split].append((cutout.colour[RADIO], mask))
        if item.split == "validation":
            said = np.where(islands(cutout.colour[RADIO], 0.0, (0,))[0], COMMONEST, 0)
            pairs = mask.astype(np.int64) * len(found.label_names) + said
            classes.append(np.bincount(pairs.ravel(), minlength=len(found.label_names) ** 2))
    print("| source against background, 60 validation images | IoU (95 % of resampled images) |\n|---|---|")
    told("islands at 3 rms", counts(read["validation"], 0.0, (0,))[0])
    sums = {above: counts(read["train"], above, AREAS).sum(1) for above in LEVELS}
    scores = {(above, least): a / b for above in LEVELS for least, (a, b) in zip(AREAS, sums[above], strict=True)}
    above, least = max(scores, key=lambda choice: scores[choice])
    best = counts(read["validation"], above, (least,))[0]
    told(f"islands {above:.0f} grey levels above that, of {least} pixels or more", best)
    table = np.sum(classes, axis=0).reshape((len(found.label_names),) * 2)
    union = table.sum(0) + table.sum(1) - np.diag(table)
    if given.checkpoint:
        card = tasks.require(checkpoints.find(given.checkpoint), "segmentation")
        part = parts.select(card, parts.config_of(card, data_dir=given.data_dir), "validation")
        device = devices.resolve("cpu")
        report = evaluate_masks(checkpoints.load(card, device), card, part, device=device).report
        print(f"| {card.name} | {masks.source_iou(report.confusion):.3f} |")
        low, high = report.mean_iou_interval
        print(f"\n{card.name}: mean IoU of all classes {report.mean_iou:.3f} ({low:.3f} to {high:.3f})")
        for name, row in report.per_class.items():
            print(f"{name:>12} {row['iou']:.3f}")
    print(
        "\nislands, all of the commonest class: mean IoU",
        f"{float((np.diag(table) / np.maximum(union, 1)).mean()):.3f}",
    )


if __name__ == "__main__":
    main()
