"""Does the quoted error of a flux cover the truth? Simulated sources of known flux, and sources put into real skies.

    python benchmarks/flux_coverage.py [--draws 2000] [--compared 200] [--real [PATTERN]] [--json FILE]

Beside ``measure``: the sum above 3 rms with rms times the root of the beams (this program before it grew footprints),
and photutils' Kron flux with the error that it gives to white noise. S/N is peak over rms without noise. A cell reads
median of measured over true flux [its 95 % interval] / share of draws whose 1 sigma covers the truth [interval]; 0.68
is right. Draws that lie on one patch of a real sky share its noise: intervals are those of resampled blocks of sky
(``real_skies``), and of resampled draws where each has a sky of its own. At the end of a line stands whether median and
share are as asked: yes; open, where only the interval reaches into the range; no, where not even that does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.real_skies import Draw, Score, described, fields, peak, real_draws, score, verdict  # noqa: E402
from vlass_explorer import measure  # noqa: E402
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise  # noqa: E402
from vlass_explorer.datasets.sky_model.noise import NoiseKind  # noqa: E402
from vlass_explorer.measure.geometry import beam_covariance, to_sky  # noqa: E402
from vlass_explorer.schema import Beam, Cutout  # noqa: E402

BEAMS = {"3.0x2.4": (Beam(3.0, 2.4, 30.0), 1.0, 129), "5.4": (Beam(5.4, 5.4), 1.8, 101)}  # beam, pixel, side
KINDS: tuple[NoiseKind, ...] = ("beam", "convolved")
SHAPES = {
    "point": (Component(1.0, 0.0, 0.0),),
    "6 arcsec": (Component(1.0, 0.0, 0.0, 6.0, 6.0),),
    "12 arcsec": (Component(1.0, 0.0, 0.0, 12.0, 12.0),),
    "double": (Component(1.0, -6.0, 0.0), Component(1.0, 6.0, 0.0)),
}
SNRS = (7, 10, 20, 50, 100)
RMS = 130e-6  # Jy/beam
Method = Callable[[Cutout], tuple[float, float] | None]
REAL = {"FIRST": "first/[0-9]*.fits", "VLASS": "*/VLASS*.fits"}


@dataclass(frozen=True)
class Cell:
    """One kind of source in one kind of noise."""

    beam: str
    kind: NoiseKind
    shape: str
    snr: float

    def draws(self, count: int, seed: int = 0, share: float = 1.0) -> Iterator[Draw]:
        """Cutouts and their true flux in Jy; the source lies anywhere within the central pixel.

        ``share`` of the usual side is quicker, and leaves less sky to measure the noise on.
        """
        beam, pixel, side = BEAMS[self.beam]
        side = 2 * int(side * share / 2) + 1
        random = np.random.default_rng([seed, *self._key()])
        grid = FlatGrid((side, side), pixel)
        for number in range(count):
            parts = self.parts(beam, pixel, random)
            seen = Observation(parts, beam, grid)
            yield Draw(seen.cutout(noise(random, grid, beam, RMS, self.kind)), float(seen.fluxes.sum()), number)

    def parts(self, beam: Beam, pixel: float, random: np.random.Generator) -> tuple[Component, ...]:
        """The source at a peak of ``snr`` times the rms."""
        x, y = random.uniform(-0.5, 0.5, 2) * pixel
        flux = self.snr * RMS / peak(SHAPES[self.shape], beam)
        return tuple(part.moved(x, y, flux) for part in SHAPES[self.shape])

    def _key(self) -> tuple[int, ...]:
        return [*BEAMS].index(self.beam), KINDS.index(self.kind), [*SHAPES].index(self.shape), int(self.snr)


CELLS = tuple(Cell(*values) for values in product(BEAMS, KINDS, SHAPES, SNRS))


def flux_alone(cutout: Cutout) -> tuple[float, float] | None:
    """Flux and statistical error in Jy as ``measure.measure`` gives them, without the sizes."""
    source, area = measure.source_mask(cutout), measure.beam_pixels(cutout)
    matrix = to_sky(cutout, (cutout.shape[0] - 1) / 2, (cutout.shape[1] - 1) / 2)
    if area is None or matrix is None or cutout.beam is None or cutout.noise is None or not source.any():
        return None
    footprint = measure.grow(cutout, source, area)
    image = np.asarray(cutout.pixels[footprint.box], float)
    blank = measure.blank_sky(
        image, footprint.blank, cutout.noise.rms, beam_covariance(cutout.beam, matrix), footprint.mask
    )
    found = measure.integrate(cutout, footprint, blank, area)
    return found.value, found.error


def above_three_rms(cutout: Cutout) -> tuple[float, float] | None:
    """The build before: sum of the detected pixels, rms times the root of the number of beams."""
    source, area = measure.source_mask(cutout), measure.beam_pixels(cutout)
    if area is None or cutout.noise is None or not source.any():
        return None
    error = cutout.noise.rms * np.sqrt(source.sum() / area)
    return float(cutout.pixels[source].sum(dtype=float) / area), float(error)


def kron(cutout: Cutout) -> tuple[float, float] | None:
    """photutils: Kron fluxes of the segments that hold the source, threshold 3 rms, error of white noise."""
    from photutils.segmentation import SourceCatalog, detect_sources

    area, rms = measure.beam_pixels(cutout), cutout.noise.rms if cutout.noise else 0.0
    image = cutout.pixels.astype(float)
    segments = detect_sources(image, 3.0 * rms, n_pixels=3)
    source = measure.source_mask(cutout)
    if area is None or segments is None or not source.any():
        return None
    catalogue = SourceCatalog(image, segments, error=np.full(image.shape, rms))
    held = np.isin(catalogue.labels, np.unique(segments.data[source]))
    total = float(np.nansum(np.asarray(catalogue.kron_flux)[held]))
    error = float(np.sqrt(np.nansum(np.asarray(catalogue.kron_flux_err)[held] ** 2)))
    return total / area, error / area


OTHERS = {"above 3 rms": above_three_rms, "photutils Kron": kron}
KEYS = ("noise", "shape", "snr")


def asked(snr: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges that the median and the share covered must keep; errors of bright sources may be too wide."""
    within = 0.05 if snr < 10 else 0.03
    return (1.0 - within, 1.0 + within), (0.64, 0.73 if snr <= 20 else 1.0)


