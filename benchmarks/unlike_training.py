"""How unlike the training data real files of other kinds are to a checkpoint: percentiles by kind, and AUROC.

    python benchmarks/unlike_training.py [--data-dir ../shared/data] [--checkpoint NAME] [--json]

Asked are the files of ``cutouts`` and of the VLASS pictures (also at the training data's beam) which ``validity`` does
not call outside; the others are counted. Percentile: share of the held-out cutouts of the training set that are nearer.
AUROC: against those held-out cutouts, 0.5 where a kind looks like them. Files of a kind are few: intervals are 95 % of
bootstrap draws.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import calibration, checkpoints, cutouts, match, preprocess, validity  # noqa: E402
from vlass_explorer.schema import Beam, Cutout, ExplorerError, MatchError  # noqa: E402

DATA = os.environ.get("VLASS_EXPLORER_DATA", "../shared/data")
KINDS = ("WISE", "dss", "rms", "residual", "NVSS", "LOTSS", "deeplense", "VLASS", "FIRST", "ZTF")
SUFFIXES = (".fits", ".npy", ".gz", ".png")
PIXEL = 1.534  # arcsec, of the VLASS pictures


def kind(path: Path) -> str:
    """What a file is, by its name and folder."""
    name = f"{path.parent.name}/{path.name}".lower()
    return next((one for one in KINDS if one.lower() in name), "other")


def files(folder: Path) -> Iterator[tuple[str, Cutout]]:
    """Every file that can be read, and the VLASS pictures with their stretch undone."""
    for path in sorted((folder / "cutouts").rglob("*")):
        if path.suffix in SUFFIXES:
            try:
                yield kind(path), cutouts.read(path)
            except ExplorerError:
                continue
    said = {"stretch": "log:100", "beam": Beam(2.5, 2.5, source="declared"), "survey": "VLASS", "pixel_scale": PIXEL}
    for path in sorted((folder / "vlass-fr").glob("*.png")):
        yield "VLASS pictures", cutouts.read(path, **said)


def auroc(values: np.ndarray, held: np.ndarray) -> float:
    """Share of pairs in which the asked one is less alike."""
    place = np.searchsorted(held, values, "left") + np.searchsorted(held, values, "right")
    return float(place.mean() / (2 * len(held)))


def interval(values: np.ndarray, held: np.ndarray) -> tuple[float, float]:
    """95 % of bootstrap draws of both."""
    random = np.random.default_rng(0)
    draws = [auroc(random.choice(values, values.size), np.sort(random.choice(held, held.size))) for _ in range(1000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def main() -> int:
    """One row a kind and measure."""
    parser = argparse.ArgumentParser(description="How unlike the training data.")
    parser.add_argument("--data-dir", type=Path, default=Path(DATA))
    parser.add_argument("--checkpoint", default="first-d4-resnet")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    card = checkpoints.find(options.checkpoint)
    model, known = checkpoints.load(card), calibration.read_reference(card)
    assert known is not None, "python -m train reference"
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    outside: dict[str, int] = defaultdict(int)
    for name, cutout in files(options.data_dir):
        for label, there in ((name, cutout), (f"{name}, at {card.input_spec.survey}'s beam", None)):
            try:
                there = match.to_training(cutout, card.input_spec) if there is None else there
                if there is cutout and label != name:
                    continue
                x = preprocess.to_tensor(there, card.input_spec)
            except (MatchError, ExplorerError):
                continue
            if validity.check(there, card.input_spec).level == "outside":
                outside[label] += 1
                continue
            features, logits = calibration.features(model, x)
            found[label].append({key: float(value[0]) for key, value in known.measure(features, logits).items()})
    rows = []
    for label in sorted({*found, *outside}):
        row: dict[str, object] = {"kind": label, "asked": len(found[label]), "outside": outside[label]}
        for measure, held in known.held_out.items():
            values = np.array([one[measure] for one in found[label]])
            if values.size:
                share = 100 * np.searchsorted(held, values) / len(held)
                row[measure] = [float(np.median(share)), auroc(values, held), *interval(values, held)]
        rows.append(row)
        if not options.json:
            numbers = [
                f"{m}: median percentile {row[m][0]:.0f}, AUROC {row[m][1]:.2f} [{row[m][2]:.2f} {row[m][3]:.2f}]"
                for m in known.held_out
                if m in row
            ]
            print(f"{label:<42} {row['asked']:>4} asked, {row['outside']:>3} outside; {'; '.join(numbers)}", flush=True)
    if options.json:
        print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
