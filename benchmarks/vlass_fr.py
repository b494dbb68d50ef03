"""FR I against FR II on real VLASS pictures by checkpoints that were trained on FIRST, with and without matching.

    python benchmarks/vlass_fr.py [--data-dir ../shared/data] [--checkpoint NAME …] [--json]

214 Quick Look pictures (74 FR I, 140 FR II), log-scaled between 0 and a clip, 1.534 arcsec a pixel, read as

    predict PNG --pixel-scale 1.534 [--stretch log:100 --beam 2.5 --survey VLASS [--match]]

reads them. "Forced" is the better of the two classes alone, balanced accuracy with 95 % of 2,000 bootstrap draws within
each class; "as shown" is the share whose label of all four is right. Floors on the same pictures are cross-validated.
Smoothing a clipped picture only approximates matching. The galaxies come from catalogues that FIRST sets were made of:
those found among the 1,758 labelled FIRST images by the look of them are told apart (a lower limit; as many as are
found of the pictures turned by 90 degrees, or mirrored, are found by chance).
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from vlass_explorer import checkpoints, cutouts, match, predict
from vlass_explorer.schema import Beam, Cutout, InputSpec

PIXEL = 1.534  # arcsec
FIRST = InputSpec(beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
CONDITIONS = ("as they are", "stretch undone", "and matched")
HALF = 45  # FIRST pixels: 81 arcsec about the centre are compared
SHIFT = 3  # FIRST pixels
ALIKE, APART = 0.9, 0.05  # correlation of a found galaxy, and how much less that of the second best is


def read(folder: Path) -> tuple[np.ndarray, dict[str, list[Cutout]]]:
    """Labels and the pictures as they are, with their stretch undone, and matched."""
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    paths = [folder / row["path"] for row in rows]
    said = {"stretch": "log:100", "beam": Beam(2.5, 2.5, source="declared"), "survey": "VLASS"}
    plain = [cutouts.read(path, pixel_scale=PIXEL) for path in paths]
    undone = [cutouts.read(path, pixel_scale=PIXEL, **said) for path in paths]
    matched = [match.to_training(cutout, FIRST) for cutout in undone]
    return np.array([row["label"] for row in rows]), dict(zip(CONDITIONS, (plain, undone, matched), strict=True))


def interval(right: np.ndarray, label: np.ndarray) -> tuple[float, float, float]:
    """Balanced accuracy and 95 % of bootstrap draws within each class, from who is right (n)."""
    random = np.random.default_rng(0)
    classes = [right[label == name] for name in ("FRI", "FRII")]
    draws = np.mean([random.choice(each, (2000, each.size)).mean(axis=1) for each in classes], axis=0)
    return float(np.mean([each.mean() for each in classes])), *map(float, np.quantile(draws, [0.025, 0.975]))


def answers(name: str, pictures: list[Cutout], label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the better of the two classes is right (n), and the label of all four (n)."""
    card = checkpoints.find(name)
    said = predict.predict(checkpoints.load(card), card, pictures)
    one, two = (card.label_names.index(each) for each in ("FRI", "FRII"))
    forced = np.array(["FRI" if each.logits[one] > each.logits[two] else "FRII" for each in said])
    return forced == label, np.array([each.label for each in said])


def shape_numbers(image: np.ndarray) -> list[float]:
    """Extent, axis ratio, separation of the peaks over the extent, mean over largest distance from the centre of flux.

    Of what is brighter than a twentieth of the brightest pixel within 90 arcsec of the centre.
    """
    middle, half = image.shape[0] // 2, 50
    box = image[middle - half : middle + half, middle - half : middle + half]
    low = 0.05 * box.max()
    y, x = np.nonzero(box > low)
    weight = box[y, x] / box[y, x].sum()
    offset = np.stack([y - weight @ y, x - weight @ x])
    minor, major = np.sqrt(np.maximum(np.linalg.eigvalsh((weight * offset) @ offset.T), 1e-6))
    distance = np.hypot(*offset)
    peaks = np.argwhere((box == ndimage.maximum_filter(box, 5)) & (box > low))
    brightest = peaks[np.argsort([-box[tuple(peak)] for peak in peaks])][:3]
    apart = np.hypot(*(brightest - brightest[0]).T).max()
    extent = 2.0 * distance.max()
    return [extent, minor / major, apart / extent, weight @ distance / distance.max()]


