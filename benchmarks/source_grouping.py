"""Are components of one source taken together, and unrelated ones left alone? Simulated doubles of known membership.

    python benchmarks/source_grouping.py [--doubles 500] [--seed 0] [--rows 100000]

Doubles of 20 to 240 arcsec (even in the logarithm), a total flux of 5 to 1,000 mJy (even in the logarithm), lobes 1
to 4 times as bright as each other and bent by 5 degrees (1 sigma), a core in four of ten, are entered as components:
alone, over the sky that VLASS covers, and in a field of unrelated components as dense as VLASS's catalogue (56 a square
degree: 1.9 million over 33,885, Gordon et al. 2021) with fluxes drawn from those of the real catalogue where it is at
hand, else from a power law like theirs. "Axes" are sizes and position angles as a source finder gives them: of lobes
within 15 degrees (1 sigma) of the line, of others at random, half of them resolved. Beside it: Magliocchetti et al.
(1998), scaled to 3 GHz, and every pair within a minute of arc. In brackets the 95 % interval of a share (Wilson).
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer.catalogue import cautions, grouping, pairs  # noqa: E402
from vlass_explorer.schema import Found, Target  # noqa: E402

DENSITY = 56.0  # components a square degree
SIDE = 20.0  # degrees of the field
SIZES, FLUXES = (20.0, 240.0), (5.0, 1000.0)  # arcsec, mJy
POSITION = 0.3  # arcsec, error of a position


@dataclass(frozen=True)
class Sky:
    """Components (n) with the number of the double that each is of, -1 for an unrelated one."""

    ra: np.ndarray
    dec: np.ndarray
    flux: np.ndarray
    major: np.ndarray
    pa: np.ndarray
    double: np.ndarray
    size: np.ndarray
    """Separation of the lobes of each double in arcsec (d)."""
    total: np.ndarray


def fluxes(random: np.random.Generator, count: int) -> np.ndarray:
    """Fluxes in mJy of components that no flag of the real catalogue doubts, or of a power law like theirs."""
    path = Path(os.environ.get("VLASS_EXPLORER_DATA", "../shared/data")) / "catalogues" / "vlass_components.csv"
    if not path.is_file():
        return 1.0 + random.pareto(0.9, count)
    with path.open() as file:
        good = [row for row in csv.DictReader(file) if row["Quality_flag"] == "0" and row["Duplicate_flag"] != "2"]
    return random.choice([float(row["Total_flux"]) for row in good], count)


def places(random: np.random.Generator, count: int, dense: bool) -> tuple[np.ndarray, np.ndarray]:
    """Right ascensions and declinations: over a field around (0, 60) degrees, or the sky north of -40 degrees."""
    if dense:
        dec = 60.0 + random.uniform(-SIDE / 2, SIDE / 2, count)
        return random.uniform(-SIDE, SIDE, count) % 360.0, dec  # twice as wide in RA, halved by the cosine
    dec = np.degrees(np.arcsin(random.uniform(np.sin(np.radians(-40.0)), 1.0, count)))
    return random.uniform(0.0, 360.0, count), dec


def sky(random: np.random.Generator, count: int, dense: bool) -> Sky:
    """Doubles, with unrelated components around them in the dense field."""
    number = int(DENSITY * SIDE**2) if dense else 0
    ra, dec = places(random, number, dense)
    resolved = random.random(number) < 0.5
    parts = [(ra, dec, fluxes(random, number), 4.0 * resolved, random.uniform(0, 180, number), np.full(number, -1))]
    ra, dec = places(random, count, dense)
    size, total = (np.exp(random.uniform(*np.log(ends), count)) for ends in (SIZES, FLUXES))
    ratio, line = np.exp(random.uniform(0, np.log(4), count)), random.uniform(0, 360, count)
    for side, share in ((0.5, ratio / (1 + ratio)), (-0.5, 1 / (1 + ratio))):
        angle = np.radians(line + random.normal(0, 5, count))
        step = size * side
        lobe_ra, lobe_dec = moved(random, ra, dec, step * np.sin(angle), step * np.cos(angle))
        axis = (line + random.normal(0, 15, count)) % 180
        parts.append((lobe_ra, lobe_dec, total * share, np.full(count, 4.0), axis, np.arange(count)))
    core = np.flatnonzero(random.random(count) < 0.4)
    core_ra, core_dec = moved(random, ra[core], dec[core], np.zeros(core.size), np.zeros(core.size))
    parts.append((core_ra, core_dec, 0.1 * total[core], np.zeros(core.size), np.zeros(core.size), core))
    return Sky(*(np.concatenate(column) for column in zip(*parts, strict=True)), size, total)


def moved(random: np.random.Generator, ra: np.ndarray, dec: np.ndarray, east: np.ndarray, north: np.ndarray) -> tuple:
    """Places shifted on the sphere by arcsec to the east and north, with the error of a position."""
    vectors = pairs.unit_vectors(ra, dec)
    out = []
    for vector, x, y in zip(vectors, east, north, strict=True):
        to_east, to_north = grouping._axes(vector)
        x, y = np.array([x, y]) + random.normal(0, POSITION, 2)
        out.append(vector + (x * to_east + y * to_north) / pairs.ARCSEC)
    placed = np.array(out).reshape(-1, 3)
    placed /= np.linalg.norm(placed, axis=1, keepdims=True)
    return np.degrees(np.arctan2(placed[:, 1], placed[:, 0])) % 360, np.degrees(np.arcsin(placed[:, 2]))


def ours(found: Sky, known: str) -> np.ndarray:
    """Number of the source of each component, by ``pairs.linked`` with what is known."""
    nothing = np.full(found.ra.size, np.nan)
    axes = (found.major, found.pa) if "axes" in known else (nothing, nothing)
    flux = found.flux if "flux" in known else nothing
    return pairs.linked(pairs.Components(pairs.unit_vectors(found.ra, found.dec), flux, *axes))


def other(found: Sky, known: str) -> np.ndarray:
    """Friends of friends within 60 arcsec, or by Magliocchetti et al. at 3 GHz (spectral index -0.7)."""
    vectors = pairs.unit_vectors(found.ra, found.dec)
    one, two = cKDTree(vectors).query_pairs(float(pairs.chord(400.0)), output_type="ndarray").T
    apart = pairs.angle(np.linalg.norm(vectors[one] - vectors[two], axis=1))
    near = apart <= 60.0
    if known == "Magliocchetti":
        low, high = np.sort([found.flux[one], found.flux[two]], axis=0)
        near = (apart <= 100.0 * np.sqrt((low + high) / 58.6)) & (high <= 4.0 * low)
    graph = coo_array((np.ones(int(near.sum())), (one[near], two[near])), shape=(found.ra.size,) * 2)
    return connected_components(graph, directed=False)[1]


def share(right: np.ndarray) -> str:
    """A share of truths with its 95 % interval after Wilson (1927)."""
    n, p, z = right.size, float(np.mean(right)) if right.size else np.nan, 1.96
    if not n:
        return "-"
    middle, half = p + z**2 / 2 / n, z * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    return f"{100 * p:.1f} % [{100 * low:.1f} {100 * high:.1f}]"


def whole(found: Sky, numbers: np.ndarray) -> np.ndarray:
    """Which doubles (d) are one source each, nothing of them left out."""
    return np.array([np.unique(numbers[found.double == i]).size == 1 for i in range(found.size.size)])


def flagged(found: Sky, numbers: np.ndarray) -> np.ndarray:
    """Whether a square of 180 arcsec is said to be small, of the doubles above 150 arcsec that are one target."""
    targets = [
        Target(str(i), float(ra), float(dec), flux=float(flux), major=float(major), pa=float(pa))
        for i, (ra, dec, flux, major, pa) in enumerate(
            zip(found.ra, found.dec, found.flux, found.major, found.pa, strict=True)
        )
    ]
    made = grouping.group(targets)
    rows = cautions.annotated([Found(target.id, target.ra, target.dec, size=180.0) for target in made.targets], made)
    said = {member: bool(row.cautions) for row in rows for member in (row.component_ids or "").split(" | ")}
    wide = np.flatnonzero((found.size > 150.0) & whole(found, numbers))
    return np.array([said[str(int(np.flatnonzero(found.double == i)[0]))] for i in wide], bool)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doubles", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the list that is timed")
    arguments = parser.parse_args()
    print("| list | known | doubles that are one row | below 60″ | 60 to 120″ | above 120″ | unrelated joined |")
    print("|---|---|---|---|---|---|---|")
    for dense in (False, True):
        found = sky(np.random.default_rng([arguments.seed, dense]), arguments.doubles, dense)
        alone = found.double < 0
        for known in ("places", "flux", "flux and axes", "Magliocchetti", "60 arcsec"):
            numbers = (other if known in ("Magliocchetti", "60 arcsec") else ours)(found, known)
            right, size = whole(found, numbers), found.size
            parts = (right, right[size < 60], right[(size >= 60) & (size < 120)], right[size >= 120])
            joined = share((np.bincount(numbers)[numbers] > 1)[alone]) if alone.any() else "-"
            name = "among unrelated" if dense else "doubles alone"
            print(f"| {name} | {known} | {' | '.join(map(share, parts))} | {joined} |", flush=True)
            if dense and known == "flux and axes":
                table = [
                    f"{low:g}-{high:g} mJy: {share(right[(found.total >= low) & (found.total < high)])}"
                    for low, high in ((5, 20), (20, 100), (100, 1000))
                ]
            if not dense and known == "flux and axes":
                said = flagged(found, numbers)
    print(f"\namong unrelated, flux and axes, by total flux: {'; '.join(table)}")
    print(f"doubles above 150 arcsec said to reach beyond a square of 180 arcsec: {share(said)}")
    random = np.random.default_rng(1)
    ra, dec = random.uniform(0, 42, arguments.rows), np.degrees(np.arcsin(random.uniform(0, 0.65, arguments.rows)))
    flux = fluxes(random, arguments.rows)
    begun = time.process_time()
    pairs.linked(
        pairs.Components(pairs.unit_vectors(ra, dec), flux, np.full(ra.size, np.nan), np.full(ra.size, np.nan))
    )
    print(f"{arguments.rows:,} rows as dense as VLASS: {time.process_time() - begun:.1f} s of one core")


if __name__ == "__main__":
    main()
