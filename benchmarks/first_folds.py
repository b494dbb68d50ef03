"""FIRST on five folds that share no sky: macro F1 of several recipes on the same cutouts, with paired differences.

    python benchmarks/first_folds.py [--data-dir ../shared/data/first-radio-galaxies] [--runs FOLDER] [--json]

Scores every checkpoint that ``python -m train folds --splits sky`` left under FOLDER (default: where that command puts
them) on the fold that it did not see, one forward pass. The commands that make them, in this order, are ``RECIPES``: a
network that starts from others, or learns from them, has those of its own fold. With ``--train`` what is missing is
trained first, one run after the other. Means of scores, too (``MEANS``). The interval of a
difference is 2.5 to 97.5 % of 2,000 draws of cutouts, the same for both, within each fold: it holds for these trained
networks; how much another seed would change is seen in the folds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.attention_cost import processor  # noqa: E402
from vlass_explorer import checkpoints, runs  # noqa: E402
from vlass_explorer.evaluation import parts  # noqa: E402
from vlass_explorer.evaluation.scores import evaluate  # noqa: E402

DRAWS, FOLDS = 2000, range(5)
OWN = "first-d4-resnet-{split}-{fold}"
RECIPES = {
    "first-d4-resnet": ["--recipe", "first/d4-resnet", "epochs=50"],
    "first-cnn": ["--recipe", "first/cnn"],
    "first-d4-vit": ["--recipe", "first/d4-vit", f"weights={OWN}", f"teacher={OWN},first-cnn-{{split}}-{{fold}}"],
}
MEANS = {
    "first-d4-resnet + first-d4-vit": ("first-d4-resnet", "first-d4-vit"),
    "all three": ("first-d4-resnet", "first-d4-vit", "first-cnn"),
}
BASELINE = "first-d4-resnet"

Scores = NDArray[np.floating]


def scored(name: str, fold: int, shelf: Path, data_dir: str) -> tuple[NDArray[np.int64], Scores]:
    """Labels (n) and scores (n, class) of the fold that a checkpoint did not see."""
    card = checkpoints.find(f"{name}-sky-{fold}", shelf)
    part = parts.select(card, parts.config_of(card, data_dir=data_dir))
    found = evaluate(checkpoints.load(card), card, part)
    assert card.provenance.split == "sky" and card.provenance.fold == fold and not found.unreadable
    assert found.report.seen is None or not found.report.seen.trained
    return found.labels, found.probabilities


def mean_f1(labels: list[NDArray[np.int64]], answers: list[NDArray[np.int64]]) -> float:
    """Mean over the folds of macro F1."""
    return float(np.mean([f1_score(a, b, average="macro") for a, b in zip(labels, answers, strict=True)]))


def differences(labels: list[NDArray[np.int64]], one: list[Scores], other: list[Scores]) -> tuple[float, float]:
    """95 % of the draws of the difference of two models."""
    random, found = np.random.default_rng(0), []
    for _ in range(DRAWS):
        drawn = [random.integers(0, len(each), len(each)) for each in labels]
        truth = [each[at] for each, at in zip(labels, drawn, strict=True)]
        values = [mean_f1(truth, [s[at].argmax(1) for s, at in zip(of, drawn, strict=True)]) for of in (one, other)]
        found.append(values[0] - values[1])
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def train(root: Path, data_dir: str) -> None:
    """Train what is missing, fold by fold."""
    for words in RECIPES.values():
        command = [sys.executable, "-m", "train", "folds", "--splits", "sky", "--data-dir", data_dir, *words]
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "VLASS_EXPLORER_RUNS": str(root)})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default=str(ROOT.parent / "shared/data/first-radio-galaxies"))
    parser.add_argument("--runs", type=Path, default=None)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    root = options.runs or runs.root()
    if options.train:
        train(root, options.data_dir)
    shelf = root / "folds" / "checkpoints"
    labels: list[NDArray[np.int64]] = []
    scores: dict[str, list[Scores]] = {}
    for name in RECIPES:
        found = [scored(name, fold, shelf, options.data_dir) for fold in FOLDS]
        labels = labels or [each for each, _ in found]
        assert all(np.array_equal(a, b) for a, (b, _) in zip(labels, found, strict=True))
        scores[name] = [each for _, each in found]
    for name, members in MEANS.items():
        scores[name] = [np.mean([scores[each][fold] for each in members], axis=0) for fold in FOLDS]
    rows: list[tuple[str, NDArray[np.float64], tuple[float, float, float]]] = []
    for name, found_scores in scores.items():
        folds = np.array([f1_score(labels[k], found_scores[k].argmax(1), average="macro") for k in FOLDS])
        interval = (0.0, 0.0) if name == BASELINE else differences(labels, found_scores, scores[BASELINE])
        less = float(folds.mean()) - mean_f1(labels, [each.argmax(1) for each in scores[BASELINE]])
        rows.append((name, folds, (less, *interval)))
    if options.json:
        print(json.dumps([{"model": name, "folds": folds.tolist(), "less": less} for name, folds, less in rows]))
        return 0
    print(f"{processor()}; {sum(map(len, labels)):,} cutouts\n")
    print("| model | " + " | ".join(f"fold {k}" for k in FOLDS) + f" | mean ± std | less {BASELINE} |")
    print("|---" * 8 + "|")
    for name, folds, (less, low, high) in rows:
        cells = " | ".join(f"{value:.3f}" for value in folds)
        words = "" if name == BASELINE else f"{less:+.3f} ({low:+.3f} to {high:+.3f})"
        print(f"| {name} | {cells} | {folds.mean():.3f} ± {folds.std(ddof=1):.3f} | {words} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
