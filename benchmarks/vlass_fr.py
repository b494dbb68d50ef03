"""FR I against FR II on real VLASS pictures by checkpoints that were trained on FIRST, with and without matching.

    python benchmarks/vlass_fr.py [--data-dir ../shared/data] [--checkpoint NAME …] [--json]

214 Quick Look pictures (74 FR I, 140 FR II), log-scaled between 0 and a clip, 1.534 arcsec a pixel, read as

    predict PNG --pixel-scale 1.534 [--stretch log:100 --beam 2.5 --survey VLASS [--match]]

reads them, at the same scale in beams (``match.in_beams``), and as the mean of the scores over declarations that are as
plausible (``PLAUSIBLE``, chosen without the labels). "Forced" is the better of the two classes alone,
balanced accuracy with 95 % of 2,000 bootstrap draws within each class; "as shown" is the share whose label of all four
is right, by class and balanced. Second table: how often the matched label is right where it is also that of the other
view, and where it is not; ``vlass_explorer/pictures.py`` holds these numbers. Floors on the same pictures are
cross-validated. Smoothing a clipped picture only approximates matching. The galaxies come from catalogues that FIRST
sets were made of: those found among the 1,758 labelled FIRST images by the look of them are told apart (a lower limit;
as many as are found of the pictures turned by 90 degrees, or mirrored, are found by chance).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import checkpoints, cutouts, match, preprocess  # noqa: E402
from vlass_explorer.schema import Beam, Checkpoint, Cutout, InputSpec  # noqa: E402

PIXEL = 1.534  # arcsec
FIRST = InputSpec(beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
CONDITIONS = ("as they are", "stretch undone", "in beams", "and matched")
AVERAGED = "matched, mean of plausible"
PLAUSIBLE = (("log:100", 2.5), ("log:100", 2.2), ("log:100", 3.0), ("log:30", 2.5), ("log:300", 2.5), ("asinh:10", 2.5))
HALF = 45  # FIRST pixels: 81 arcsec about the centre are compared
SHIFT = 3  # FIRST pixels
ALIKE, APART = 0.9, 0.05  # correlation of a found galaxy, and how much less that of the second best is


def read(folder: Path) -> tuple[np.ndarray, list[Path]]:
    """Labels and paths of the pictures."""
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    return np.array([row["label"] for row in rows]), [folder / row["path"] for row in rows]


def declared(paths: list[Path], stretch: str, beam: float) -> list[Cutout]:
    said = {"stretch": stretch, "beam": Beam(beam, beam, source="declared"), "survey": "VLASS"}
    return [cutouts.read(path, pixel_scale=PIXEL, **said) for path in paths]


def matched(pictures: list[Cutout]) -> list[Cutout]:
    return [match.to_training(cutout, FIRST) for cutout in pictures]


def interval(right: np.ndarray, label: np.ndarray) -> tuple[float, float, float]:
    """Balanced accuracy and 95 % of bootstrap draws within each class, from who is right (n)."""
    random = np.random.default_rng(0)
    classes = [right[label == name] for name in ("FRI", "FRII")]
    draws = np.mean([random.choice(each, (2000, each.size)).mean(axis=1) for each in classes], axis=0)
    return float(np.mean([each.mean() for each in classes])), *map(float, np.quantile(draws, [0.025, 0.975]))


def scores(card: Checkpoint, model: nn.Module, pictures: list[Cutout], *, in_beams: bool = False) -> np.ndarray:
    """Softmax scores (n, class)."""
    specs = [match.in_beams(cutout, card.input_spec) if in_beams else card.input_spec for cutout in pictures]
    inputs = [preprocess.to_tensor(cutout, spec) for cutout, spec in zip(pictures, specs, strict=True)]
    with torch.inference_mode():
        logits = [model(torch.cat(inputs[at : at + 32])) for at in range(0, len(inputs), 32)]
    return torch.softmax(torch.cat(logits).double(), dim=1).numpy()


def row(card: Checkpoint, condition: str, found: np.ndarray, label: np.ndarray, known: np.ndarray) -> dict[str, object]:
    """Forced and as shown, of all and of those found among FIRST's and not, from scores (n, class)."""
    pair = [card.label_names.index(each) for each in ("FRI", "FRII")]
    names = np.array(card.label_names)
    forced, shown = names[pair][found[:, pair].argmax(axis=1)], names[found.argmax(axis=1)]
    parts = {"all": np.ones(len(label), bool), "found": known, "not found": ~known}
    return {
        "checkpoint": card.name,
        "condition": condition,
        "forced": {part: interval(forced[mask] == label[mask], label[mask]) for part, mask in parts.items()},
        "as shown": {part: interval(shown[mask] == label[mask], label[mask]) for part, mask in parts.items()},
        "by class": {each: share(shown[label == each] == each) for each in ("FRI", "FRII")},
        "Compact or Bent": int(np.isin(shown, ("Compact", "Bent")).sum()),
    }


