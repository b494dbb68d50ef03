"""Do the flags of a real VLASS catalogue agree with the rule for artefacts near bright components?

    python benchmarks/sidelobe_rule.py [--catalogue ../shared/data/catalogues/vlass_components.csv]

The catalogue is that of CIRADA (Gordon et al. 2021, ApJS 255, 30) in columns: Quality_flag has 1 for a peak below twice
what lies 5 to 10 arcsec around it, 2 for a peak below 5 rms, 4 for a total below the peak. A component is in the zone
of the rule where a component within 255 arcsec is brighter by more than the dynamic range of ``measure.sidelobes`` at
that distance. Beside the zone: components as faint (within a factor of 1.5 of any in it) with no such neighbour. An
artefact is also more frequent than chance: counted are components per area within the zone's distances of bright ones
and in rings farther out. In brackets 95 % intervals (Wilson; Poisson by the chi-square).
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import chi2, fisher_exact

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.source_grouping import share  # noqa: E402
from vlass_explorer.catalogue import pairs  # noqa: E402
from vlass_explorer.measure import sidelobes  # noqa: E402

RINGS = ((5.0, 15.0), (15.0, 60.0), (60.0, 120.0), (120.0, 190.0), (190.0, 255.0), (255.0, 400.0), (400.0, 600.0))
NAMES = {1: "ring brighter than half the peak", 2: "below 5 rms", 4: "total below peak", 7: "any"}


def excess(ratio: np.ndarray, away: np.ndarray, *, quick_look: bool) -> np.ndarray:
    """Ratio of a neighbour's peak to one's own over the dynamic range at its distance."""
    return ratio / sidelobes.dynamic_range(away, quick_look=quick_look)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path("../shared/data/catalogues/vlass_components.csv")
    parser.add_argument("--catalogue", type=Path, default=default)
    with parser.parse_args().catalogue.open() as file:
        rows = [row for row in csv.DictReader(file) if row["Duplicate_flag"] != "2"]
    peak, rms = (np.array([float(row[name]) for row in rows]) for name in ("Peak_flux", "Isl_rms"))
    flag = np.array([int(row["Quality_flag"]) for row in rows])
    vectors = pairs.unit_vectors(*(np.array([float(row[name]) for row in rows]) for name in ("RA", "DEC")))
    one, other = cKDTree(vectors).query_pairs(float(pairs.chord(600.0)), output_type="ndarray").T
    one, other = np.concatenate([one, other]), np.concatenate([other, one])
    away = pairs.angle(np.linalg.norm(vectors[one] - vectors[other], axis=1))
    ratio = peak[other] / peak[one]
    print(
        f"{len(rows)} components, {int((peak > 100).sum())} of them above 100 mJy/beam; noise {np.median(rms):.3f} mJy"
    )
    for name, quick_look in (("Single Epoch", False), ("Quick Look", True)):
        near = away <= sidelobes.REACH
        zone = np.zeros(len(rows), bool)
        zone[one[near & (excess(ratio, away, quick_look=quick_look) > 1.0)]] = True
        alike = ~zone & (peak <= 1.5 * peak[zone].max(initial=0.0))
        print(f"\nRule of {name}: {int(zone.sum())} components in the zone, {int(alike.sum())} as faint beside it")
        for bit, words in NAMES.items():
            bad = (flag & bit) > 0
            table = [[int((is_bad & part).sum()) for is_bad in (bad, ~bad)] for part in (zone, alike)]
            p = fisher_exact(table).pvalue
            print(f"  {words:34} {share(bad[zone]):28} beside it {share(bad[alike]):28} p = {p:.2g}")
    for least in (50.0, 100.0, 200.0):
        bright = peak >= least
        print(f"\nAround {int(bright.sum())} above {least:g} mJy/beam: components below 1/50 of them a square degree")
        for low, high in RINGS:
            these = bright[other] & (away >= low) & (away < high) & (ratio > 50.0)
            area = int(bright.sum()) * np.pi * (high**2 - low**2) / 3600.0**2
            count = int(these.sum())
            ends = chi2.ppf([0.025, 0.975], [2 * count, 2 * count + 2]) / 2 / area
            bad = (flag[one[these]] > 0).mean() if count else np.nan
            level = 1.0 / float(sidelobes.dynamic_range((low * high) ** 0.5, quick_look=True))
            inside = int((these & (excess(ratio, away, quick_look=True) > 1.0)).sum())
            span = f"[{np.nan_to_num(ends[0]):.0f} {ends[1]:.0f}]"
            print(
                f"  {low:3g} to {high:3g}″: {count:4} = {count / area:6.0f} {span}"
                f", flagged {bad:.2f}, in the zone (1/{1 / level:.0f}) {inside}"
            )


if __name__ == "__main__":
    main()