def scored(draws: Iterator[Draw], method: Method) -> Score:
    """Score of a method over draws."""
    ratios, covered, blocks, none = [], [], [], 0
    for cutout, true, block in draws:
        found = method(cutout)
        if found is None:
            none += 1
        else:
            ratios.append(found[0] / true)
            covered.append(abs(found[0] - true) <= found[1])
            blocks.append(block)
    return score(ratios, covered, blocks, none)


def forced_draws(cell: Cell, count: int) -> Score:
    """S/N 5 by forced photometry at the known place and size of every component."""
    beam, pixel, side = BEAMS[cell.beam]
    random, grid = np.random.default_rng(5), FlatGrid((side, side), pixel)
    ratios, covered = [], []
    for _ in range(count):
        parts = replace(cell, snr=5).parts(beam, pixel, random)
        cutout = Observation(parts, beam, grid).cutout(noise(random, grid, beam, RMS, cell.kind))
        middle = (side - 1) / 2
        found = measure.forced(
            cutout, [(middle + part.y / pixel, middle + part.x / pixel, part.major) for part in parts]
        )
        assert found is not None
        true = sum(part.flux for part in parts)
        ratios.append(found.values.sum() / true)
        covered.append(abs(found.values.sum() - true) <= np.sqrt(found.covariance.sum()))
    return score(ratios, covered, range(count))