def share(right: np.ndarray) -> tuple[float, float, float]:
    """Share that is right and 95 % of bootstrap draws."""
    draws = np.random.default_rng(0).choice(right, (2000, right.size)).mean(axis=1)
    return float(right.mean()), *map(float, np.quantile(draws, [0.025, 0.975]))


def agreement(found: dict[str, np.ndarray], names: tuple[str, ...], label: np.ndarray) -> dict[str, list[int]]:
    """How many labels of the matched pictures are right of how many, where another view agrees and where not."""
    shown = {key: np.array(names)[values.argmax(axis=1)] for key, values in found.items()}
    right = shown["and matched"] == label
    counts = {}
    for view in ("in beams", "stretch undone"):
        same = shown["and matched"] == shown[view]
        counts[view] = [int(n) for part in (same, ~same) for n in (right[part].sum(), part.sum())]
    return counts


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
    label, paths = read(data / "vlass-fr")
    plain = [cutouts.read(path, pixel_scale=PIXEL) for path in paths]
    plausible = [declared(paths, *how) for how in PLAUSIBLE]
    smooth = [matched(pictures) for pictures in plausible]
    images = np.stack([cutout.pixels for cutout in smooth[0]])
    with (data / "first-radio-galaxies" / "labels.csv").open() as file:
        files = [data / "first-radio-galaxies" / line["path"] for line in csv.DictReader(file)]
    first = np.stack([np.asarray(Image.open(path).convert("L"), np.float32) for path in files])  # row 0 is south
    known = is_found(images, first)
    by_chance = [int(is_found(other, first).sum()) for other in (np.rot90(images, 1, (1, 2)), images[:, :, ::-1])]
    table, agree = [], {}
    for name in names:
        card = checkpoints.find(name)
        model = checkpoints.load(card)
        several = [scores(card, model, pictures) for pictures in smooth]
        found = dict(
            zip(
                CONDITIONS,
                (
                    scores(card, model, plain),
                    scores(card, model, plausible[0]),
                    scores(card, model, plausible[0], in_beams=True),
                    several[0],
                ),
                strict=True,
            )
        )
        agree[name] = agreement(found, card.label_names, label)
        found[AVERAGED] = np.mean(several, axis=0)
        table += [row(card, condition, values, label, known) for condition, values in found.items()]
    floors = {
        "four shape numbers": floor(np.array([shape_numbers(image) for image in images]), label),
        "brightness without shape": floor(np.array([brightness_numbers(image) for image in images]), label),
    }
    found_ = {
        "FRI": int(known[label == "FRI"].sum()),
        "FRII": int(known[label == "FRII"].sum()),
        "by chance": by_chance,
    }
    return {"pictures": len(label), "found among FIRST's": found_, "table": table, "agreement": agree, "floors": floors}


def spread(values: tuple[float, float, float]) -> str:
    return f"{values[0]:.2f} ({values[1]:.2f}–{values[2]:.2f})"


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
    print(
        "| checkpoint | pictures | forced | not in FIRST | as shown | not in FIRST | FR I / FR II | Compact or Bent |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for each in found["table"]:
        cells = [spread(each[what][part]) for what in ("forced", "as shown") for part in ("all", "not found")]
        cells.append(" / ".join(spread(values) for values in each["by class"].values()))
        print(f"| {each['checkpoint']} | {each['condition']} | {' | '.join(cells)} | {each['Compact or Bent']} |")
    for name, values in found["floors"].items():
        print(f"| floor: {name} | matched | {spread(values)} | | | | | |")
    print("\n| the matched label is right where another view | agrees | does not |\n|---|---|---|")
    for name, views in found["agreement"].items():
        for view, (one, n, other, m) in views.items():
            print(f"| {name}, {view} | {one / n:.2f} ({one} of {n}) | {other / m:.2f} ({other} of {m}) |")
    there = found["found among FIRST's"]
    print(f"\nof {found['pictures']} pictures, found among FIRST's: {there}")


if __name__ == "__main__":
    main()
