"""Is the model unsure where the people who labelled were? MiraBest's confident and uncertain galaxies.

    python benchmarks/human_doubt.py [--data-dir ../shared/data] [--checkpoint NAME ...] [--json]

1,256 FIRST radio galaxies (Porter & Scaife 2023), of which their labellers were sure or not. AUROC of 1 - top score,
and of the entropy of the scores, for "uncertain", with 95 % of 2,000 bootstrap draws: 0.5 tells nothing, above it the
model is less sure where people were. Sources that the checkpoint has trained on (by place, 10 arcsec) stand apart.
A temperature changes no order of the highest score of two classes but some of four: where one is kept it is applied.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import calibration, checkpoints, preprocess  # noqa: E402
from vlass_explorer.datasets.items import array_cutout  # noqa: E402
from vlass_explorer.evaluation import unseen  # noqa: E402
from vlass_explorer.schema import Checkpoint, Cutouts  # noqa: E402

DEFAULT = ("first-cnn", "first-d4-resnet", "first-d4-vit")
DATA = os.environ.get("VLASS_EXPLORER_DATA", "../shared/data")


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (N, ny, nx), uncertain (N,), places (N, 2) in degrees."""
    with np.load(folder / "mirabest" / "mirabest.npz", allow_pickle=False) as file:
        images, labels, names, files = (file[key] for key in ("images", "labels", "label_names", "filenames"))
    uncertain = np.array([names[label][1] == "1" for label in labels])
    found = [re.search(r"_(\d+\.\d+)([+-]\d+\.\d+)_", name) for name in files]
    places = np.array([[float(match[1]), float(match[2])] if match else [np.nan, np.nan] for match in found])
    return images, uncertain, places


def scores(card: Checkpoint, images: np.ndarray) -> np.ndarray:
    """Scores (N, K), calibrated where a calibration of cutouts as they are is kept."""
    model = checkpoints.load(card)
    inputs = [preprocess.to_tensor(array_cutout(str(i), one), card.input_spec) for i, one in enumerate(images)]
    with torch.inference_mode():
        logits = (
            torch.cat([model(torch.cat(inputs[at : at + 64])) for at in range(0, len(inputs), 64)]).double().numpy()
        )
    known = [one for one in calibration.read(card) if one.view == "as it is"]
    if known:
        return known[-1].temperature.scores(logits)
    return torch.softmax(torch.from_numpy(logits), dim=1).numpy()


def interval(doubt: np.ndarray, uncertain: np.ndarray) -> tuple[float, float, float]:
    """AUROC with 95 % of bootstrap draws within each kind."""
    random = np.random.default_rng(0)
    rows = [np.flatnonzero(uncertain == kind) for kind in (False, True)]
    draws = []
    for _ in range(2000):
        some = np.concatenate([random.choice(each, each.size) for each in rows])
        draws.append(roc_auc_score(uncertain[some], doubt[some]))
    return float(roc_auc_score(uncertain, doubt)), *map(float, np.quantile(draws, [0.025, 0.975]))


def main() -> int:
    """One row a checkpoint and part."""
    parser = argparse.ArgumentParser(description="Doubt of people and of models.")
    parser.add_argument("--data-dir", type=Path, default=Path(DATA))
    parser.add_argument("--checkpoint", nargs="+", default=list(DEFAULT))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    images, uncertain, places = read(options.data_dir)
    rows = []
    for name in options.checkpoint:
        card = checkpoints.find(name)
        seen = checkpoints.seen(card)
        assert seen is not None
        trained = unseen.marks(seen, Cutouts(np.full(len(places), "", "U16"), places))[0]["train"]
        found = scores(card, images)
        measures = {"highest score": 1 - found.max(axis=1), "entropy": -(found * np.log(found + 1e-300)).sum(axis=1)}
        for part, mask in (("seen in training", trained), ("not seen", ~trained)):
            for measure, doubt in measures.items():
                numbers = interval(doubt[mask], uncertain[mask])
                counts = int(mask.sum()), int(uncertain[mask].sum())
                rows.append({"checkpoint": name, "part": part, "measure": measure, "auroc": numbers, "count": counts})
                if not options.json:
                    low, high = numbers[1:]
                    print(
                        f"{name:<16} {part:<17} {measure:<14} AUROC {numbers[0]:.3f} [{low:.3f} {high:.3f}] of "
                        f"{counts[0]}, {counts[1]} uncertain",
                        flush=True,
                    )
    if options.json:
        print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