def brightness_numbers(image: np.ndarray) -> list[float]:
    """What is left when the pixels are sorted: how many are lit, and how the flux is shared out among them."""
    values = np.sort(image[image > 0])[::-1]
    share = np.cumsum(values) / values.sum()
    return [float(values.size), values.sum() / image.max(), *(float((share < part).sum()) for part in (0.1, 0.5, 0.9))]


def floor(features: np.ndarray, label: np.ndarray) -> tuple[float, float, float]:
    """Balanced accuracy of a random forest in ten folds."""
    forest = RandomForestClassifier(500, class_weight="balanced_subsample", min_samples_leaf=3, random_state=0)
    found = cross_val_predict(forest, features, label, cv=StratifiedKFold(10, shuffle=True, random_state=0))
    assert np.isclose(interval(found == label, label)[0], balanced_accuracy_score(label, found))
    return interval(found == label, label)


def central(images: np.ndarray, dy: int = 0, dx: int = 0) -> np.ndarray:
    """Square roots of the central pixels (n, p) of images (n, ny, nx), mean 0 and length 1."""
    y, x = (images.shape[1] // 2 - HALF + dy, images.shape[2] // 2 - HALF + dx)
    flat = np.sqrt(np.maximum(images[:, y : y + 2 * HALF, x : x + 2 * HALF], 0)).reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def is_found(pictures: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Which pictures (n, ny, nx) correlate with one FIRST image (m, ny, nx) and with no other nearly as well."""
    shifts = range(-SHIFT, SHIFT + 1)
    known = central(first).T
    best = np.max([central(pictures, dy, dx) @ known for dy in shifts for dx in shifts], axis=0)
    second, top = np.sort(best, axis=1)[:, -2:].T
    return (top > ALIKE) & (top - second > APART)


def report(data: Path, names: list[str]) -> dict[str, object]:
    label, pictures = read(data / "vlass-fr")
    matched = np.stack([cutout.pixels for cutout in pictures["and matched"]])
    with (data / "first-radio-galaxies" / "labels.csv").open() as file:
        paths = [data / "first-radio-galaxies" / row["path"] for row in csv.DictReader(file)]
    first = np.stack([np.asarray(Image.open(path).convert("L"), np.float32) for path in paths])  # row 0 is south
    known = is_found(matched, first)
    by_chance = [int(is_found(other, first).sum()) for other in (np.rot90(matched, 1, (1, 2)), matched[:, :, ::-1])]
    table = []
    for name in names:
        for condition in CONDITIONS:
            right, shown = answers(name, pictures[condition], label)
            apart = {word: interval(right[part], label[part])[0] for word, part in (("found", known), ("not", ~known))}
            table.append(
                {
                    "checkpoint": name,
                    "condition": condition,
                    "forced": interval(right, label),
                    "forced of those found and not": apart,
                    "as shown": {each: float((shown == label)[label == each].mean()) for each in ("FRI", "FRII")},
                    "Compact or Bent": int(np.isin(shown, ("Compact", "Bent")).sum()),
                }
            )
    floors = {
        "four shape numbers": floor(np.array([shape_numbers(image) for image in matched]), label),
        "brightness without shape": floor(np.array([brightness_numbers(image) for image in matched]), label),
    }
    found = {"FRI": int(known[label == "FRI"].sum()), "FRII": int(known[label == "FRII"].sum()), "by chance": by_chance}
    return {"pictures": len(label), "found among FIRST's": found, "table": table, "floors": floors}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data"))
    parser.add_argument("--checkpoint", action="append", help="by default all that were trained on FIRST")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    cards = [card.name for card in checkpoints.listing() if card.input_spec.survey == "FIRST"]
    found = report(options.data_dir, options.checkpoint or cards)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print("| checkpoint | pictures | forced | found / not in FIRST | as shown, FR I / FR II | Compact or Bent |")
    print("|---|---|---|---|---|---|")
    for row in found["table"]:
        score, low, high = row["forced"]
        there, new = row["forced of those found and not"].values()
        one, two = row["as shown"].values()
        cells = f"{score:.2f} ({low:.2f}–{high:.2f}) | {there:.2f} / {new:.2f} | {one:.2f} / {two:.2f}"
        print(f"| {row['checkpoint']} | {row['condition']} | {cells} | {row['Compact or Bent']} |")
    for name, (score, low, high) in found["floors"].items():
        print(f"| floor: {name} | matched | {score:.2f} ({low:.2f}–{high:.2f}) | | | |")
    there = found["found among FIRST's"]
    print(f"\nof {found['pictures']} pictures, found among FIRST's: {there}")


if __name__ == "__main__":
    main()
