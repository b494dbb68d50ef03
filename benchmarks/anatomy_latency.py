"""Warm latency of the Anatomy page: from a click on its link to the walk and its pictures drawn, in a real Chromium.

    python benchmarks/anatomy_latency.py [--visits 8] [--checkpoint first-d4-vit] [--json]

The page is opened once, so that checkpoint, cutout and walk are remembered; then Explore and Anatomy in turns. The
clock runs inside the browser: from the click to the first frame with both pictures and the sentence under them. Goal:
a median below 1 s on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import streamlit
import torch
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.attention_cost import processor  # noqa: E402
from benchmarks.explore_latency import served  # noqa: E402

GOAL_SECONDS = 1.0
CLOCK = """() => document.addEventListener('click', event => {
    if (event.target.closest('a')?.href.endsWith('anatomy')) window.clickedAt = performance.now()
}, true)"""
DRAWN = """() => {
    const main = document.querySelector('[data-testid=stMain]')
    const isDrawn = main?.querySelector('h1')?.textContent === 'Anatomy'
        && main.querySelectorAll('.js-plotly-plot .main-svg').length >= 2
        && main.innerText.includes('The last point is')
    return isDrawn && !main.querySelector('[data-stale=true]') ? performance.now() - window.clickedAt : false
}"""


def latencies(chromium: str, folder: Path, checkpoint: str, visits: int) -> list[float]:
    """Seconds of each visit after the first one."""
    with served(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.goto(f"{url}/anatomy?checkpoint={checkpoint}")
        page.get_by_text("How the answer forms").wait_for(timeout=300_000)
        page.wait_for_timeout(3000)
        page.evaluate(CLOCK)
        seconds = []
        for _ in range(visits + 1):
            page.get_by_role("link", name="Explore", exact=True).click()
            page.wait_for_selector(".st-key-panels .js-plotly-plot", timeout=120_000)
            page.wait_for_timeout(2000)  # the run ends and the browser rests
            page.get_by_role("link", name="Anatomy").click()
            seconds.append(page.wait_for_function(DRAWN, polling="raf", timeout=120_000).json_value() / 1000)
            page.wait_for_timeout(1500)
        browser.close()
    return seconds[1:]


def main() -> int:
    """Print the latencies; 0 where the median meets the goal, else 1."""
    parser = argparse.ArgumentParser(description="Warm latency of the Anatomy page.")
    parser.add_argument("--visits", type=int, default=8)
    parser.add_argument("--checkpoint", default="first-d4-vit")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("There is no Chromium on this machine: run make chromium.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        seconds = latencies(chromium, Path(name), options.checkpoint, options.visits)
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "streamlit": streamlit.__version__,
    }
    median = statistics.median(seconds)
    if options.json:
        rounded = [round(value, 3) for value in seconds]
        print(json.dumps({"checkpoint": options.checkpoint, "seconds": rounded, "median": median, "machine": machine}))
    else:
        print(", ".join(f"{key} {value}" for key, value in machine.items()))
        print(f"{options.checkpoint}, latency in s: " + " ".join(f"{value:.2f}" for value in seconds))
        print(f"median {median:.3f} s, goal {GOAL_SECONDS:.1f} s")
    return 0 if median < GOAL_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
