"""How unlike the training data real files of other kinds are to a checkpoint: percentiles by kind, and AUROC.

    python benchmarks/unlike_training.py [--data-dir ../shared/data] [--checkpoint NAME] [--json] [--keep]

Asked are the files of ``cutouts`` and of the VLASS pictures (also at the training data's beam) which ``validity`` does
not call outside; the others are counted. Percentile: share of the held-out cutouts of the training set that are nearer.
AUROC: against those held-out cutouts, 0.5 where a kind looks like them, with 95 % of bootstrap draws; of less than five
files none is told. "beside VLASS pictures" is the AUROC of the neighbours' distance against the real VLASS pictures
instead: below 0.5 where a kind is nearer to the training data than they are.
``--keep`` writes the figures on the checkpoint's card, where the tab Calibration of Checkpoints shows them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import calibration, checkpoints, cutouts, match, preprocess, validity  # noqa: E402
from vlass_explorer.schema import Beam, Cutout, ExplorerError, MatchError, Reports  # noqa: E402

DATA = os.environ.get("VLASS_EXPLORER_DATA", "../shared/data")
KINDS = ("WISE", "DSS", "rms", "residual", "NVSS", "LoTSS", "DeepLense", "VLASS", "FIRST", "ZTF")
SUFFIXES = (".fits", ".npy", ".gz", ".png")
FEWEST = 5
PICTURES = "VLASS pictures"
PIXEL = 1.534  # arcsec, of the VLASS pictures


def kind(path: Path) -> str:
    """What a file is, by its name and folder."""
    name = f"{path.parent.name}/{path.name}".lower()
    # From the beginning of a word: an SDSS source is no DSS image.
    return next((one for one in KINDS if re.search(f"(?<![a-z]){one.lower()}", name)), "other")


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
        yield PICTURES, cutouts.read(path, **said)


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


def spread(value: Sequence[float]) -> str:
    """An AUROC with its interval."""
    return "{:.2f} [{:.2f} {:.2f}]".format(*value)


def main() -> int:
    """One row a kind and measure."""
    parser = argparse.ArgumentParser(description="How unlike the training data.")
    parser.add_argument("--data-dir", type=Path, default=Path(DATA))
    parser.add_argument("--checkpoint", default="first-d4-resnet")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="write them on the card")
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
    rows: list[dict[str, Any]] = []
    pictures = np.sort([one["neighbours"] for one in found[PICTURES]])
    for label in sorted({*found, *outside}):
        row: dict[str, Any] = {"kind": label, "asked": len(found[label]), "outside": outside[label]}
        for measure, held in known.held_out.items():
            values = np.array([one[measure] for one in found[label]])
            if values.size:
                row[measure] = [float(np.median(100 * np.searchsorted(held, values) / len(held)))]
                row[measure] += [auroc(values, held), *interval(values, held)] if values.size >= FEWEST else []
        near = np.array([one["neighbours"] for one in found[label]])
        if near.size >= FEWEST and pictures.size and label != PICTURES:
            row["beside VLASS pictures"] = [auroc(near, pictures), *interval(near, pictures)]
        rows.append(row)
        if not options.json:
            told = [
                f"{m}: median percentile {row[m][0]:.0f}" + (f", AUROC {spread(row[m][1:])}" if row[m][1:] else "")
                for m in known.held_out
                if m in row
            ]
            told += [f"beside VLASS pictures: {spread(row[m])}" for m in ["beside VLASS pictures"] if m in row]
            print(f"{label:<42} {row['asked']:>4} asked, {row['outside']:>3} outside; {'; '.join(told)}", flush=True)
    if options.keep:
        figures = {
            row["kind"]: {"asked": row["asked"], "outside": row["outside"]}
            | {measure: row[measure][1:] for measure in known.held_out if row.get(measure, [])[1:]}
            for row in rows
        }
        checkpoints.update(card, reports=Reports({**card.reports.table, "unlike_training": figures}))
    if options.json:
        print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
