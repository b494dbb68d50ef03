"""Coverage of prediction sets by S/N and angular size, on simulated images with noise, down to S/N 3.

    python benchmarks/coverage_by_snr.py [--count 2000] [--json]

FIRST's labelled pictures have no noise left: S/N bins need images that have it. ``vlass-sim-cnn`` is asked about
simulated VLASS cutouts of a seed it has never seen, with noise added until the peak lies at an S/N of 3 to what it was;
``first-d4-resnet`` about simulated radio galaxies of its four classes as FIRST sees them, 1 to 100 mJy. Temperature and
sets (90 %, APS) are fitted to four fifths and judged on the fifth, five times (``calibration.calibrate``), as for any
data set. The last block applies sets that were fitted to the cutouts without the added noise to those with it: what
coverage drops to where cutouts are not like those fitted to. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import calibration, checkpoints  # noqa: E402
from vlass_explorer.augment import beam_noise  # noqa: E402
from vlass_explorer.calibration import Answers, Covered, binned, wilson  # noqa: E402
from vlass_explorer.datasets import DataSet, Item, simulated  # noqa: E402
from vlass_explorer.datasets.sky_model import (  # noqa: E402
    Observation,
    SkyGrid,
    beam_covariance,
    noise,
    projected,
    radio_galaxy,
)
from vlass_explorer.evaluation import Part  # noqa: E402
from vlass_explorer.measure import noise as rms_of  # noqa: E402
from vlass_explorer.schema import Beam, Checkpoint, Cutout  # noqa: E402

SEED, FAINTEST = 7, 3.0
BEAM, PIXEL, SIDE, RMS, FLUX = Beam(5.4, 5.4), 1.8, 134, 150e-6, (1e-3, 0.1)


def as_trained(label: str, index: int) -> Cutout:
    """A simulated VLASS cutout, of a seed that no checkpoint has seen."""
    return simulated.cutout(label, SEED, index)


def fainter(label: str, index: int) -> Cutout:
    """A simulated VLASS cutout with noise added, at an S/N between 3 and its own, even in the logarithm."""
    plain = simulated.cutout(label, SEED, index)
    assert plain.noise is not None and plain.beam is not None
    random = np.random.default_rng((SEED, index))
    own = max(float(np.nanmax(plain.pixels)) / plain.noise.rms, FAINTEST)
    times = own / (FAINTEST * (own / FAINTEST) ** random.random())
    added = beam_noise(random, plain.pixels.shape, beam_covariance(plain.beam) / simulated.PIXEL**2)
    pixels = (plain.pixels + plain.noise.rms * np.sqrt(times**2 - 1) * added).astype(np.float32)
    return replace(plain, pixels=pixels, noise=rms_of(pixels))


def galaxy(label: str, index: int) -> Cutout:
    """A radio galaxy as FIRST sees it."""
    random = np.random.default_rng((SEED, index))
    low, high = np.log(FLUX)
    flux = float(np.exp(random.uniform(low, high)))
    place = (float(random.uniform(0.0, 360.0)), float(random.uniform(-30.0, 60.0)))
    grid = SkyGrid(projected("SIN", place, PIXEL, (SIDE, SIDE)), (SIDE, SIDE))
    parts = tuple(part.moved(0.0, 0.0, flux) for part in radio_galaxy(random, label).parts)
    return Observation(parts, BEAM, grid, 120.0).cutout(noise(random, grid, BEAM, RMS))


def made(title: str, names: tuple[str, ...], draw: Callable[[str, int], Cutout], count: int) -> DataSet:
    """So many cutouts, classes taking turns."""
    items = [
        Item(f"{title} {i}", i % len(names), partial(draw, names[i % len(names)], i), key=f"by snr {title} {SEED} {i}")
        for i in range(count)
    ]
    return DataSet(title, tuple(items), names, simulated=True)


def answers(card: Checkpoint, data_set: DataSet) -> Answers:
    """What the checkpoint says of it."""
    return calibration.held_out(card, Part(data_set, tuple(range(len(data_set)))))[0]


def moved(fitted: Answers, asked: Answers) -> dict[str, Covered]:
    """Sets fitted to the one, judged on the other."""
    known = calibration.calibrate(fitted)
    scores = known.temperature.scores(np.log(asked.scores.clip(min=1e-300)))
    inside = known.sets.members(scores, calibration.randomness(asked.contents))
    hits, sizes = inside[np.arange(len(inside)), asked.labels], inside.sum(axis=1)
    found = {"all": Covered(int(hits.sum()), len(hits), float(sizes.mean()))}
    bins = {name: binned.covered(values, hits, sizes) for name, values in asked.quantities.items()}
    return found | {one.words(name): one for name, some in bins.items() for one in some}


def main() -> int:
    """A table a checkpoint."""
    parser = argparse.ArgumentParser(description="Coverage by S/N.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    told: dict[str, dict[str, Covered]] = {}
    card = checkpoints.find("vlass-sim-cnn")
    plain = answers(card, made("as trained", card.label_names, as_trained, options.count))
    faint = answers(card, made("noise added", card.label_names, fainter, options.count))
    first = checkpoints.find("first-d4-resnet")
    galaxies = answers(first, made("radio galaxies", first.label_names, galaxy, options.count))
    for title, one in (("vlass-sim-cnn", faint), ("first-d4-resnet", galaxies)):
        right = float((one.scores.argmax(axis=1) == one.labels).mean())
        found = calibration.calibrate(one)
        head = f"{title}: accuracy {right:.3f}, temperature {found.temperature.temperature:.2f}, error "
        told[f"{head}{found.before.equal_mass:.3f} before, {found.after.equal_mass:.3f} after"] = found.shares
    told["vlass-sim-cnn, sets fitted without the added noise"] = moved(plain, faint)
    if options.json:
        print(
            json.dumps({title: {k: (v.hits, v.count, v.size) for k, v in rows.items()} for title, rows in told.items()})
        )
        return 0
    for title, rows in told.items():
        print(title)
        for kind, one in rows.items():
            low, high = wilson(one.hits / one.count, one.count)
            print(
                f"  {kind:<26} {one.hits / one.count:.3f} [{low:.3f} {high:.3f}] of {one.count:,}, "
                f"{one.size:.2f} classes a set"
            )
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
