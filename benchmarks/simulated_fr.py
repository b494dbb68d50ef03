"""FR I against FR II in simulated VLASS files by checkpoints that were trained on FIRST, with and without matching.

    python benchmarks/simulated_fr.py [--galaxies 100] [--checkpoint NAME …] [--json]

As ``vlass_fr.py`` does for real pictures: so many FR I and as many FR II of known morphology, 20 to 200 mJy, seen at
3.0 x 2.2 arcsec on 1 arcsec pixels without what VLASS resolves out (beyond 58 arcsec), written as FITS and read again
as anybody's file is. "Forced" is the better of the two classes, balanced accuracy with 95 % of 2,000 bootstrap draws
within each class; "as shown" is the share whose label of all four is right. FIRST is the same galaxy as FIRST sees it,
which no treatment of VLASS can be expected to pass.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from astropy.io import fits

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
from vlass_fr import interval, scores, share, spread  # noqa: E402

from vlass_explorer import checkpoints, cutouts, match  # noqa: E402
from vlass_explorer.datasets import simulated  # noqa: E402
from vlass_explorer.datasets.sky_model import Observation, SkyGrid, noise, projected, radio_galaxy  # noqa: E402
from vlass_explorer.schema import Beam, Checkpoint, Cutout  # noqa: E402

VLASS, FIRST = Beam(3.0, 2.2, 10.0), Beam(5.4, 5.4)
SIZE, RMS, LARGEST = 240, 120e-6, 58.0
COARSE, COARSE_RMS, COARSE_LARGEST = 134, 150e-6, 120.0
POSITION = (150.0, 30.0)
CLASSES = ("FRI", "FRII")


def files(folder: Path, count: int) -> tuple[np.ndarray, list[Cutout], list[Cutout]]:
    """Labels, the cutouts as read from VLASS files, and the same galaxies as FIRST sees them."""
    fine = SkyGrid(projected("SIN", POSITION, 1.0, (SIZE, SIZE)), (SIZE, SIZE))
    coarse = SkyGrid(projected("SIN", POSITION, 1.8, (COARSE, COARSE)), (COARSE, COARSE))
    label, vlass, first = [], [], []
    for number in range(2 * count):
        random = np.random.default_rng(number)
        galaxy = radio_galaxy(random, CLASSES[number % 2])
        flux = float(np.exp(random.uniform(np.log(0.02), np.log(0.2))))
        parts = tuple(part.moved(0.0, 0.0, flux) for part in galaxy.parts)
        image = Observation(parts, VLASS, fine, LARGEST).cutout(noise(random, fine, VLASS, RMS)).pixels
        header = simulated.header(galaxy.label, 0, number, VLASS, POSITION, SIZE)
        path = folder / f"{number}.fits"
        fits.PrimaryHDU(image[None, None].astype(np.float32), header).writeto(path)
        vlass.append(cutouts.read(path))
        seen = Observation(parts, FIRST, coarse, COARSE_LARGEST)
        first.append(seen.cutout(noise(random, coarse, FIRST, COARSE_RMS)))
        label.append(galaxy.label)
    return np.array(label), vlass, first


def rows(card: Checkpoint, label: np.ndarray, vlass: list[Cutout], first: list[Cutout]) -> dict[str, dict[str, object]]:
    """Forced, as shown and the shares by class, for each way to treat the files."""
    model = checkpoints.load(card)
    matched = [match.to_training(cutout, card.input_spec) for cutout in vlass]
    found = {
        "as they are": scores(card, model, vlass),
        "in beams": scores(card, model, vlass, in_beams=True),
        "and matched": scores(card, model, matched),
        "FIRST": scores(card, model, first),
    }
    pair = [card.label_names.index(each) for each in CLASSES]
    names = np.array(card.label_names)
    table: dict[str, dict[str, object]] = {}
    for condition, values in found.items():
        forced, shown = names[pair][values[:, pair].argmax(axis=1)], names[values.argmax(axis=1)]
        table[condition] = {
            "forced": interval(forced == label, label),
            "as shown": interval(shown == label, label),
            "by class": [share(shown[label == each] == each) for each in CLASSES],
            "Compact or Bent": int(np.isin(shown, ("Compact", "Bent")).sum()),
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--galaxies", type=int, default=100, help="of each class")
    parser.add_argument("--checkpoint", action="append", help="by default all that were trained on FIRST")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    names = options.checkpoint or [c.name for c in checkpoints.listing() if c.input_spec.survey == "FIRST"]
    with tempfile.TemporaryDirectory() as folder:
        label, vlass, first = files(Path(folder), options.galaxies)
    found = {name: rows(checkpoints.find(name), label, vlass, first) for name in names}
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print("| checkpoint | files | forced | as shown | FR I / FR II | Compact or Bent |\n|---|---|---|---|---|---|")
    for name, table in found.items():
        for condition, each in table.items():
            cells = [spread(each["forced"]), spread(each["as shown"]), " / ".join(map(spread, each["by class"]))]
            print(f"| {name} | {condition} | {' | '.join(cells)} | {each['Compact or Bent']} |")


if __name__ == "__main__":
    main()
