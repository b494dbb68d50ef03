"""Edges filled with zeros are no data, and nothing else is taken for one: simulated fields, and folders of pictures.

    python benchmarks/filled_edges.py [--fields 200] [--untouched 500] [FOLDER...]

A band, a wedge, the outside of a circle and a circle at the border, 5 to 40 % of a field each, filled with zeros, and
the same image with NaN in their place. Counted are fields whose noise is within 5 % of the twin's and whose label by
``first-d4-vit`` is the twin's; ``wrong`` are pixels on which the two differ. Then what is taken from untouched noise
and from what is made of it, and from the pictures of the folders (clipped ones hold zeros that are data).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
import test_cutouts_edges as simulated  # noqa: E402

from vlass_explorer import checkpoints, cutouts  # noqa: E402
from vlass_explorer.cutouts import edges  # noqa: E402
from vlass_explorer.cutouts.names import is_cutout  # noqa: E402
from vlass_explorer.measure import noise  # noqa: E402
from vlass_explorer.predict import predict  # noqa: E402
from vlass_explorer.schema import Cutout, CutoutError  # noqa: E402


def labels(images: list[np.ndarray]) -> list[str]:
    """Labels of images (ny, nx) of FIRST's pixels and beam."""
    card = checkpoints.find("first-d4-vit")
    seen = [Cutout("a", image, None, None, simulated.BEAM, noise(image), declared_scale=1.8) for image in images]
    return [answer.label for answer in predict(checkpoints.load(card), card, seen)]


def found(form: str, fields: int) -> str:
    """A line of the table for one form of the pixels."""
    near, wrong, seen, twins = 0, [], [], []
    for seed in range(fields):
        image = simulated.field(seed) / simulated.RMS
        for mask in simulated.covered(seed):
            made = simulated.FORMS[form](image).astype(np.float32)
            filled, twin = np.where(mask, np.float32(0), made), np.where(mask, np.float32(np.nan), made)
            edge = edges.filled(filled)
            if edge is not None:
                filled[edge.mask] = np.nan
            one, other = noise(filled), noise(twin)
            near += one is not None and other is not None and abs(one.rms / other.rms - 1.0) <= 0.05
            wrong.append(float((np.isnan(filled) != mask).mean()))
            seen.append(filled)
            twins.append(twin)
    count = len(wrong)
    same = sum(one == other for one, other in zip(labels(seen), labels(twins), strict=True))
    return f"| {form} | {near} of {count} | {same} of {count} | {np.median(wrong):.4f} | {max(wrong):.4f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--fields", type=int, default=200)
    parser.add_argument("--untouched", type=int, default=500)
    chosen = parser.parse_args()
    print("| pixels | rms within 5 % | same label | wrong, median | wrong, most |\n| --- " + "| --- " * 4 + "|")
    for form in simulated.FORMS:
        print(found(form, chosen.fields), flush=True)
    alarms = sum(
        edges.filled(made.astype(np.float32)) is not None
        for seed in range(chosen.untouched)
        for made in simulated.untouched(seed).values()
    )
    kinds = len(simulated.untouched(0))
    print(f"False alarms on {chosen.untouched} untouched fields in {kinds} forms: {alarms}", flush=True)
    for folder in chosen.folders:
        paths = sorted(path for path in folder.rglob("*") if is_cutout(path.name))
        taken, unread = [], 0
        for path in paths:
            try:
                taken += [path.name] if cutouts.read(path).blanked else []
            except CutoutError:
                unread += 1
        print(f"{folder.name}: edges taken from {len(taken)} of {len(paths) - unread} files {taken[:5]}", flush=True)
