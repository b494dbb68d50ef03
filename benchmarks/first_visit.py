"""The first visit after a start, beside the build before: first text on the page, and the page ready, in Chromium.

    python benchmarks/first_visit.py --before REVISION [--rounds 3] [--wait 0] [--json]

Each build is started as ``make app`` starts it, the two in turns; ``--wait`` seconds after the
server answers, Explore is opened. Printed are the medians of the seconds from there to the first frame with text and to
the drawn panels of the example. The build before is taken from git.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from beside import add_option, build_before
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.explore_latency import served  # noqa: E402

TEXT = "() => (document.querySelector('[data-testid=stMain]')?.innerText ?? '').trim().length > 0"
PANELS = "() => !!document.querySelector('.st-key-panels .js-plotly-plot text')"


def visited(browser: Browser, root: Path, wait: float) -> tuple[float, float]:
    """Seconds from opening the page to its first text and to its panels, of a server just started."""
    with tempfile.TemporaryDirectory() as name, served(Path(name), root) as url:
        time.sleep(wait)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.monotonic()
        page.goto(url, wait_until="commit")
        page.wait_for_function(TEXT, polling=50, timeout=300_000)
        text = time.monotonic() - began
        page.wait_for_function(PANELS, polling=50, timeout=300_000)
        ready = time.monotonic() - began
        page.close()
    return text, ready


def main() -> int:
    """Print the medians; 0 where the first text comes no later than before, within a tenth."""
    parser = argparse.ArgumentParser(description="The first visit after a start.")
    add_option(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wait", type=float, default=0.0, help="seconds from the server's answer to the visit")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("There is no Chromium on this machine: run make chromium.", file=sys.stderr)
        return 2
    with build_before(options.before) as before, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        rounds = [[visited(browser, root, options.wait) for root in (before, ROOT)] for _ in range(options.rounds)]
        browser.close()
    medians = {
        what: [statistics.median(each[build][number] for each in rounds) for build in (0, 1)]
        for number, what in enumerate(("first text", "ready"))
    }
    if options.json:
        print(json.dumps({"before": options.before, "wait": options.wait, "medians": medians, "rounds": rounds}))
    else:
        for what, (ago, now) in medians.items():
            print(f"{what}: {ago:.1f} s before, {now:.1f} s now, ratio {now / ago:.2f}")
        print(f"visit {options.wait:g} s after the server answers; load {os.getloadavg()[0]:.1f}")
    ago, now = medians["first text"]
    return 0 if now <= 1.1 * ago else 1


if __name__ == "__main__":
    sys.exit(main())
