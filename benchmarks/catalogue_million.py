"""Plan, parts, merge and VOTable of a million rows: seconds and memory, with answers of a stub in this file alone.

    python benchmarks/catalogue_million.py [--count 1000000] [--table .vot]

Parts are written as the engines write them, with rows that a stub makes (one real row under other identifiers), so that
nothing is measured but planning, parts and merging. Each step runs in a process of its own; printed are its seconds of
processor time and its peak resident memory.  Goal: each step under 1.5 GB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import merge, parts, plan
from vlass_explorer.schema import Row

GOAL = 1500.0  # MB
STEPS = ("plan", "parts", "merge .parquet", "merge TABLE")


def stub(checkpoint: str, sha256: str, labels: tuple[str, ...]) -> Row:
    """An answer with most of its columns full."""
    scores = {label: 1.0 / len(labels) for label in labels}
    return Row(
        "stub",
        name="stub.fits",
        ra=10.0,
        dec=-20.0,
        cutout_sha256="0" * 64,
        checkpoint=checkpoint,
        checkpoint_sha256=sha256,
        label=labels[0],
        score=0.5,
        scores=scores,
        validity="caution",
        reasons=("Trained on FIRST (1.4 GHz, 5.4 arcsec). This is VLASS (3 GHz, 2.5 arcsec): untested.",),
        rms=1.2e-4,
        peak=3.4e-3,
        snr=28.0,
        version="0.1.0",
    )


def step(name: str, folder: Path, count: int, table: str) -> None:
    """One of the steps, in this process."""
    if name == "plan":
        inputs = [plan.Input(f"source {index:07}", f"/data/{index:07}.fits") for index in range(count)]
        plan.make(folder, inputs, [checkpoints.find("first-cnn")], plan.How(flux=False), cores=2)
        return
    made = plan.read(folder)
    if name == "parts":
        (one,) = made.asked
        row = stub(one.name, one.sha256, one.label_names)
        for shard in range(made.shards):
            inputs_of = made.inputs(shard)
            for number, group in enumerate(parts.groups(made, inputs_of)):
                ids = [each.id for _, each in group]
                parts.write_group(made, shard, number, ids, [replace(row, id=id) for id in ids])
            parts.join(made, shard, inputs_of)
        return
    suffix = ".parquet" if name == "merge .parquet" else table
    print(merge.merge(made, folder / f"table{suffix}"), flush=True)


def main() -> int:
    """Print a line a step; 0 where all of them hold the goal."""
    parser = argparse.ArgumentParser(description="A million rows.")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--table", default=".vot")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.step, options.folder, options.count, options.table)
        spent = resource.getrusage(resource.RUSAGE_SELF)
        print(f"{spent.ru_utime + spent.ru_stime:.0f} {spent.ru_maxrss / 1e3:.0f}")
        return 0
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name in STEPS:
            begun = time.monotonic()
            words = ["--count", str(options.count), "--table", options.table, "--step", name]
            command = [sys.executable, __file__, *words, "--folder", f"{folder}/catalogue"]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
            cores, peak = map(float, told[-1].split())
            worst = max(worst, peak)
            shown = name.replace("TABLE", options.table)
            wall = time.monotonic() - begun
            print(f"{shown:16} {cores:6.0f} core-seconds, {wall:6.0f} s, peak {peak:6.0f} MB", *told[:-1], flush=True)
    return 0 if worst < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
