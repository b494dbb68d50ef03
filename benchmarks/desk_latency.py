"""From a key press on the Desk to the next drawn cutout, in a real Chromium, on real cutouts.

    python benchmarks/desk_latency.py --data-dir FOLDER [--count 120] [--pause 0.6] [--checkpoint first-d4-resnet]

The folder is copied flat (every so many-th file, ``--count`` of them), so that no name tells a class. Every cutout
gets a label by key; the clock runs inside the browser, from the key to the frame in which the next picture is decoded.
``--pause`` is how long somebody looks at a cutout. In the end the label file must hold all of them. Goal: a median of
150 ms at most on two cores. Also printed: how long the server needs until the last label is in its file.
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

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.explore_latency import served  # noqa: E402
from vlass_explorer.cutouts import is_cutout  # noqa: E402
from vlass_explorer.desk.labels import Labels  # noqa: E402

GOAL = 150.0
BOARD = "[...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector('.board')).find(Boolean)"
PRESS = f"""async key => {{
    const stage = {BOARD}.querySelector('.stage'), before = stage.dataset.drawn, began = performance.now()
    document.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true, composed: true }}))
    while (stage.dataset.drawn === before || !stage.dataset.drawn) {{
        if (performance.now() - began > 60000) throw new Error('nothing was drawn')
        await new Promise(requestAnimationFrame)
    }}
    return performance.now() - began
}}"""


def main() -> None:
    """Print the median, the slow tail and what is in the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--pause", type=float, default=0.6)
    parser.add_argument("--checkpoint", default="first-d4-resnet")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    files = sorted(path for path in args.data_dir.rglob("*") if is_cutout(path.name))
    files = files[:: max(1, len(files) // (args.count + 1))][: args.count + 1]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        home = Path(name)
        (home / "data" / "triage").mkdir(parents=True)
        for number, file in enumerate(files):
            shutil.copyfile(file, home / "data" / "triage" / f"{number:04d}{''.join(file.suffixes[-1:])}")
        os.environ |= {"VLASS_EXPLORER_DATA_ROOTS": str(home / "data"), "VLASS_EXPLORER_LABELS": str(home / "labels")}
        with served(home) as address:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(240_000)
            page.goto(f"{address}/desk?checkpoint={args.checkpoint}")
            place = page.get_by_role("combobox", name="Cutouts", exact=True)
            place.wait_for()
            page.wait_for_function(f"() => {BOARD}?.querySelector('.stage').dataset.drawn")
            place.fill(str(home / "data" / "triage"))
            page.get_by_role("option").first.click()
            page.wait_for_function(f"() => {BOARD}?.innerText.includes('1 of {len(files)}')")
            page.wait_for_function(f"() => {BOARD}.querySelector('.stage').dataset.drawn")
            time.sleep(2.0)
            taken = []
            for number in range(len(files) - 1):
                taken.append(float(page.evaluate(PRESS, "1234"[number % 4])))
                time.sleep(args.pause)
            began = time.monotonic()
            page.wait_for_function(f"() => {BOARD}.dataset.waiting === '0'")
            behind = time.monotonic() - began
            browser.close()
        held = Labels(home / "labels" / "labels.jsonl").refresh().count("me")
    found = {
        "cutouts": len(taken),
        "median_ms": statistics.median(taken),
        "p90_ms": statistics.quantiles(taken, n=10)[-1],
        "longest_ms": max(taken),
        "labels_in_file": held,
        "saved_after_s": behind,
        "load": os.getloadavg()[0],
        "goal_ms": GOAL,
    }
    if args.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{key:>16} {value:,.1f}" for key, value in found.items()))
    sys.exit(0 if found["median_ms"] <= GOAL and held == len(taken) else 1)


if __name__ == "__main__":
    main()
