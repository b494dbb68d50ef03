"""Do the errors of FR ratio, core fraction, bending angle and lobe ratio cover the truth? Simulated radio galaxies.

    python benchmarks/structure_truth.py [--galaxies 600] [--seed 0] [--jobs 2] [--pictures]

FR I, FR II and bent galaxies of ``sky_model``, and as often triples of lobes bent by up to 70 degrees about a core, of
25 to 100 arcsec, peaks of 15 to 200 rms (even in the logarithm), elliptical beams of 2.2 to 4.2 arcsec at any angle,
pixels of 1 arcsec, noise as correlated as the beam. True are the FR ratio, bending and lobe ratio of the image without
noise, of the same peaks and at the contour of three true rms, and the core's brightness there over the total flux on
the sky. 68 % are right. ``--pictures``: how well the FR ratio alone tells the 214 real VLASS pictures of FR I and FR II
apart.
"""

from __future__ import annotations

import argparse
import csv
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.source_grouping import share  # noqa: E402
from vlass_explorer import cutouts, measure  # noqa: E402
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, lobe, noise, radio_galaxy  # noqa: E402
from vlass_explorer.datasets.sky_model.radio_galaxies import fitted  # noqa: E402
from vlass_explorer.measure import peaks  # noqa: E402
from vlass_explorer.measure.geometry import beam_covariance, to_sky  # noqa: E402
from vlass_explorer.measure.structure import Structure  # noqa: E402
from vlass_explorer.schema import Beam, Cutout  # noqa: E402

RMS, GRID = 130e-6, FlatGrid((181, 181), 1.0)
NAMES = ("fr_ratio", "core_fraction", "bending", "lobe_ratio")


def triple(random: np.random.Generator) -> list[Component]:
    """Two lobes bent by up to 70 degrees about a core of 2 to 30 % of the flux."""
    pa, bend = random.uniform(0.0, 360.0), random.uniform(0.0, 70.0)
    parts = [Component(float(np.exp(random.uniform(*np.log([0.02, 0.4])))), 0.0, 0.0, part="core")]
    for turn, flux, arm in ((0.0, 1.0, 1.0), (180.0 - bend, random.uniform(0.3, 1.0), random.uniform(0.8, 1.2))):
        angle = pa + turn
        tip = (-arm * np.sin(np.radians(angle)), arm * np.cos(np.radians(angle)))
        parts += lobe(flux, tip, random.uniform(0.3, 0.7), angle, random.uniform(0.2, 0.6))
    return parts


def galaxy(seed: tuple[int, int]) -> tuple[str, float, Structure, dict[str, float]]:
    """Class, S/N, what is measured, and the truth by name."""
    random = np.random.default_rng(seed)
    label = str(random.choice(["FRI", "FRII", "Bent", "triple", "triple"]))
    size = float(np.exp(random.uniform(*np.log([25.0, 100.0]))))
    parts = fitted(triple(random), size) if label == "triple" else radio_galaxy(random, label, size).parts
    minor = random.uniform(2.2, 3.0)
    beam = Beam(minor * random.uniform(1.0, 1.4), minor, random.uniform(0, 180))
    snr = float(np.exp(random.uniform(*np.log([15.0, 200.0]))))
    plain = Observation(tuple(parts), beam, GRID)
    seen = Observation(tuple(part.moved(0, 0, snr * RMS / plain.image.max()) for part in parts), beam, GRID)
    cutout = seen.cutout(noise(random, GRID, beam, RMS))
    found = measure.structure(cutout)
    return label, snr, found, {} if found.fr_ratio is None else truth(cutout, seen, found)


def truth(cutout: Cutout, seen: Observation, found: Structure) -> dict[str, float]:
    """The same numbers of the same peaks without noise."""
    matrix = to_sky(cutout, 90.0, 90.0)
    assert matrix is not None
    steps, image = matrix[:, ::-1].T, seen.image
    beam = matrix @ beam_covariance(seen.beam, matrix) @ matrix.T
    mask = measure.source_mask(cutout)
    core = found.peaks[2] if len(found.peaks) > 2 else None
    like = peaks.Shape(*found.peaks[:2], core, (np.zeros(2), np.zeros(2)), 1.0, 1.0, 1.0, steps, beam)
    level = 3.0 * RMS
    # The islands that were detected, as they are without noise.
    islands, _ = ndimage.label(image > level, np.ones((3, 3)))
    own = np.isin(islands, np.unique(islands[mask & (image > level)])) & (image > level)
    real = peaks.shape(image, own, level, level, steps, beam, like)
    if real is None:
        return {}
    values = {"fr_ratio": real.ratio}
    one, other = (float(image[side].sum()) for side in real.sides(image.shape))
    values["lobe_ratio"] = max(one, other) / max(min(one, other), 1e-12)
    if core is not None and real.core is not None and real.bending is not None:
        values["bending"] = real.bending
        y, x = (round(at) for at in real.core)
        area = measure.beam_pixels(cutout) or np.nan
        footprint = measure.grow(cutout, mask, area)
        held = float(image[footprint.box][footprint.mask].sum() / area / footprint.share)
        values["core_fraction"] = float(image[y, x] / held)
        values["core_fraction of the sky"] = float(image[y, x] / seen.fluxes.sum())
    return values


