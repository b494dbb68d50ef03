"""Do corrected counts hold the truth: 1,000 simulated surveys whose classes are mixed unlike the held-out part.

    python benchmarks/corrected_counts.py [--surveys 1000] [--rows 2000] [--checkpoint first-cnn]

Each survey has a checkpoint of its own that errs about as the one named does, tried on a held-out part as large as its
own, from which the counts are corrected. Printed are, for each mix of classes, the share of surveys whose true count
lies inside the interval of 95 %, and what counting labels gives. Goal: at least 93 % for each class of each mix.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import counts

GOAL = 0.93


def main() -> int:
    """Print the coverage; 0 where the goal is met."""
    parser = argparse.ArgumentParser(description="Coverage of corrected counts.")
    parser.add_argument("--surveys", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--checkpoint", default="first-cnn")
    options = parser.parse_args()
    card = checkpoints.find(options.checkpoint)
    tried = counts.confusion(card)
    trained = tried.sum(axis=1) / tried.sum()
    rare = np.full(len(trained), 0.01)
    rare[1:] = 0.99 * trained[1:] / trained[1:].sum()
    turned = trained[::-1]
    worst = 1.0
    random = np.random.default_rng(0)
    for name, mix in (("as held out", trained), (f"1 % {card.label_names[0]}", rare), ("turned round", turned)):
        called, held, truth = [], [], []
        for _ in range(options.surveys):
            errs = np.stack([random.dirichlet(row + counts.FEW) for row in tried])
            held.append([random.multinomial(n, row) for n, row in zip(tried.sum(axis=1), errs, strict=True)])
            truth.append(random.multinomial(options.rows, mix))
            called.append(sum(random.multinomial(n, row) for n, row in zip(truth[-1], errs, strict=True)))
        low, high, true = [], [], np.array(truth)
        for start in range(0, options.surveys, 100):
            some = slice(start, start + 100)
            drawn = counts.sample(np.array(called[some]), np.array(held[some]), chains=16, seed=start)
            edges = np.stack([counts.interval(each) for each in drawn])
            low.append(edges[:, 0])
            high.append(edges[:, 2])
        inside = ((true >= np.concatenate(low)) & (true <= np.concatenate(high))).mean(axis=0)
        worst = min(worst, float(inside.min()))
        bias = np.median(np.array(called) / np.maximum(true, 1), axis=0)
        for label, share, times in zip(card.label_names, inside, bias, strict=True):
            print(f"{name:14} {label:12} inside {100 * share:5.1f} %; labels alone count {times:.2f} of the truth")
    return 0 if worst >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
