"""Processor milliseconds a file: reading, noise and validity, beside astropy's bare read of the same files.

    python benchmarks/reading_speed.py [--files 200] [--rounds 3] [--checkpoint first-cnn] [--json]

The files are simulated VLASS cutouts of 181 × 181 pixels with 100 header cards (the simulator's, the PC matrix and the
file name in pieces that VLASS writes, and HISTORY).  ``read`` is ``cutouts.read`` with its noise, of which ``noise`` is
a part; ``validity`` is ``validity.check`` of a cutout that nothing was measured on.  All of them take turns on every
file, one thread; of each file the best of all rounds counts, and printed is the mean over the files, as a catalogue
pays it, with the median beside it.  Goal: read and validity together at most 5 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

# Run from anywhere: the package beside this folder is measured, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vlass_explorer import checkpoints, cutouts, measure, validity
from vlass_explorer.datasets import simulated

CARDS = 100
GOAL = 5.0  # ms
PIECES = [
    "VLASS3",
    "1",
    "ql",
    "T08t01",
    "J001357-091951",
    "10",
    "2048",
    "v2",
    "I",
    "iter1",
    "image",
    "pbcor",
    "tt0",
    "subim",
]


def write(folder: Path, count: int) -> list[Path]:
    """Simulated cutouts whose headers are as long as those of VLASS."""
    files = []
    for index in range(count):
        label = simulated.LABEL_NAMES[index % len(simulated.LABEL_NAMES)]
        pixels, cards = simulated.simulate(label, 0, index)
        for row in range(1, 5):
            for column in range(1, 5):
                cards[f"PC{row}_{column}"] = float(row == column)
        for number, piece in enumerate(PIECES, 1):
            cards[f"FILNAM{number:02}"] = piece
        cards["VELREF"], cards["OBSGEO-X"] = 257, -1601185.365
        image = fits.PrimaryHDU(pixels[None, None], cards)
        while len(image.header) < CARDS:
            image.header.add_history("CASA 5.6.2-3 tclean(niter=20000, gain=0.1, deconvolver='mtmfs')")
        files.append(folder / f"{index:05}.fits")
        image.writeto(files[-1])
    return files


def bare(path: Path) -> np.ndarray:
    """What astropy takes for the pixels alone."""
    with fits.open(path, memmap=False) as opened:
        return np.array(opened[0].data, np.float32).squeeze()


def measured(files: list[Path], rounds: int, checkpoint: str) -> dict[str, np.ndarray]:
    """Milliseconds of each step and file, the best of all rounds."""
    spec = checkpoints.find(checkpoint).input_spec
    spent = np.full((4, len(files)), np.inf)
    for turn in range(rounds + 1):
        for place, path in enumerate(files if turn else files[:20]):
            marks = [time.thread_time()]
            bare(path)
            marks.append(time.thread_time())
            cutout = cutouts.read(path)
            marks.append(time.thread_time())
            measure.noise(cutout.pixels)
            marks.append(time.thread_time())
            validity.check(cutout, spec)
            marks.append(time.thread_time())
            if turn:  # the first, short one fills the caches
                spent[:, place] = np.minimum(spent[:, place], 1e3 * np.diff(marks))
    return dict(zip(("bare", "read", "noise", "validity"), spent, strict=True))


def main() -> int:
    """Print the means; 0 where the goal is met, else 1."""
    parser = argparse.ArgumentParser(description="Milliseconds a file of reading, noise and validity.")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checkpoint", default="first-cnn")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder), options.files)
        found = measured(files, options.rounds, options.checkpoint)
    means = {name: float(times.mean()) for name, times in found.items()}
    whole = means["read"] + means["validity"]
    if options.json:
        print(json.dumps(means | {"files": options.files, "checkpoint": options.checkpoint, "together": whole}))
    else:
        for name, times in found.items():
            print(f"{name:10} {times.mean():6.2f} ms, median {np.median(times):5.2f}")
        print(f"read and validity together {whole:.2f} ms, goal {GOAL:.0f}; load {os.getloadavg()[0]:.1f}")
    return 0 if whole <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
