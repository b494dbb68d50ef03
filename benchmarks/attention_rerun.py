"""Server time of a rerun of the Attention page, beside the build before.

    python benchmarks/attention_rerun.py --before REVISION [--rounds 15] [--json]

Each build runs in a process of its own, on one thread, and the two take turns: nothing changed, another layer and head,
another patch to start from, each of them new in every round. Measured is the processor time of the whole script of the
page (the browser asks for its fragment only) with ``streamlit.testing``. The build before is taken from git, with the
checkpoints of this folder. Goal: the geometric mean of the three ratios of medians at most 0.8.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

from beside import add_option, ask, build_before, end, started

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINT = "first-d4-vit"
KINDS = ("nothing changed", "another layer", "another patch")
WARM_UP = 3
GOAL_RATIO = 0.8


def serve(root: Path) -> None:
    """Run one build: for each line of standard input (a kind and a number) one rerun and its seconds as a line."""
    sys.path.insert(0, str(root))
    import torch
    from streamlit.testing.v1 import AppTest

    torch.set_num_threads(1)
    app = AppTest.from_file(str(root / "app.py"), default_timeout=300)
    app.session_state["checkpoint"] = CHECKPOINT
    app.run().switch_page("pages/attention.py").run()
    print("ready", flush=True)
    for line in sys.stdin:
        kind, number = line.rsplit(" ", 1)
        if kind == "another layer":
            layer, head = divmod(int(number), 4)
            app.selectbox(key=f"attention_layer_{CHECKPOINT}").set_value(layer % 12)
            app.selectbox(key=f"attention_head_{CHECKPOINT}").set_value(["mean", "1", "2", "3"][head])
        elif kind == "another patch":
            chosen = {"start": "patch", "start_row": int(number) % 8, "start_column": int(number) // 8}
            for part, value in chosen.items():
                app.session_state[f"attention_{part}_{CHECKPOINT}"] = value
        began = time.process_time()
        app.run()
        seconds = time.process_time() - began
        assert not app.exception and not app.error, [app.exception, app.error]
        print(seconds, flush=True)


def measured(before: Path, rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Kind of rerun -> seconds of the build before and of this one."""
    builds = started(__file__, before), started(__file__, ROOT)
    for build in builds:
        ask(build)
    found: dict[str, tuple[list[float], list[float]]] = {}
    for kind in KINDS:
        pairs = [tuple(float(ask(build, f"{kind} {n}")) for build in builds) for n in range(WARM_UP + rounds)]
        found[kind] = tuple(list(column) for column in zip(*pairs[WARM_UP:], strict=True))
    end(builds)
    return found


def main() -> int:
    """Print the medians and their ratios; 0 where the goal is met, else 1."""
    parser = argparse.ArgumentParser(description="Rerun of the Attention page.")
    add_option(parser)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
        return 0
    with build_before(options.before) as before:
        found = measured(before, options.rounds)
    medians = {kind: [statistics.median(seconds) for seconds in pair] for kind, pair in found.items()}
    ratios = {kind: after / ago for kind, (ago, after) in medians.items()}
    mean = statistics.geometric_mean(ratios.values())
    if options.json:
        print(json.dumps({"before": options.before, "medians": medians, "ratios": ratios, "mean": mean}))
    else:
        for kind, (ago, after) in medians.items():
            print(f"{kind}: {1000 * ago:.0f} ms before, {1000 * after:.0f} ms now, ratio {ratios[kind]:.2f}")
        print(f"mean ratio {mean:.2f}, goal {GOAL_RATIO}; load {os.getloadavg()[0]:.1f}")
    return 0 if mean <= GOAL_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
