"""Ten SIGKILLs in one classification, of workers, of the parent, of all: is the table that of a run left in peace?

    python benchmarks/catalogue_kills.py [--count 10000] [--kills 10] [--checkpoint first-cnn]

Kills take turns (a worker, the parent, every process at once), each after some row groups more were answered; where
the parent ended the same command is run again. At the end: no row twice, none missing, and the merged table byte for
byte that of a second folder that nobody disturbed.  Rows are 32 a group, so that there is something to kill in a
reduced count.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reading_speed import write

from vlass_explorer import checkpoints
from vlass_explorer.catalogue import merge, parts, plan

ROOT = Path(__file__).resolve().parent.parent
GROUP = 32


def begin(folder: Path, workers: int) -> subprocess.Popen[bytes]:
    """What ``classify`` does, in a process of its own."""
    told = f"pool.run(Path({str(folder)!r}), {workers})"
    code = f"from pathlib import Path; from vlass_explorer.catalogue import pool; {told}"
    shared = {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=os.environ | shared)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Its workers: copies of one child, which has loaded what they need, and not of Python's resource tracker."""
    try:
        below = psutil.Process(process.pid).children()
        return [worker for child in below if "forkserver" in " ".join(child.cmdline()) for worker in child.children()]
    except psutil.Error:
        return []


def disturbed(made: plan.Plan, kills: int, workers: int) -> list[str]:
    """Run to the end with that many kills on the way; what was killed each time."""
    told: list[str] = []
    process = begin(made.folder, workers)
    step = made.count // (kills + 1)
    while process.poll() is None or len(told) < kills:
        if process.poll() is not None:
            if parts.answered(made) >= made.count:
                break
            process = begin(made.folder, workers)
        if len(told) < kills and parts.answered(made) >= (len(told) + 1) * step and (found := workers_of(process)):
            what = ("a worker", "the parent", "all")[len(told) % 3]
            victims = {"a worker": found[:1], "the parent": [], "all": found}[what]
            for victim in victims:
                try:
                    os.kill(victim.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if what != "a worker":
                process.kill()
                process.wait()
                psutil.wait_procs(found, timeout=60)  # workers that were left alone leave by themselves
            told.append(what)
        time.sleep(0.02)
    assert process.wait() == 0
    return told


def main() -> int:
    """Print what was killed and whether the tables are the same; 0 where they are."""
    parser = argparse.ArgumentParser(description="Kill a classification again and again.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--checkpoint", default="first-cnn")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "files").mkdir()
        files = write(place / "files", min(options.count, 500))
        inputs = [plan.Input(str(index), str(files[index % len(files)])) for index in range(options.count)]
        cards = [checkpoints.find(options.checkpoint)]
        how = plan.How(flux=False)
        tables = []
        for label, kills in (("killed", options.kills), ("quiet", 0)):
            made = plan.make(place / label, inputs, cards, how, group=GROUP, cores=options.workers)
            begun = time.monotonic()
            told = disturbed(made, kills, options.workers)
            merged = merge.merge(made, place / f"{label}.parquet")
            tables.append((place / f"{label}.parquet").read_bytes())
            killed = f"killed {', '.join(told)}; " if told else ""
            print(f"{label}: {killed}{time.monotonic() - begun:.0f} s; {merged}", flush=True)
            if len(told) < kills:
                print(f"Only {len(told)} of {kills} kills found something to kill.")
                return 1
    print("The tables are the same byte for byte." if tables[0] == tables[1] else "The tables differ.")
    return 0 if tables[0] == tables[1] else 1


if __name__ == "__main__":
    sys.exit(main())