def simulated(count: int, seed: int, jobs: int) -> None:
    with ProcessPoolExecutor(jobs) as pool:
        drawn = list(pool.map(galaxy, [(seed, number) for number in range(count)], chunksize=10))
    given = [one for one in drawn if one[2].fr_ratio is not None]
    print(f"{count} galaxies, {len(given)} with an FR ratio")
    why: dict[str, int] = {}
    for _, _, found, _ in drawn:
        if found.fr_ratio is None:
            reason = found.off["fr_ratio"]
            why[reason] = why.get(reason, 0) + 1
    print("\n".join(f"  {number} withheld: {words}" for words, number in sorted(why.items())))
    print("| number | galaxies | within 1 sigma | within 2 sigma | median less true, in sigma | median error |")
    print("|---|---|---|---|---|---|")
    for name in (*NAMES, "core_fraction of the sky"):
        for low, high in ((0, 1e9), (0, 40), (40, 1e9)):
            pulls, errors = [], []
            for _, snr, found, true in given:
                value, error = (getattr(found, f"{name.split()[0]}{end}") for end in ("", "_error"))
                if value is not None and error and name in true and low <= snr < high:
                    pulls.append((value - true[name]) / error)
                    errors.append(error)
            pull = np.array(pulls)
            which = "all" if high - low > 1e8 and not low else f"S/N {'below' if not low else 'above'} 40"
            print(
                f"| {name}, {which} | {pull.size} | {share(np.abs(pull) <= 1)} | {share(np.abs(pull) <= 2)} | "
                f"{np.median(pull):+.2f} | {np.median(errors):.3g} |"
            )


def auroc(one: np.ndarray, two: np.ndarray) -> tuple[float, float, float]:
    """Chance that a value of ``two`` is larger than one of ``one``, ties half, with 95 % of 2,000 bootstrap draws."""

    def area(a: np.ndarray, b: np.ndarray) -> float:
        return float(((b[:, None] > a[None, :]) + 0.5 * (b[:, None] == a[None, :])).mean())

    random = np.random.default_rng(0)
    draws = [area(random.choice(one, one.size), random.choice(two, two.size)) for _ in range(2000)]
    return area(one, two), *map(float, np.quantile(draws, [0.025, 0.975]))


def pictures(folder: Path) -> None:
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    said = {"stretch": "log:100", "beam": Beam(2.5, 2.5, source="declared"), "survey": "VLASS"}
    for name, more in (("as they are", {}), ("stretch undone", said)):
        found = {"FRI": [], "FRII": []}
        for row in rows:
            cutout = cutouts.read(folder / row["path"], pixel_scale=1.534, **more)
            found[row["label"]].append(measure.structure(cutout).fr_ratio)
        one, two = (np.array([value for value in found[label] if value is not None]) for label in ("FRI", "FRII"))
        area, low, high = auroc(one, two)
        both = [np.array([value or 0.0 for value in found[label]]) for label in ("FRI", "FRII")]
        print(
            f"{name}: FR ratio of {one.size} of {len(found['FRI'])} FR I (median {np.median(one):.2f}) and "
            f"{two.size} of {len(found['FRII'])} FR II ({np.median(two):.2f}): AUROC {area:.2f} "
            f"[{low:.2f} {high:.2f}]; "
            "with 0 where there is one peak {:.2f} [{:.2f} {:.2f}]".format(*auroc(*both))
        )
        right = np.mean([np.mean(one < 0.5), np.mean(two >= 0.5)])
        print(f"  balanced accuracy at 0.5, of those: {right:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galaxies", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    if arguments.pictures:
        pictures(arguments.data_dir / "vlass-fr")
    else:
        simulated(arguments.galaxies, arguments.seed, arguments.jobs)


if __name__ == "__main__":
    main()