def row(cell: Cell, draws: int, compared: int = 0, share: float = 1.0) -> dict:
    """One line of the table; ``measure`` by its flux alone, which is what ``measure.measure`` gives."""
    columns = {"measure": scored(cell.draws(draws, share=share), flux_alone)}
    columns |= {name: scored(cell.draws(compared), method) for name, method in OTHERS.items() if compared}
    return {"noise": f"{cell.beam} {cell.kind}", "shape": cell.shape, "snr": cell.snr, **columns}


def forced_row(cell: Cell, draws: int, compared: int) -> dict:
    """The line of S/N 5, by forced photometry at the known place and size."""
    columns = {"measure.forced": forced_draws(cell, draws)}
    return {"noise": f"{cell.beam} {cell.kind}", "shape": cell.shape, "snr": 5, **columns}


def real_paths(survey: str) -> list[Path]:
    """The images of a survey."""
    data = Path(os.environ.get("VLASS_EXPLORER_DATA", "../shared/data")) / "cutouts"
    return sorted(data.glob(REAL[survey]))


def real_row(setting: tuple[str, str, int], draws: int, compared: int) -> dict:
    """One line of sources put into real skies."""
    survey, shape, snr = setting
    methods = {
        "measure": (draws, flux_alone),
        **{name: (compared, other) for name, other in OTHERS.items() if compared},
    }
    paths, parts = real_paths(survey), SHAPES[shape]
    columns = {name: scored(real_draws(paths, parts, snr, n), method) for name, (n, method) in methods.items()}
    return {"noise": f"real {survey}", "shape": shape, "snr": snr, **columns}


def line(entry: dict) -> str:
    """A row in words: the scores of every method, and whether those of ``measure`` are as asked."""
    scores = {name: value for name, value in entry.items() if name not in KEYS}
    parts = ["{noise:18} {shape:10} S/N {snr:3}".format(**entry)]
    for name, (median, covered, _, medians, shares, _) in scores.items():
        shown = "{:.3f} [{:.3f} {:.3f}] / {:.3f} [{:.3f} {:.3f}]".format(median, *medians, covered, *shares)
        parts.append(f"{name} {shown}")
    ours, (range_of_median, range_of_share) = next(iter(scores.values())), asked(entry["snr"])
    parts.append("median " + verdict(ours.median, ours.medians, range_of_median))
    parts.append("share " + verdict(ours.covered, ours.shares, range_of_share))
    return "   ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200, help="draws a cell (the published table has 2000)")
    parser.add_argument("--compared", type=int, default=100, help="draws a cell of the other two methods")
    parser.add_argument(
        "--real",
        nargs="?",
        const="",
        help="real FIRST and VLASS skies instead, or the one whose file name this matches",
    )
    parser.add_argument("--shape", choices=SHAPES, help="this kind of source alone, in real skies")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.real is not None:
        if arguments.real:
            REAL.clear()  # before the processes are forked
            REAL[arguments.real] = f"*/{arguments.real}"
        work = [
            (real_row, setting) for setting in product(REAL, [arguments.shape] if arguments.shape else SHAPES, SNRS)
        ]
        for survey in REAL:
            print(survey, *described(fields(real_paths(survey))), sep="\n  ", flush=True)
    else:
        forced = [cell for cell in CELLS if cell.snr == SNRS[0]]
        work = [(row, cell) for cell in CELLS] + [(forced_row, cell) for cell in forced]
    rows = []
    with ProcessPoolExecutor(arguments.jobs, initializer=warnings.filterwarnings, initargs=("ignore",)) as pool:
        futures = [pool.submit(task, cell, arguments.draws, arguments.compared) for task, cell in work]
        for future in futures:
            rows.append(future.result())
            print(line(rows[-1]), flush=True)
    if arguments.json:
        plain = [{key: value if key in KEYS else value._asdict() for key, value in entry.items()} for entry in rows]
        arguments.json.write_text(json.dumps(plain, indent=1))


if __name__ == "__main__":
    main()
