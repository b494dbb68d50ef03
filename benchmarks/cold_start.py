"""Processor time of a fresh process, beside the build before: what every command, run and test pays before it works.

    python benchmarks/cold_start.py --before REVISION [--pairs 7] [--json]

Three starts: ``import vlass_explorer``; ``predict`` of one FITS file with ``first-cnn``; ``import train.fit``, what a
training process loads. The two builds take turns; printed is the median of user and system seconds together, on one
thread, and the ratio. The build before is taken from git, each has its own checkpoints. Goal: no start slower, beyond
the tenth by which such ratios scatter, and ``predict`` at 0.6 of before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from beside import add_option, build_before

ROOT = Path(__file__).resolve().parent.parent
CUTOUT = ROOT / "examples" / "sim_point_source_1.fits"
STARTS = {
    "import vlass_explorer": ["-c", "import vlass_explorer"],
    "predict": ["-m", "vlass_explorer", "predict", str(CUTOUT), "--checkpoint", "first-cnn"],
    "import train.fit": ["-c", "import train.fit"],
}
GOALS = {"import vlass_explorer": 1.1, "predict": 0.6, "import train.fit": 1.1}


def spent(root: Path, arguments: list[str]) -> float:
    """User and system seconds of one process of the build in ``root``."""
    shared = {"VLASS_EXPLORER_CHECKPOINTS": str(root / "checkpoints"), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=root, env=os.environ | shared, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(before: Path, pairs: int, *, quiet: bool) -> dict[str, tuple[list[float], list[float]]]:
    """Start -> seconds of the build before and of this one; a first pair fills the caches and is not counted."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for name, arguments in STARTS.items():
        rows = [(spent(before, arguments), spent(ROOT, arguments)) for _ in range(1 + pairs)][1:]
        found[name] = [ago for ago, _ in rows], [now for _, now in rows]
        if not quiet:  # one by one: a machine that is busy takes minutes
            ago, now = map(statistics.median, found[name])
            print(f"{name}: {ago:.2f} s before, {now:.2f} s now, ratio {now / ago:.2f}, goal {GOALS[name]}", flush=True)
    return found


def main() -> int:
    """Print the medians and their ratios; 0 where the goals are met, else 1."""
    parser = argparse.ArgumentParser(description="Processor time of a fresh process.")
    add_option(parser)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with build_before(options.before) as before:
        found = measured(before, options.pairs, quiet=options.json)
    medians = {name: [statistics.median(seconds) for seconds in pair] for name, pair in found.items()}
    ratios = {name: now / ago for name, (ago, now) in medians.items()}
    if options.json:
        print(json.dumps({"before": options.before, "medians": medians, "ratios": ratios}))
    else:
        print(f"load {os.getloadavg()[0]:.1f}")
    return 0 if all(ratio <= GOALS[name] for name, ratio in ratios.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
