"""Warm latency of the Explore page: from a file set in the input to its drawn rollout, in a real Chromium.

    python benchmarks/explore_latency.py [--before REVISION] [--files 10] [--checkpoint first-d4-vit] [--json]

Every file is new. With ``--before`` a second server runs that revision, taken from git, and the two get each file in
turns. The clock runs inside the browser: from the change event of the file input to the first frame in which the panels
carry the stamp with that file's hash and their pictures are decoded. Baseline: the same steps of the core (read,
preprocess, predict, roll out) without a page, on the same files in the same run. Where the time goes is read from the
messages between browser and app: each wait belongs to the message that ends it. Goals on two cores: a median below 1 s,
at most 6 times the core, and at most 0.65 of the build before.
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
from beside.traffic import WATCH, Parts, parts
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.attention_cost import processor  # noqa: E402
from vlass_explorer import checkpoints, cutouts, explainers, predict, preprocess  # noqa: E402

GOAL_SECONDS, GOAL_CORE, GOAL_BEFORE = 1.0, 6.0, 0.65
WARM_UP = 3
"""Files that do not count."""
RESTS = "[data-testid=stApp][data-test-script-state=notRunning]"
DRAWN = """hash => {
    const all = what => [...document.querySelectorAll(`.st-key-panels .js-plotly-plot ${what}`)]
    if (!all('text').some(text => text.textContent.includes(hash))) return false
    const pictures = all(':is(.heatmaplayer, .imagelayer) image')
    if (pictures.length < 3 || !pictures.every(each => each.href.baseVal)) return false
    const known = window.pictured ??= {}
    if (!known[hash]) {
        known[hash] = 'awaited'
        Promise.all(pictures.map(each => each.decode())).then(() => known[hash] = 'there', () => delete known[hash])
    }
    return known[hash] === 'there' && performance.now() - window.droppedAt
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
    environment |= {
        "VLASS_EXPLORER_CACHE": str(folder / "cache"),
        "VLASS_EXPLORER_SESSIONS": str(folder / "sessions"),
    }
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


def measured(page: Page, file: Path) -> tuple[float, Parts]:
    """Seconds from the file set in the input to its rollout drawn, and where they went."""
    page.get_by_test_id("stFileUploaderDropzoneInput").wait_for(state="attached")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    hash_ = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    milliseconds = float(page.wait_for_function(DRAWN, arg=hash_, polling="raf", timeout=120_000).json_value())
    page.wait_for_timeout(1000)
    page.locator(RESTS).wait_for(timeout=120_000)
    page.wait_for_timeout(500)
    return milliseconds / 1000, parts(page, hash_, milliseconds)


def latencies(
    roots: list[Path], files: list[Path], folder: Path, checkpoint: str, chromium: str
) -> list[list[tuple[float, Parts]]]:
    """Seconds of each build on each file after the first ones; the builds take turns, one tab each."""
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        pages = []
        for number, root in enumerate(roots):
            own = folder / f"server{number}"
            own.mkdir()
            url = stack.enter_context(served(own, root))
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            context.add_init_script(WATCH)
            page = context.new_page()
            page.goto(f"{url}/?checkpoint={checkpoint}")
            page.wait_for_selector(f"{RESTS} .st-key-panels .js-plotly-plot", timeout=300_000)
            page.wait_for_timeout(3000)
            pages.append(page)
        found: list[list[tuple[float, Parts]]] = [[] for _ in pages]
        for file in files:
            for page, seconds in zip(pages, found, strict=True):
                page.bring_to_front()
                seconds.append(measured(page, file))
        browser.close()
    return [seconds[WARM_UP:] for seconds in found]


def table(found: list[tuple[float, Parts]]) -> dict[str, float]:
    """Median of each part in milliseconds, in the order of the way, and of what was sent."""
    ways = [way for _, way in found]
    names = dict.fromkeys(name for way in ways for name in way.waits)
    middle = {f"{name}, ms": round(statistics.median(way.waits.get(name, 0.0) for way in ways), 1) for name in names}
    return middle | {
        "messages until the panels": statistics.median(way.messages for way in ways),
        "bytes until the panels": statistics.median(way.bytes for way in ways),
        "bytes of the panels": statistics.median(way.panels_bytes for way in ways),
        "script done after, ms": round(statistics.median(way.ended for way in ways), 1),
    }


def core_seconds(files: list[Path], checkpoint: str) -> list[float]:
    """Seconds of the same steps without a page, warm, on one thread: two would wait for what else runs here."""
    torch.set_num_threads(1)
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
            builds = latencies(roots, files, folder, options.checkpoint, chromium)
        seconds, *ago = ([each for each, _ in build] for build in builds)
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
        "parts": [table(build) for build in builds],
        "goal": GOAL_SECONDS,
        "machine": machine,
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(", ".join(f"{key} {value}" for key, value in machine.items()))
        print("latency in s: " + " ".join(f"{value:.2f}" for value in seconds))
        print(f"median {median:.3f} s, goal {GOAL_SECONDS:.1f} s")
        print(f"core alone {baseline:.3f} s, ratio {median / baseline:.1f}, goal {GOAL_CORE:.0f}")
        for each in ago:
            middle = statistics.median(each)
            print(f"{options.before}: median {middle:.3f} s, ratio {median / middle:.2f}, goal {GOAL_BEFORE}")
        print("medians of the parts" + (", and of the build before" if ago else ""))
        for name in result["parts"][0]:
            print(f"  {name:30}" + "".join(f"{each.get(name, 0):12,}" for each in result["parts"]))
    is_met = median < GOAL_SECONDS and median <= GOAL_CORE * baseline
    return 0 if is_met and all(median <= GOAL_BEFORE * statistics.median(each) for each in ago) else 1


if __name__ == "__main__":
    sys.exit(main())
