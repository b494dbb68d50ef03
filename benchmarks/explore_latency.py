"""Warm latency of the Explore page: from a file set in the input to its drawn rollout, in a real Chromium.

    python benchmarks/explore_latency.py [--before REVISION] [--files 10] [--checkpoint first-d4-vit] [--json]

Every file is new. With ``--before`` a second server runs that revision, taken from git, and the two get each file in
turns. The clock runs inside the browser: from the change event of the file input to the first frame in
which the panels carry the stamp with that file's hash. Baseline: the same steps of the core (read, preprocess, predict,
roll out) without a page, on the same files in the same run. Goals: a median below 1 s on two cores, and below that of
the build before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import streamlit
import torch
from beside import build_before
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.attention_cost import processor  # noqa: E402
from vlass_explorer import checkpoints, cutouts, explainers, predict, preprocess  # noqa: E402

GOAL_SECONDS = 1.0
WARM_UP = 3
CLOCK = """() => document.addEventListener('change', event => {
    if (event.target.type === 'file') window.droppedAt = performance.now()
}, true)"""
DRAWN = """hash => {
    const drawn = [...document.querySelectorAll('.st-key-panels .js-plotly-plot text')]
    if (!drawn.some(text => text.textContent.includes(hash))) return false
    return performance.now() - window.droppedAt
}"""


@contextmanager
def served(folder: Path, root: Path = ROOT) -> Iterator[str]:
    """The app of a build on a free port, as ``make app`` starts it, with runs and a cache of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(root / "app.py"), "--server.headless", "true"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    environment = os.environ | {"VLASS_EXPLORER_RUNS": str(folder / "runs")}
    environment |= {"VLASS_EXPLORER_CACHE": str(folder / "cache"), "VLASS_EXPLORER_SESSIONS": str(folder / "sessions")}
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.25)
        yield url
    finally:
        process.terminate()
        process.wait()


def measured(page: Page, file: Path) -> float:
    """Seconds from the file set in the input to its rollout drawn."""
    page.get_by_test_id("stFileUploaderDropzoneInput").wait_for(state="attached")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    hash_ = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    milliseconds = page.wait_for_function(DRAWN, arg=hash_, polling="raf", timeout=120_000).json_value()
    page.wait_for_timeout(1500)  # the run ends and the browser rests before the next file
    return float(milliseconds) / 1000


def latencies(roots: list[Path], files: list[Path], folder: Path, checkpoint: str, chromium: str) -> list[list[float]]:
    """Seconds of each build on each file after the first ones; the builds take turns, one tab each."""
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        pages = []
        for number, root in enumerate(roots):
            own = folder / f"server{number}"
            own.mkdir()
            url = stack.enter_context(served(own, root))
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.goto(f"{url}/?checkpoint={checkpoint}")
            page.wait_for_selector(".st-key-panels .js-plotly-plot", timeout=300_000)
            page.wait_for_timeout(3000)
            page.evaluate(CLOCK)
            pages.append(page)
        found: list[list[float]] = [[] for _ in pages]
        for file in files:
            for page, seconds in zip(pages, found, strict=True):
                page.bring_to_front()
                seconds.append(measured(page, file))
        browser.close()
    return [seconds[WARM_UP:] for seconds in found]


def core_seconds(files: list[Path], checkpoint: str) -> list[float]:
    """Seconds of the same steps without a page, warm."""
    card = checkpoints.find(checkpoint)
    model = checkpoints.load(card)
    seconds = []
    for file in files:
        start = time.perf_counter()
        cutout = cutouts.read(file.read_bytes(), file.name)
        prediction = predict.predict(model, card, [cutout])[0]
        target = card.label_names.index(prediction.label)
        explainers.EXPLAINERS["attention_rollout"].explain(model, preprocess.to_tensor(cutout, card.input_spec), target)
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> int:
    """Print the latencies; 0 where the median meets the goal, else 1."""
    parser = argparse.ArgumentParser(description="Warm latency of the Explore page.")
    parser.add_argument("--before", help="git revision of the build before")
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--checkpoint", default="first-d4-vit")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("There is no Chromium on this machine: run make chromium.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate = ["simulate", "--count", str(options.files + WARM_UP), "--out", str(folder / "sky"), "--seed", "7"]
        subprocess.run([sys.executable, "-m", "vlass_explorer", *simulate], cwd=ROOT, check=True, capture_output=True)
        files = sorted((folder / "sky").rglob("*.fits"))
        with build_before(options.before) if options.before else nullcontext() as before:
            roots = [ROOT] if before is None else [ROOT, before]
            seconds, *ago = latencies(roots, files, folder, options.checkpoint, chromium)
        core = core_seconds(files, options.checkpoint)[WARM_UP:]
    median, baseline = statistics.median(seconds), statistics.median(core)
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "streamlit": streamlit.__version__,
    }
    result = {
        "checkpoint": options.checkpoint,
        "seconds": [round(s, 3) for s in seconds],
        "median": round(median, 3),
        "core": round(baseline, 3),
        "ratio": round(median / baseline, 2),
        "before": [round(statistics.median(each), 3) for each in ago],
        "goal": GOAL_SECONDS,
        "machine": machine,
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(", ".join(f"{key} {value}" for key, value in machine.items()))
        print("latency in s: " + " ".join(f"{value:.2f}" for value in seconds))
        print(f"median {median:.3f} s, goal {GOAL_SECONDS:.1f} s")
        print(f"core alone {baseline:.3f} s, ratio {median / baseline:.1f}")
        for each in ago:
            middle = statistics.median(each)
            print(f"{options.before}: median {middle:.3f} s, ratio {median / middle:.2f}")
    return 0 if median < GOAL_SECONDS and all(median <= statistics.median(each) for each in ago) else 1


if __name__ == "__main__":
    sys.exit(main())
