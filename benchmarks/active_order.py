"""How many labels each order of the desk saves against a random one, on the FIRST set.

    python benchmarks/active_order.py --data-dir FOLDER [--checkpoint first-cnn] [--seeds 10] [--figure FILE] [--json]

A probe (logistic regression of scikit-learn) learns from what a checkpoint's classifier sees. Pool: the training
cutouts of the authors' fold 0; judged on that fold. It begins with ten labels drawn at random; twenty more at a time
follow, in an order made anew from the probe: at random; most informative first, as the desk has it (smallest margin of
the two highest scores); by entropy; by disagreement of the eight orientations; by distance to the tenth labelled
cutout, which is the probe's training data; doubtful and varied first, as the desk has it, without and with disagreement
and distance. Printed: labels at which the mean macro F1 of all seeds reaches that of the whole pool less 0.02, the same
for each seed (median and range), and the curves: mean, 10 and 90 % of the seeds. Features that were learned from the
labels of the pool (first-cnn) flatter every order; vlass-sim-cnn has seen none of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import calibration, checkpoints  # noqa: E402
from vlass_explorer.desk import order  # noqa: E402
from vlass_explorer.evaluation import parts  # noqa: E402
from vlass_explorer.orientations import eight  # noqa: E402
from vlass_explorer.schema import Checkpoint  # noqa: E402

START, STEP, MOST, SLACK = 10, 20, 610, 0.02
ORDERS = ("random", "informative", "entropy", "disagreement", "distance", "varied", "varied, all")
DRAWN = {"random": "#777777", "informative": "#0072b2", "entropy": "#d55e00", "varied": "#cc79a7"}
Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Some:
    """Labelled cutouts: features (N, D) as they are, of their eight views (8, N, D), and labels (N,)."""

    x: Table
    views: Table
    y: NDArray[np.int64]


def features(card: Checkpoint, folder: str, name: str) -> Some:
    """A part of the authors' fold 0, as the checkpoint sees it."""
    config = parts.config_of(card, data_dir=folder, dataset="class_folders", split="authors", fold=0)
    like = checkpoints.find("first-cnn") if "FRI" not in card.label_names else card
    part = parts.select(like, config, name)
    images, model = part.images(card), checkpoints.load(card)
    found = []
    for batch in images.batches(64):
        x = images.plain(batch)[0]
        found.append([calibration.features(model, view)[0] for view in eight(x)])
    views = np.stack([np.concatenate([batch[k] for batch in found]) for k in range(8)])
    return Some(views[0], views, images.labels.numpy())


def probe(x: Table, y: NDArray[np.int64]) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged to the last digit
        return LogisticRegression(C=0.1, max_iter=300).fit(x, y)


def far(x: Table, labelled: NDArray[np.bool_]) -> Table:
    """Distance (N,) to the tenth nearest labelled cutout on the unit sphere: what the probe was trained on."""
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    chords = np.sqrt(np.maximum(2 - 2 * unit @ unit[labelled].T, 0))
    return np.partition(chords, min(10, chords.shape[1]) - 1, axis=1)[:, min(10, chords.shape[1]) - 1]


