"""Core-seconds a row of ``classify`` beside three other ways to the same answers, on the same simulated cutouts.

    python benchmarks/catalogue_throughput.py --before REVISION [--count 1000] [--checkpoint first-cnn first-d4-resnet]

The ways, each in processes of its own: ``classify --no-flux`` of this build; ``predict --json`` of the build before;
``bare``: astropy's read of the pixels and the forward pass alone, batches of 32, nothing else; ``expert``: the loop
that is written by hand, a DataLoader of two workers that reads with astropy, makes the WCS and the beam, and asks for
the same noise and validity. One thread each. Every way runs on a quarter of the files and on all of them: the slope
between the two is what a row costs, without start-up, and what is left is start-up.

Printed with it: the peak memory of all processes of ``classify`` on a quarter and on all, what a second checkpoint adds
in the same pass, and what its forward alone costs. Core-seconds are user and system time of all processes, which a busy
machine stretches less than the time on the wall.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from beside import add_option, build_before

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reading_speed import bare, write

from vlass_explorer import checkpoints, measure, preprocess, validity
from vlass_explorer.schema import Beam, Cutout, Origin

ROOT = Path(__file__).resolve().parent.parent
BATCH = 32
MIB = 2**20
SUBREAPER = 36  # of Linux's prctl: processes whose parent has ended are ours to wait for, and their time is counted


def by_hand(path: Path) -> Cutout:
    """What a careful user reads with astropy: pixels, unit, coordinates, beam and noise."""
    from astropy.io import fits
    from astropy.wcs import WCS

    with fits.open(path, memmap=False) as opened:
        header, pixels = opened[0].header, np.array(opened[0].data, np.float32).squeeze()
        wcs = WCS(header).celestial
        beam = Beam(header["BMAJ"] * 3600, header["BMIN"] * 3600, header["BPA"])
        origin = Origin("VLASS", "total intensity", 3.0, simulated=True)
    return Cutout(
        path.name, pixels, unit="Jy/beam", wcs=wcs, beam=beam, noise=measure.noise(pixels), origin=origin, row0="south"
    )


class ByHand(torch.utils.data.Dataset[tuple[torch.Tensor, str]]):
    """Model input and verdict of each file."""

    def __init__(self, files: list[Path], spec: Any) -> None:
        self.files, self.spec = files, spec

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, str]:
        torch.set_num_threads(1)
        cutout = by_hand(self.files[index])
        verdict = validity.check(cutout, self.spec)
        return preprocess.to_tensor(cutout, self.spec)[0], verdict.level


def other(way: str, files: list[Path], name: str) -> None:
    """One of the loops beside ``classify``, in a process of its own."""
    torch.set_num_threads(1)
    card = checkpoints.find(name)
    model, spec = checkpoints.load(card), card.input_spec
    with torch.inference_mode():
        if way == "expert":
            for images, _ in torch.utils.data.DataLoader(ByHand(files, spec), BATCH, num_workers=2):
                model(images).softmax(dim=-1)
            return
        for start in range(0, len(files), BATCH):
            some = files[start : start + BATCH]
            if way == "bare":
                for path in some:
                    bare(path)
            model(torch.zeros(len(some), spec.in_chans, spec.img_size, spec.img_size))


def tree(process: int) -> Iterator[psutil.Process]:
    parent = psutil.Process(process)
    yield parent
    yield from parent.children(recursive=True)


def spent(words: list[str], root: Path = ROOT) -> tuple[float, float, float]:
    """Core-seconds, seconds on the wall and peak resident MiB of a command and all its processes."""
    shared = {"VLASS_EXPLORER_CHECKPOINTS": str(root / "checkpoints"), "OMP_NUM_THREADS": "1"}
    before, begun, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0.0
    command = subprocess.Popen([sys.executable, *words], cwd=root, env=os.environ | shared, stdout=subprocess.DEVNULL)
    while command.poll() is None:
        held = 0
        try:
            for process in tree(command.pid):
                held += process.memory_full_info().uss
        except psutil.Error:
            held = 0
        peak = max(peak, held / MIB)
        time.sleep(1.0)
    assert command.returncode == 0, words
    with suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cores, time.monotonic() - begun, peak


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Core-seconds a row of classify beside other ways.")
    add_option(parser)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--checkpoint", nargs="+", default=["first-cnn", "first-d4-resnet"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--list", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        other(options.way, [Path(line) for line in options.list.read_text().split()], options.checkpoint[0])
        return 0
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    found: dict[str, dict[str, Any]] = {}
    with build_before(options.before) as before, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "files").mkdir()
        files = write(place / "files", options.count)
        counts = (options.count // 4, options.count)
        for count in counts:
            (place / f"{count}.txt").write_text("\n".join(map(str, files[:count])))

        def measured(label: str, words: list[str], root: Path = ROOT) -> None:
            runs = []
            for count in counts:
                out, listed = str(place / f"{label} {count}"), str(place / f"{count}.txt")
                given = [str(path) for path in files[:count]] if "FILES" in words else []
                told = [{"OUT": out, "LIST": listed}.get(word, word) for word in words if word != "FILES"]
                runs.append(spent([*told, *given], root))
            rows = counts[1] - counts[0]
            found[label] = {
                "core_ms_a_row": 1e3 * (runs[1][0] - runs[0][0]) / rows,
                # Not known where a busy machine gave the larger part less of the wall's time than the smaller.
                "rows_a_second": rows / (runs[1][1] - runs[0][1]) if runs[1][1] > runs[0][1] else float("nan"),
                "peak_mib": [round(run[2]) for run in runs],
                "core_seconds": [round(run[0], 1) for run in runs],
            }
            if not options.json:
                one = found[label]
                print(
                    f"{label:34} {one['core_ms_a_row']:7.1f} ms a row, {one['rows_a_second']:6.1f} rows a second, "
                    f"{one['core_seconds']} core-seconds, peak {one['peak_mib']} MiB",
                    flush=True,
                )

        classify = ["-m", "vlass_explorer", "classify", "--list", "LIST", "--no-flux", "--out", "OUT", "--workers"]
        classify += [str(options.workers), "--checkpoint"]
        me = str(Path(__file__).resolve())
        for name in options.checkpoint:
            measured(f"classify {name}", [*classify, name])
            told = ["-m", "vlass_explorer", "predict", "--json", "--checkpoint", name, "FILES"]
            measured(f"predict before {name}", told, before)
            for way in ("bare", "expert", "forward"):
                words = [me, "--before", "HEAD", "--way", way, "--list", "LIST", "--checkpoint", name]
                measured(f"{way} {name}", words)
        if len(options.checkpoint) > 1:
            measured("classify both", [*classify, *options.checkpoint])
    if options.json:
        print(json.dumps({"count": options.count, "before": options.before, "ways": found}))
    else:
        print(f"load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
