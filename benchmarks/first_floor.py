"""Floors for the FIRST radio galaxies: what a random forest reaches on shape numbers, and on background alone.

    python benchmarks/first_floor.py [--data-dir ../shared/data/first-radio-galaxies] [--json]

A classifier that does not beat ten shape numbers has learnt little; one that beats chance on the background
(pixels beyond 180 arcsec from the centre) reads something other than the source.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score

PIXEL = 1.8  # arcsec
BOX = 100  # pixels: 180 arcsec


def shape_numbers(image: np.ndarray) -> list[float]:
    """Ten numbers of the central 180 arcsec: areas, extents, moments, peaks of the emission above the clip."""
    edge = (image.shape[0] - BOX) // 2
    box = image[edge : edge + BOX, edge : edge + BOX].astype(float)
    labels, islands = ndimage.label(box > 0, structure=np.ones((3, 3)))
    y, x = np.nonzero(box)
    if len(y) < 3:
        return [float(len(y)), 0, 0, 0, 1, 0, 0, 0, 0, 0]
    weight = box[y, x] / box.sum()
    centre = np.array([(weight * y).sum(), (weight * x).sum()])
    offset = np.stack([y, x]) - centre[:, None]
    minor2, major2 = np.linalg.eigvalsh((weight * offset) @ offset.T)
    spread = np.hypot(*offset)
    peaks = ndimage.maximum_position(box, labels, range(1, islands + 1))
    peaks = sorted(peaks, key=lambda p: -box[p])[:3]
    separation = float(np.hypot(*(np.subtract(peaks[0], peaks[1])))) if islands > 1 else 0.0
    extent = float(2 * spread.max())
    bend = 0.0
    if islands > 2:
        a, b = np.subtract(peaks[0], peaks[2]), np.subtract(peaks[1], peaks[2])
        bend = float(a @ b / (np.hypot(*a) * np.hypot(*b) + 1e-9))
    return [
        float(len(y)),
        float(islands),
        extent,
        float(np.sqrt(max(major2, 0))),
        float(np.sqrt(max(minor2, 0) / max(major2, 1e-9))),
        float(box.max() / box.sum()),
        separation,
        float(np.hypot(*(np.array(peaks[0]) - centre)) / (extent + 1e-9)),
        float((weight * spread).sum() / (extent + 1e-9)),
        bend,
    ]


def background_numbers(image: np.ndarray) -> np.ndarray:
    """Pixels farther than 180 arcsec from the centre, in blocks of 20 x 20, the rest set to zero."""
    y, x = np.indices(image.shape) - (image.shape[0] - 1) / 2
    far = np.where(np.hypot(y, x) * PIXEL > 180, image, 0).astype(float)
    return far.reshape(15, 20, 15, 20).mean(axis=(1, 3)).ravel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data/first-radio-galaxies"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with (options.data_dir / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    label = np.array([row["label"] for row in rows])
    fold = np.array([int(row["fold"]) for row in rows])
    images = [np.asarray(Image.open(options.data_dir / row["path"]).convert("L")) for row in rows]
    features = {
        "ten shape numbers": np.array([shape_numbers(image) for image in images]),
        "background only": np.array([background_numbers(image) for image in images]),
    }
    floors: dict[str, list[float]] = {}
    for name, table in features.items():
        scores = []
        for held_out in range(5):
            forest = RandomForestClassifier(500, class_weight="balanced_subsample", random_state=0, n_jobs=2)
            forest.fit(table[fold != held_out], label[fold != held_out])
            found = forest.predict(table[fold == held_out])
            scores.append(round(float(f1_score(label[fold == held_out], found, average="macro")), 3))
        floors[name] = scores
    if options.json:
        print(json.dumps(floors))
        return
    print("| random forest on | fold 0 | 1 | 2 | 3 | 4 | mean ± std |\n|---|---|---|---|---|---|---|")
    for name, scores in floors.items():
        cells = " | ".join(f"{score:.3f}" for score in scores)
        print(f"| {name} | {cells} | {np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f} |")


if __name__ == "__main__":
    main()
