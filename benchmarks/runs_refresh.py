"""Server time of one refresh of the Runs page: ten ended runs and one active, with short and with very long curves.

    python benchmarks/runs_refresh.py [--rows 1000000] [--json]

Measured is what the page's fragment does every two seconds: list all runs, draw the table, read what was added to the
curves of the active run, draw its panel with the end of a 50 MB log. Baseline: the same refresh with two thousand rows
in metrics.jsonl, which fill the thousand points of a curve. Goals: a median below 100 ms, and no growth with the length
(a ratio below 1.5).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from streamlit.testing.v1 import AppTest  # noqa: E402

from vlass_explorer import runs  # noqa: E402
from vlass_explorer.schema import Run, RunConfig  # noqa: E402

ENDED, REPEATS, LOG_BYTES = 10, 25, 50_000_000
SHORT = 2000
GOAL_SECONDS, GOAL_RATIO = 0.1, 1.5


def page() -> None:
    """The body of the page's fragment, without the sidebar."""
    import time

    import streamlit as st

    from ui.runs import panel, table
    from vlass_explorer import runs

    began = time.perf_counter()
    chosen = table.draw(runs.listing())
    panel.draw(chosen[0])
    st.session_state["seconds"] = time.perf_counter() - began


def add_rows(run: Run, first: int, count: int) -> None:
    """Rows as the trainer writes them."""
    with (run.path / "metrics.jsonl").open("a") as file:
        for step in range(first, first + count):
            row = {"epoch": 1, "step": step, "train_loss": 1 / (step + 1), "lr": 1e-3, "images_per_second": 100.0}
            file.write(json.dumps(row) + "\n")


def measure(rows: int) -> tuple[float, float]:
    """Median and first duration of a refresh in seconds; between two refreshes the active run writes four rows."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VLASS_EXPLORER_RUNS"] = folder
        for number in range(ENDED + 1):
            run = runs.create(RunConfig(name=f"run-{number}", epochs=100))
            is_active = number == ENDED
            phase = "training" if is_active else "finished"
            runs.heartbeat(run.path, phase=phase, process=runs.identity(), step=5, total_steps=100 * rows, device="cpu")
            add_rows(run, 0, rows if is_active else 100)
        (run.path / "train.log").write_bytes(b"epoch 1/100  val_loss 0.5  a line of a log\n" * (LOG_BYTES // 43))
        test = AppTest.from_function(page, default_timeout=300)
        seconds = []
        for number in range(REPEATS):
            test.run()
            assert not test.exception, test.exception
            seconds.append(test.session_state["seconds"])
            add_rows(run, rows + 4 * number, 4)
            time.sleep(0.05)
    return statistics.median(seconds[2:]), seconds[0]


def main() -> int:
    """Print both medians and their ratio; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    measure(SHORT)  # warm-up: imports
    short, _ = measure(SHORT)
    long, first = measure(options.rows)
    found = {"rows": options.rows, "short_seconds": short, "long_seconds": long, "ratio": long / short, "first": first}
    if options.json:
        print(json.dumps(found))
    else:
        print(f"refresh with {SHORT:9,} rows: {1000 * short:7.1f} ms (baseline)")
        print(f"refresh with {options.rows:9,} rows: {1000 * long:7.1f} ms, ratio {long / short:.2f}")
        print(f"first look at the long run:   {1000 * first:7.1f} ms (reads it once for all browsers)")
    return 0 if long < GOAL_SECONDS and long / short < GOAL_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
