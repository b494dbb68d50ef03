"""A map of 100,000 cutouts under the hand: frames while it is dragged and zoomed in a real Chromium, beside 10,000.

    python benchmarks/map_pan.py [--count 100000] [--seconds 3] [--shot FILE]

The figure of Desk and Checkpoints (``figures.embedding``) with simulated features in eight classes, drawn by the
plotly.js of the installed package. The pointer drags it around for ``--seconds``, then the wheel zooms; printed are the
time to the first drawing and, of the frames in between, the median and the 95th percentile. Baseline: a tenth of the
points in the same run. A machine without a graphics card draws WebGL by its processor: there it is slowest.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer.figures import embedding

CLASSES = 8
FRAMES = """() => {
    window.frames_ = []
    const look = now => { window.frames_.push(now); window.looking = requestAnimationFrame(look) }
    window.looking = requestAnimationFrame(look)
}"""
STOP = "() => { cancelAnimationFrame(window.looking); return window.frames_ }"
DRAWN = "window.drawn = true"


def write(path: Path, count: int) -> None:
    """The map of so many cutouts as a page of its own."""
    random = np.random.default_rng(0)
    of = random.integers(CLASSES, size=count)
    places = random.normal(size=(CLASSES, 2))[of] * 3.0 + random.normal(size=(count, 2))
    layer = embedding.Layer("cutouts", places, [""] * count, words=[f"class {number}" for number in of], new=True)
    figure = embedding.cloud([layer], ("first axis", "second axis"), height=700).update_layout(dragmode="pan")
    figure.write_html(path, config={"scrollZoom": True}, post_script=DRAWN)


def frames(page: Page, seconds: float, move: str) -> np.ndarray:
    """Milliseconds between frames while the map is moved."""
    page.mouse.move(500, 400)
    page.evaluate(FRAMES)
    if move == "drag":
        page.mouse.down()
    end, step = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        step += 1
        if move == "drag":
            page.mouse.move(500 + 150 * math.sin(step / 12), 400 + 100 * math.cos(step / 17))
        else:
            page.mouse.wheel(0, -40 if step % 40 < 20 else 40)
        page.wait_for_timeout(8)
    found = np.diff(page.evaluate(STOP))
    if move == "drag":
        page.mouse.up()
    return found


def main() -> int:
    """Print a line a map and move."""
    parser = argparse.ArgumentParser(description="Frames of a map that is dragged.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--shot", type=Path, help="keep a picture of the larger map")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        flags = ["--no-sandbox", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=options.chromium, args=flags)
        for count in (options.count // 10, options.count):
            path = Path(folder) / f"{count}.html"
            write(path, count)
            page = browser.new_page(viewport={"width": 1200, "height": 760})
            begun = time.monotonic()
            page.goto(path.as_uri())
            page.wait_for_function("() => window.drawn", timeout=120_000)
            print(f"{count:7,} cutouts: drawn after {time.monotonic() - begun:.2f} s", end="")
            for move in ("drag", "zoom"):
                found = frames(page, options.seconds, move)
                middle, slow = np.median(found), np.percentile(found, 95)
                print(f"; {move}: {len(found)} frames, {middle:.0f} ms, 95 % within {slow:.0f} ms", end="")
            print(flush=True)
            if options.shot and count == options.count:
                page.screenshot(path=options.shot)
            page.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
