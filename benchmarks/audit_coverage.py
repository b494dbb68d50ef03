"""Do the intervals of an audit hold the truth: 1,000 simulated surveys, of each a blind sample of 100 labelled rightly.

    python benchmarks/audit_coverage.py [--surveys 1000] [--rows 2000] [--sample 100] [--checkpoint first-cnn]

Each survey has a checkpoint of its own that errs about as the one named does; the first class is 1 % of its sources.
Printed are, for each class, the share of surveys whose purity and completeness lie inside the interval of 95 %, and
how wide those intervals are in the middle. Goal: at least 93 % for the purity of each class.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import audit, counts
from vlass_explorer.schema import Row

GOAL = 0.93


def main() -> int:
    """Print the coverage; 0 where the goal is met."""
    parser = argparse.ArgumentParser(description="Coverage of purity and completeness from an audit.")
    parser.add_argument("--surveys", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--checkpoint", default="first-cnn")
    options = parser.parse_args()
    card = checkpoints.find(options.checkpoint)
    names, tried = card.label_names, counts.confusion(card)
    mix = np.full(len(names), 0.01)
    mix[1:] = 0.99 * tried[1:].sum(axis=1) / tried[1:].sum()
    # Rows of one label differ by their identifier alone: every survey takes as many as it has from the same ones.
    made = {
        label: [
            Row(f"{label} {place}", checkpoint=card.name, label=label, score=0.7, validity="ok")
            for place in range(options.rows)
        ]
        for label in names
    }
    random = np.random.default_rng(0)
    inside: dict[tuple[str, str], list[bool]] = {}
    wide: dict[tuple[str, str], list[float]] = {}
    for survey in range(options.surveys):
        errs = np.stack([random.dirichlet(row + counts.FEW) for row in tried])
        truth = random.multinomial(options.rows, mix)
        answered = np.stack([random.multinomial(n, row) for n, row in zip(truth, errs, strict=True)])  # (true, called)
        rows, classes = [], dict[str, str]()
        for place, label in enumerate(names):
            some = made[label][: answered[:, place].sum()]
            true = np.repeat(names, answered[:, place])
            classes |= {row.id: str(one) for row, one in zip(some, random.permutation(true), strict=True)}
            rows += some
        sample = audit.drawn(rows, card.name, options.sample, survey)
        told = audit.judged(rows, card.name, {row.id: classes[row.id] for row in sample}, names, survey)
        for place, one in enumerate(told):
            right = answered[place, place]
            for what, share, all_of in (
                ("purity", one.purity, answered[:, place].sum()),
                ("completeness", one.completeness, truth[place]),
            ):
                if share.low is not None and share.high is not None and all_of:
                    inside.setdefault((one.label, what), []).append(share.low <= right / all_of <= share.high)
                    wide.setdefault((one.label, what), []).append(share.high - share.low)
    for (label, what), held in inside.items():
        print(
            f"{label:12} {what:12} inside {100 * np.mean(held):5.1f} % of {len(held)} surveys; "
            f"interval {np.median(wide[label, what]):.2f} wide"
        )
    return 0 if min(np.mean(held) for (_, what), held in inside.items() if what == "purity") >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
