"""2,000 positions fetched from a server on this machine, killed (SIGKILL) five times and resumed: what is lost?

Prints how many requests each kill made the next run repeat, what is missing in the end, and how far the memory of a
process grew while it fetched (largest anonymous resident memory less that after its first 50 positions). ``--count``
asks for fewer positions. Exit code 1 where something is missing, a kill repeats more than four requests, or the memory
grew by more than 50 MB.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from replay_server import Replay, serving  # noqa: E402
from replay_sky import Tile  # noqa: E402

KILLS, MOST_REPEATS, MOST_GROWTH = 5, 4, 50.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    count = parser.parse_args().count
    tiles = [Tile("2.1", f"T09t{n:02d}", 3.3 + n, -9.3) for n in range(10)]
    rng = random.Random(0)
    places = [(2.9 + 9.8 * rng.random(), -9.7 + 0.8 * rng.random()) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder, serving(Replay(tiles)) as server:
        home = Path(folder)
        table = home / "positions.csv"
        table.write_text("name,ra,dec\n" + "".join(f"s{n},{ra},{dec}\n" for n, (ra, dec) in enumerate(places)))
        environment = {
            **os.environ,
            "VLASS_EXPLORER_ARCHIVES": server.setting,
            "VLASS_EXPLORER_CACHE": str(home / "cache"),
        }
        command = [sys.executable, "-m", "vlass_explorer", "cutouts", str(table), "--size", "60arcsec"]
        command += ["--out", str(home / "out"), "--table", ".csv"]
        growth, repeats = 0.0, []
        began = time.monotonic()
        for kill in range(KILLS + 1):
            until = (kill + 1) * count // (KILLS + 1) if kill < KILLS else None
            before = sum(server.counts.values()) - len(server.counts)
            grown, code = follow(command, environment, home / "out" / "cutouts", until)
            growth = max(growth, grown)
            repeats.append(sum(server.counts.values()) - len(server.counts) - before)
            done = len(list((home / "out" / "cutouts").glob("[!.]*")))
            what = "killed" if until is not None else f"ended with code {code}"
            print(f"run {kill + 1}: {done} cutouts, {what}; {repeats[-1]} requests of before repeated", flush=True)
        with (home / "out" / "catalogue.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        missing = count - len({row["id"] for row in rows if row["verdict"] and (home / "out" / row["file"]).is_file()})
        unanswered = sum(row["verdict"] not in ("found", "partly outside", "outside") for row in rows)
    took = time.monotonic() - began
    print(f"{count} positions in {took:.0f} s, {server.counts.total()} requests, at most {server.most} at once")
    print(f"missing: {missing}; without an answer: {unanswered}; memory grew by {growth:.0f} MB")
    bad = missing or unanswered or max(repeats) > MOST_REPEATS or growth > MOST_GROWTH or server.most > 4
    return 1 if bad else 0


def follow(command: list[str], environment: dict[str, str], folder: Path, until: int | None) -> tuple[float, int]:
    """Run until so many cutouts are there, then kill; growth of its memory in MB, and its exit code."""
    first, most = 0.0, 0.0
    start = len(list(folder.glob("[!.]*"))) if folder.is_dir() else 0
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        time.sleep(0.2)
        done = len(list(folder.glob("[!.]*"))) if folder.is_dir() else 0
        try:
            size = own_memory(process.pid)
        except OSError:
            break
        if done >= start + 50 and size > 0:
            first = first or size
            most = max(most, size)
        if until is not None and done >= until:
            process.send_signal(signal.SIGKILL)
    return most - first, process.wait()


def own_memory(pid: int) -> float:
    """Resident memory of a process in MB without pages of files, which the kernel drops and loads as others need."""
    status = Path(f"/proc/{pid}/status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
