"""Matching against truth: one sky at VLASS's beam, matched, and made with the larger beam at once.

    python benchmarks/beam_matching.py [--draws 8] [--galaxies 200] [--data-dir ../shared/data] [--json]

First table: radio galaxies on five kinds of pixels, five position angles of the beam (3.0 x 2.2 to 6.4 x 5.4 arcsec), a
blank wedge. Residual over the matched noise, on pixels above 5 rms and elsewhere (1 is the noise alone); largest error
of the noise-free image over its peak; flux kept. Second: the real VLASS source J001357-091951. Third: the share of
simulated galaxies that a FIRST checkpoint gives the same label when VLASS sees them, as it is or matched, as when FIRST
does; with all flux, and without what is resolved out (beyond 58 arcsec, FIRST 120).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import checkpoints, cutouts, match, measure, predict  # noqa: E402
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, SkyGrid, noise, projected, radio_galaxy  # noqa: E402
from vlass_explorer.schema import Beam, Cutout, Origin  # noqa: E402

VLASS, ROUND, FIRST = Beam(3.0, 2.2, 10.0), Beam(5.4, 5.4), Beam(6.4, 5.4, 0.0)
ANGLES = (0.0, 22.0, 45.0, 90.0, 133.0)
SHAPE, RMS = (161, 170), 120e-6
INNER = np.s_[12:-12, 12:-12]  # what lies beyond the border is not known
GRIDS = {
    "as the survey (SIN, 1 arcsec)": ("SIN", 1.0, 0.0),
    "turned by 33 degrees": ("SIN", 1.0, 33.0),
    "turned by -120 degrees, mirrored": ("SIN", 1.0, -120.0),
    "0.8 x 1.1 arcsec, turned by 15": ("SIN", (0.8, 1.1), 15.0),
    "plate carrée at declination 60": ("CAR", 1.0, 0.0),
}
LABELS = ("FRI", "FRII", "Bent", "Compact")
SOURCES = {"native": "as it is", "matched": "matched"}


def bright(parts: Iterable[Component], flux: float) -> tuple[Component, ...]:
    """Components of a total flux of 1 as those of a flux in Jy."""
    return tuple(part.moved(0.0, 0.0, flux) for part in parts)


def grid_of(kind: str) -> SkyGrid:
    projection, pixel, rotation = GRIDS[kind]
    wcs = projected(projection, (150.0, 60.0), pixel, SHAPE, rotation)
    if "mirrored" in kind:
        wcs.wcs.pc = wcs.wcs.get_pc() @ np.diag([-1.0, 1.0])
        wcs.wcs.set()
    return SkyGrid(wcs, SHAPE)


def fidelity(kind: str, draws: int) -> dict[str, float]:
    """Medians over draws and angles, the worst noise-free error and flux."""
    grid = grid_of(kind)
    wedge = np.zeros(SHAPE, bool)
    wedge[:55, :45][np.tril_indices(55, 0, 45)] = True
    rows = []
    for draw in range(draws):
        random = np.random.default_rng(draw)
        parts = bright(radio_galaxy(random, LABELS[draw % 4]).parts, 0.08)
        for angle in ANGLES:
            native, target = Beam(3.0, 2.2, angle), Beam(6.4, 5.4, angle + 40.0)
            seen, truth = Observation(parts, native, grid), Observation(parts, target, grid)
            exact = match.smooth(seen.cutout(), target).pixels
            noisy = np.where(wedge, np.nan, noise(random, grid, native, RMS))
            found = match.smooth(seen.cutout(noisy), target)
            assert found.noise is not None
            residual = (found.pixels - truth.image) / found.noise.rms
            source = (truth.image > 5 * found.noise.rms) & ~wedge
            rows.append(
                {
                    "on the source": float(np.sqrt(np.nanmean(residual[source] ** 2))),
                    "elsewhere": float(np.sqrt(np.nanmean(residual[~source] ** 2))),
                    "error": float(np.abs(exact - truth.image)[INNER].max() / truth.image.max()),
                    "flux": abs(truth.total(exact) / sum(seen.fluxes) - 1.0),
                }
            )
    middle = {key: float(np.median([row[key] for row in rows])) for key in ("on the source", "elsewhere")}
    return middle | {key: max(row[key] for row in rows) for key in ("error", "flux")}


def aperture(cutout: Cutout) -> float:
    """Flux in Jy within 60 arcsec of the centre."""
    assert cutout.pixel_scale is not None
    dy, dx = np.indices(cutout.shape) - (np.array(cutout.shape)[:, None, None] - 1) / 2
    inside = np.hypot(dy * cutout.pixel_scale[0], dx * cutout.pixel_scale[1]) <= 60.0
    return float(cutout.pixels[inside].astype(float).sum() / measure.beam_pixels(cutout))


def real(data: Path) -> list[dict[str, object]]:
    cutout = cutouts.read(next((data / "cutouts" / "vlass").glob("VLASS__3.1.ql*")))
    rows = []
    for name, found in (
        ("as it is", cutout),
        ("5.4 round", match.smooth(cutout, ROUND)),
        ("6.4 x 5.4, PA 0, as FIRST's file", match.smooth(cutout, FIRST)),
        ("5.4 round, pixels of 1.8", match.regrid(match.smooth(cutout, ROUND), 1.8)),
    ):
        assert found.noise is not None
        peak, rms = 1e3 * float(np.nanmax(found.pixels)), 1e6 * found.noise.rms
        rows.append({"beam": name, "peak": peak, "rms": rms, "aperture": 1e3 * aperture(found)})
    return rows


def agreement(name: str, galaxies: int, resolved_out: bool) -> dict[str, float]:
    """Share of galaxies of which native and matched VLASS get the label that FIRST gets, and the share right."""
    card = checkpoints.find(name)
    model = checkpoints.load(card)
    fine, coarse = FlatGrid((240, 240), 1.0), FlatGrid((134, 134), 1.8)
    vlass = Origin("VLASS", "total intensity", 3.0, simulated=True)
    truth, seen = [], {"first": [], "native": [], "matched": []}
    for number in range(galaxies):
        random = np.random.default_rng(number)
        galaxy = radio_galaxy(random)
        parts = bright(galaxy.parts, 0.06)
        scale = (58.0, 120.0) if resolved_out else (None, None)
        native = Observation(parts, VLASS, fine, scale[0]).cutout(noise(random, fine, VLASS, RMS), "vlass", vlass)
        first = Observation(parts, ROUND, coarse, scale[1]).cutout(noise(random, coarse, ROUND, 150e-6), "first")
        truth.append(galaxy.label)
        for key, cutout in (
            ("first", first),
            ("native", native),
            ("matched", match.to_training(native, card.input_spec)),
        ):
            seen[key].append(cutout)
    said = {key: [each.label for each in predict.predict(model, card, list_)] for key, list_ in seen.items()}
    same = {word: float(np.mean(np.array(said[key]) == said["first"])) for key, word in SOURCES.items()}
    right = {f"{key} right": float(np.mean(np.array(each) == truth)) for key, each in said.items()}
    return same | right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--galaxies", type=int, default=200)
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = [card.name for card in checkpoints.listing() if card.input_spec.survey == "FIRST"]
    found = {
        "fidelity": {kind: fidelity(kind, options.draws) for kind in GRIDS},
        "real": real(options.data_dir) if (options.data_dir / "cutouts" / "vlass").is_dir() else [],
        "agreement": {
            f"{name}, {'resolved out' if lost else 'all flux'}": agreement(name, options.galaxies, lost)
            for name in names
            for lost in (False, True)
        },
    }
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print("| pixels | residual on the source | elsewhere | largest error, of the peak | largest error of the flux |")
    print("|---|---|---|---|---|")
    for kind, row in found["fidelity"].items():
        cells = f"{row['on the source']:.2f} | {row['elsewhere']:.2f} | {row['error']:.1e} | {row['flux']:.1e}"
        print(f"| {kind} | {cells} |")
    print("\n| J001357-091951 | peak (mJy/beam) | rms of the whole cutout (µJy/beam) | within 60 arcsec (mJy) |")
    print("|---|---|---|---|")
    for row in found["real"]:
        print(f"| {row['beam']} | {row['peak']:.1f} | {row['rms']:.0f} | {row['aperture']:.1f} |")
    print(
        "\n| same label as FIRST | as it is | matched | right: FIRST | as it is | matched |\n|---|---|---|---|---|---|"
    )
    for name, row in found["agreement"].items():
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in row.values())} |")


if __name__ == "__main__":
    main()