def ranked(how: str, asked: LogisticRegression, pool: Some, labelled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The pool in an order, the most wanted first."""
    scores = asked.predict_proba(pool.x)
    if how == "informative":
        return order.informative(scores)
    if how == "entropy":
        return order.varied(scores)
    if how == "distance":
        return order.unlike(far(pool.x, labelled))
    if how == "varied":
        return order.varied(scores, features=pool.x, labelled=labelled)
    views = np.stack([asked.predict_proba(view) for view in pool.views])
    if how == "disagreement":
        return np.argsort(-order.disagreement(views), kind="stable")
    return order.varied(scores, views=views, distance=far(pool.x, labelled), features=pool.x, labelled=labelled)


def curve(pool: Some, test: Some, how: str, seed: int) -> list[float]:
    """Macro F1 on the test part after START, START + STEP, … labels."""
    random = np.random.default_rng(seed)
    labelled = np.zeros(len(pool.y), bool)
    labelled[random.permutation(len(pool.y))[:START]] = True
    found = []
    while True:
        if len(set(pool.y[labelled].tolist())) < 2:
            labelled[random.choice(np.flatnonzero(~labelled))] = True
            continue
        asked = probe(pool.x[labelled], pool.y[labelled])
        found.append(float(f1_score(test.y, asked.predict(test.x), average="macro")))
        if labelled.sum() + STEP > min(MOST, len(pool.y)):
            return found
        wanted = random.permutation(len(pool.y)) if how == "random" else ranked(how, asked, pool, labelled)
        labelled[wanted[~labelled[wanted]][:STEP]] = True


def first(values: Table, goal: float) -> int | None:
    """Labels at which a curve first reaches the goal."""
    reached = np.flatnonzero(values >= goal)
    return START + STEP * int(reached[0]) if len(reached) else None


def draw(file: Path, told: dict[str, Any]) -> None:
    """The curves of some orders with their bands."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), dpi=100, layout="constrained")
    for how, colour in DRAWN.items():
        if how in told:
            mean, low, high = np.array(told[how]["curve"]).T
            labels = START + STEP * np.arange(len(mean))
            axes.plot(labels, mean, color=colour, label=how, lw=1.8)
            axes.fill_between(labels, low, high, color=colour, alpha=0.13, lw=0)
    axes.axhline(told["whole"] - SLACK, color="black", lw=0.8, ls=":")
    axes.set(
        xlabel="labels", ylabel="macro F1", xlim=(START, 400), title=f"{told['checkpoint']}, {told['seeds']} seeds"
    )
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(file)


def main() -> int:
    """Print what each order needs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--checkpoint", default="first-cnn")
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=list(ORDERS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--figure", type=Path, help="draw the curves into this file")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    card = checkpoints.find(options.checkpoint)
    pool, test = (features(card, options.data_dir, name) for name in ("train", "validation"))
    middle, wide = pool.x.mean(axis=0), pool.x.std(axis=0) + 1e-9
    pool, test = (replace(one, x=(one.x - middle) / wide, views=(one.views - middle) / wide) for one in (pool, test))
    whole = float(f1_score(test.y, probe(pool.x, pool.y).predict(test.x), average="macro"))
    goal = whole - SLACK
    told: dict[str, Any] = {
        "checkpoint": card.name,
        "seeds": options.seeds,
        "pool": len(pool.y),
        "test": len(test.y),
        "whole": whole,
    }
    if not options.json:
        load = os.getloadavg()[0]
        print(f"whole pool of {len(pool.y)}: macro F1 {whole:.3f} on {len(test.y)}; load {load:.1f}", flush=True)
    for how in options.orders:
        curves = np.array([curve(pool, test, how, seed) for seed in range(options.seeds)])
        each = [first(one, goal) for one in curves]
        known = sorted(MOST + STEP if one is None else one for one in each)
        told[how] = {
            "labels": first(curves.mean(axis=0), goal),
            "median": known[len(known) // 2],
            "range": (known[0], known[-1]),
            "curve": [(float(at.mean()), *map(float, np.quantile(at, [0.1, 0.9]))) for at in curves.T],
        }
        if not options.json:
            print(how, {key: value for key, value in told[how].items() if key != "curve"}, flush=True)
    if options.figure:
        draw(options.figure, told)
    if options.json:
        print(json.dumps(told))
        return 0
    print("labels", *options.orders, sep="  ")
    for number in range(len(told[options.orders[0]]["curve"])):
        row = "  ".join("{:.3f} [{:.3f} {:.3f}]".format(*told[how]["curve"][number]) for how in options.orders)
        print(f"{START + STEP * number:>4}  {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
