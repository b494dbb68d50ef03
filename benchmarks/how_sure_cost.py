"""What *How sure* costs on Explore: the page with it beside the page without it, cutout after cutout.

    python benchmarks/how_sure_cost.py [--checkpoint NAME] [--rounds 15] [--json]

Seconds of processor time of one rerun for a cutout that is looked at for the first time, in the process of the page
(Streamlit's own test client; no browser), median over the bundled examples; the two kinds take turns. Goal: 1.3.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from streamlit.testing.v1 import AppTest  # noqa: E402

GOAL = 1.3
EXAMPLES = sorted((ROOT / "examples").glob("*.fits"))


def rerun(page: AppTest, file: Path, turn: int) -> float:
    """Processor seconds until the page of a new cutout is whole; blank blocks at its end make a file a new one."""
    content = file.read_bytes()
    name = f"{turn}_{file.name}"
    began = time.process_time()
    page.file_uploader[0].upload(name, content + bytes(2880 * turn))
    page.run()
    assert not page.exception, page.exception
    return time.process_time() - began


def main() -> int:
    """Print both medians and their ratio; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description="Cost of How sure.")
    parser.add_argument("--checkpoint", default="first-d4-resnet")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    pages = {}
    for kind in seconds:
        pages[kind] = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
        pages[kind].query_params["checkpoint"] = options.checkpoint
        pages[kind].run()
    for number in range(options.rounds + 1):
        for turn, (kind, page) in enumerate(pages.items(), start=2 * number):
            with mock.patch("ui.look.sure.draw") if kind == "without" else mock.MagicMock():
                taken = rerun(page, EXAMPLES[number % len(EXAMPLES)], turn)
            if number:
                seconds[kind].append(taken)
    medians = {kind: statistics.median(values) for kind, values in seconds.items()}
    ratio = medians["with"] / medians["without"]
    if options.json:
        print(json.dumps({"checkpoint": options.checkpoint, "seconds": medians, "ratio": ratio}))
    else:
        print(
            f"{options.checkpoint}: {medians['without']:.3f} s without, {medians['with']:.3f} s with, ratio {ratio:.2f}"
        )
        print(f"goal {GOAL}; load {os.getloadavg()[0]:.1f}")
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
