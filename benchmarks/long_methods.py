"""What a user waits for longest on Explain, beside the build before: flips, random weights, occlusion, GradientSHAP.

    python benchmarks/long_methods.py --before REVISION [--pairs 5] [--method NAME] [--cutout FILE] [--json]

Each build runs in a process of its own, on one thread, and the two take turns. Measured is the processor time of one
answer for ``first-d4-resnet`` and ``first-d4-vit``, warm: flips and random weights as the page asks for them, of the
map by ``--method`` (the first that the page offers: Grad-CAM and attention rollout), which it has drawn before. The
build before is taken from git, with the checkpoints of this folder. Beside the ratio of the medians stands how far the
two answers are apart, over the largest value. Goals: ratios of 0.5 at most, answers equal within 1e-4.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from beside import add_option, ask, build_before, end, started

ROOT = Path(__file__).resolve().parent.parent
CUTOUT = ROOT / "examples" / "sim_double_lobes_1.fits"
FIRST = {"first-d4-resnet": "grad_cam", "first-d4-vit": "attention_rollout"}
TASKS = ("flips", "random weights", "occlusion", "gradient_shap")
GOAL_RATIO, TOLERANCE = 0.5, 1e-4


def serve(root: Path, file: Path) -> None:
    """Run one build: for each line of standard input (checkpoint, task, method) its seconds and values as JSON."""
    sys.path.insert(0, str(root))
    import torch

    from vlass_explorer import checkpoints, cutouts, preprocess, private

    torch.set_num_threads(1)
    cutout, known = cutouts.read(file), {}
    print("ready", flush=True)
    for line in sys.stdin:
        name, task, method = line.strip().split("\t")
        if name not in known:
            card = checkpoints.find(name)
            model, x = checkpoints.load(card), preprocess.to_tensor(cutout, card.input_spec)
            # The page keeps the copy for many passes beside the model.
            known[name] = model, getattr(private, "unrolled", lambda one: one)(model), x, int(model(x).argmax())
        seconds, values = answered(task, method, *known[name])
        print(json.dumps([seconds, np.asarray(values, float).ravel().tolist()]), flush=True)


def answered(task: str, method: str, model: Any, asked: Any, x: Any, target: int) -> tuple[float, Any]:
    """Seconds of one task and what it gives; the map that the page has drawn is made before."""
    from vlass_explorer import trust
    from vlass_explorer.explainers import EXPLAINERS

    module = EXPLAINERS[method if task in TASKS[:2] else task]
    explain, each = module.explain, getattr(module, "explain_each", None)
    drawn: Any = {}
    if task in TASKS[:2] and "known" in inspect.signature(trust.symmetry).parameters:
        drawn = {"known": explain(asked, x, target).maps[0]}
    if task == "flips" and each is not None:
        drawn["together"] = lambda images: [found.maps[0] for found in each(asked, images, target)]
    if task == "random weights" and each is not None:
        drawn["together"] = lambda one, count: [f.maps[0] for f in each(one, x.repeat(count, 1, 1, 1), target)]
    began = time.process_time()
    if task == "flips":
        values: Any = trust.symmetry(lambda moved: explain(asked, moved, target).maps[0], x, **drawn).correlations
    elif task == "random weights":
        values = trust.randomisation(model, lambda one: explain(one, x, target).maps[0], **drawn).similarities
    else:
        values = explain(asked, x, target).maps
    return time.process_time() - began, values


def measured(before: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row a checkpoint and task; a first pair warms up and is not counted."""
    cutout = ("--cutout", str(options.cutout))
    builds, rows = [started(__file__, root, *cutout) for root in (before, ROOT)], []
    for build in builds:
        ask(build)
    for name, first in FIRST.items():
        method = options.method or first
        for task in TASKS:
            pairs = [
                [json.loads(ask(build, f"{name}\t{task}\t{method}")) for build in builds]
                for _ in range(1 + options.pairs)
            ][1:]
            ago, now = (statistics.median(pair[i][0] for pair in pairs) for i in (0, 1))
            old, new = (np.array(pairs[-1][i][1]) for i in (0, 1))
            apart = float(np.abs(old - new).max() / max(np.abs(old).max(), 1e-30))
            what = f"{task} of {method}" if task in TASKS[:2] else task
            rows.append({"checkpoint": name, "task": what, "before": ago, "now": now, "apart": apart})
            if not options.json:  # one by one: a machine that is busy takes minutes
                ratio = f"ratio {now / ago:.2f}, apart by {apart:.0e}"
                print(f"{name}: {what}: {ago:.2f} s before, {now:.2f} s now, {ratio}", flush=True)
    end(builds)
    return rows


def main() -> int:
    """Print the medians and their ratios; 0 where the goals are met, else 1."""
    parser = argparse.ArgumentParser(description="Long methods of Explain, beside the build before.")
    add_option(parser)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--method", default="", help="of the map whose flips and random weights are measured")
    parser.add_argument("--cutout", type=Path, default=CUTOUT)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.cutout = options.cutout.resolve()
    if options.serve is not None:
        serve(options.serve, options.cutout)
        return 0
    with build_before(options.before) as before:
        rows = measured(before, options)
    if options.json:
        print(json.dumps({"before": options.before, "rows": rows}))
    else:
        print(f"goal {GOAL_RATIO}; load {os.getloadavg()[0]:.1f}")
    return 0 if all(row["now"] <= GOAL_RATIO * row["before"] and row["apart"] <= TOLERANCE for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
