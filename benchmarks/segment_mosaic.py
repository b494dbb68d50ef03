"""A mosaic segmented by tiles: peak memory and time of the command, and its labels beside those of one look.

    python benchmarks/segment_mosaic.py [--checkpoint NAME] [--side 8192] [--fields 1]    # memory, minutes
    python benchmarks/segment_mosaic.py --one-look [--side 2048] [--fields 1]             # labels that differ

The mosaic is beam-correlated noise with a simulated source in every third field of 128 arcsec. For the first, the
command ``segment`` runs in a process of its own with one thread, which tells the highest memory that it ever held. For
the second, both looks run here, and pixels within a field of the border are left out; the mean IoU of each says which
labels are nearer to the truth.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vlass_explorer import checkpoints, cutouts, segmentation
from vlass_explorer.checkpoints import tasks
from vlass_explorer.datasets import pixel_labels

FIELD, RMS, BEAM = 128, 130e-6, (2.7, 2.25)
SEED = 2_147_483_646
"""Images of the test part of simulated_masks."""


def mosaic(path: Path, side: int, every: int) -> NDArray[np.uint8]:
    """Write the mosaic, row after row of fields, and return its true classes."""
    count = side // FIELD
    items = pixel_labels.simulate(120, seed=SEED, size=FIELD).items
    random, header = np.random.default_rng(0), fits.Header()
    header["CTYPE1"], header["CTYPE2"], header["CUNIT1"], header["CUNIT2"] = "RA---SIN", "DEC--SIN", "deg", "deg"
    header["CRPIX1"] = header["CRPIX2"] = (side + 1) / 2
    header["CRVAL1"], header["CRVAL2"], header["CDELT1"], header["CDELT2"] = 180.0, 0.0, -1 / 3600, 1 / 3600
    header["BMAJ"], header["BMIN"], header["BPA"], header["BUNIT"] = BEAM[0] / 3600, BEAM[1] / 3600, 0.0, "Jy/beam"
    truth = np.zeros((side, side), np.uint8)
    fits.writeto(path, np.zeros((side, side), np.float32), header, overwrite=True)
    with fits.open(path, mode="update", memmap=True) as hdus:
        for y in range(count):
            for x in range(count):
                where = slice(y * FIELD, (y + 1) * FIELD), slice(x * FIELD, (x + 1) * FIELD)
                if (y * count + x) % every == 0:
                    cutout, mask = items[(y * count + x) // every % len(items)].read(len(pixel_labels.CLASSES))
                    hdus[0].data[where], truth[where] = cutout.pixels, mask
                    continue
                noise = ndimage.gaussian_filter(random.normal(size=(FIELD, FIELD)), np.array(BEAM) / 2.3548)
                hdus[0].data[where] = noise * (RMS / noise.std())
    return truth


def memory(path: Path, given: argparse.Namespace) -> None:
    """Run the command on the mosaic and print what it took."""
    words = ["segment", str(path), "--checkpoint", given.checkpoint, "--out", str(path.parent / "out")]
    words += ["--device", "cpu", "--fields", str(given.fields), "--most-tiles", str(10**6)]
    begin = time.perf_counter()
    root = Path(__file__).resolve().parents[1]
    told = subprocess.run(
        [sys.executable, "-m", "vlass_explorer", *words],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(told.stderr.strip()[-300:], told.stdout[:200].strip(), sep="\n")
    print(f"\n{given.side} × {given.side} pixels, fields={given.fields}, exit code {told.returncode}")
    print(f"peak memory of the process {spent.ru_maxrss * 1024 / 1e9:.2f} GB")
    print(f"{(time.perf_counter() - begin) / 60:.1f} minutes, {(spent.ru_utime + spent.ru_stime) / 60:.1f} of a core")


def one_look(path: Path, truth: NDArray[np.uint8], given: argparse.Namespace) -> None:
    """Segment by tiles and in one look and print how many labels differ."""
    card = tasks.require(checkpoints.find(given.checkpoint), "segmentation")
    model, cutout = checkpoints.load(card), cutouts.read(path)
    fields = given.side // FIELD
    spec = replace(card.input_spec, field_of_view=float(given.side), field_of_view_pixels=given.side)
    spec = replace(spec, img_size=card.input_spec.img_size * fields)
    whole = segmentation.segment(model, spec, card.label_names, cutout)
    tiled = segmentation.segment(model, card.input_spec, card.label_names, cutout, fields=given.fields)
    inner = (slice(FIELD, -FIELD),) * 2
    share = float((whole.labels != tiled.labels)[inner].mean())
    print(f"{given.side} × {given.side} pixels, a source in every {given.every} fields, {card.name}")
    print(f"labels that differ between {tiled.tiles:,} tiles and one look: {share:.3%}")
    for name, found in (("tiles", tiled), ("one look", whole)):
        score = segmentation.Score(len(card.label_names))
        score.add(truth, found.labels)
        print(f"{name:10} mean IoU {score.mean_iou:.3f}")


def main() -> None:
    """Make the mosaic, and measure."""
    parsed = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parsed.add_argument("--checkpoint", default="sim-panoptic-fpn")
    parsed.add_argument("--side", type=int)
    parsed.add_argument("--fields", type=int, default=1)
    parsed.add_argument("--every", type=int, default=3, help="fields for each source")
    parsed.add_argument("--one-look", action="store_true")
    given = parsed.parse_args()
    given.side = given.side or (2048 if given.one_look else 8192)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mosaic.fits"
        truth = mosaic(path, given.side, given.every)
        if given.one_look:
            one_look(path, truth, given)
        else:
            del truth
            memory(path, given)


if __name__ == "__main__":
    main()
