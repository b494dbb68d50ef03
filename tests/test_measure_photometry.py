"""Fluxes over a footprint: coverage of known truth in simulated and real noise, sums against photutils, bowls."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from photutils.aperture import ApertureStats, EllipticalAperture

from benchmarks import flux_coverage
from benchmarks.real_skies import Score, real_draws
from vlass_explorer import measure
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise
from vlass_explorer.schema import Beam, Cutout, Noise

BEAM, GRID, RMS = Beam(3.0, 2.4, 30.0), FlatGrid((129, 129), 1.0), 130e-6
DRAWS = 200
FEWER = 100
"""For the table of all cells, which ``benchmarks/flux_coverage.py`` makes of ten times as many."""
SNRS = {"beam": (7, 100), "convolved": (10, 50)}
"""Of the cells that are drawn: each S/N of the table, with either kind of noise where it is faint."""
CELLS = [cell for cell in flux_coverage.CELLS if cell.snr in SNRS[cell.kind]]
ROWS = [list(cells) for _, cells in groupby(CELLS, key=lambda cell: (cell.beam, cell.kind, cell.shape))]


def seen(*parts: Component, rms: float = RMS, seed: int = 0, largest_scale: float | None = None) -> Cutout:
    sky = Observation(parts, BEAM, GRID, largest_scale)
    return sky.cutout(noise(np.random.default_rng(seed), GRID, BEAM, rms))


@pytest.fixture(scope="module")
def coverage() -> dict[flux_coverage.Cell, Score]:
    """Score of each cell, on smaller fields than those of the published table."""
    task = partial(flux_coverage.row, draws=FEWER, share=0.75)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        rows = pool.map(task, CELLS, chunksize=3)
        return {cell: row["measure"] for cell, row in zip(CELLS, rows, strict=True)}


@pytest.mark.timeout(900)  # the first one waits for all cells: half a minute of two idle cores
@pytest.mark.parametrize("cells", ROWS, ids=lambda cells: f"{cells[0].beam}-{cells[0].kind}-{cells[0].shape}")
def test_the_quoted_error_covers_the_truth(
    cells: list[flux_coverage.Cell], coverage: dict[flux_coverage.Cell, Score]
) -> None:
    """Bounds are those that 2,000 draws a cell keep, and three standard errors of a median and a share of FEWER."""
    for cell in cells:
        median, covered, none, *_ = coverage[cell]
        within = 0.05 if cell.snr < 10 else 0.03
        assert abs(median - 1.0) < within + 3 * 1.25 * 1.4 / cell.snr / np.sqrt(FEWER), cell
        scatter = 3 * np.sqrt(0.68 * 0.32 / FEWER)
        assert 0.64 - scatter < covered < (0.73 if cell.snr <= 20 else 0.88) + scatter, cell
        assert none < (0.15 if cell.snr < 10 else 0.01) * FEWER, cell


@pytest.mark.parametrize("survey", ["FIRST", "VLASS"])
def test_sources_put_into_real_skies_are_covered_too(data_dir: Path, survey: str) -> None:
    paths = sorted((data_dir / "cutouts").glob(flux_coverage.REAL[survey]))
    shares = []
    for shape, snr in (("point", 10), ("6 arcsec", 20), ("12 arcsec", 10), ("double", 20)):
        draws = real_draws(paths, flux_coverage.SHAPES[shape], snr, 100)
        median, covered, *_ = flux_coverage.scored(draws, flux_coverage.flux_alone)
        assert abs(median - 1.0) < 0.03 + 3 * 1.25 * 1.4 / snr / 10.0
        shares.append(covered)
    assert 0.60 < np.mean(shares) < 0.78


@pytest.mark.parametrize("shape", list(flux_coverage.SHAPES))
def test_forced_photometry_at_the_known_place_needs_no_detection(shape: str) -> None:
    cell = flux_coverage.Cell("3.0x2.4", "beam", shape, 7)
    found = flux_coverage.forced_draws(cell, DRAWS)
    assert found.median == pytest.approx(1.0, abs=0.06)
    assert 0.58 < found.covered < 0.78


def test_sums_are_those_of_photutils_and_closed_forms() -> None:
    parts = (Component(5e-3, 0.0, 0.0, 14.0, 8.0, 40.0), Component(1e-3, 3.0, -2.0))
    cutout = seen(*parts, rms=0.0)
    cutout = replace(cutout, noise=measure.noise(seen(rms=RMS).pixels))
    area = measure.beam_pixels(cutout)
    assert area is not None
    footprint = measure.grow(cutout, measure.source_mask(cutout), area)
    image = cutout.pixels[footprint.box].astype(float)
    blank = measure.blank_sky(image, footprint.blank, RMS, np.eye(2))
    found = measure.integrate(cutout, footprint, blank, area)
    ny, nx = image.shape
    everything = EllipticalAperture((nx / 2, ny / 2), 2 * nx, 2 * ny)
    with np.errstate(all="ignore"):
        reference = ApertureStats(image, everything, mask=~footprint.mask, sum_method="center")
    assert found.raw == pytest.approx(float(reference.sum) / area, rel=1e-6)
    whole = replace(footprint, mask=np.ones_like(footprint.mask), share=1.0)
    assert measure.integrate(cutout, whole, blank, area).raw == pytest.approx(6e-3, rel=1e-6)


def test_noise_that_shows_in_the_sum_is_not_gathered() -> None:
    """An offset alike for all pixels moves the footprint, but leaves the median; that of a beam's size does not."""
    cutout = seen(Component(13e-4, 0.0, 0.0))
    area = measure.beam_pixels(cutout)
    assert area is not None
    footprint = measure.grow(cutout, measure.source_mask(cutout), area)
    lags = np.indices((257, 257)) - 128
    offset = measure.Blank(np.full((257, 257), RMS**2), 1e3, measured=True)
    beam = measure.Blank(RMS**2 * np.exp(-4.0 * np.log(2.0) * (lags**2).sum(axis=0) / 7.2), 1e3, measured=True)
    still, moved = (measure.integrate(cutout, footprint, blank, area) for blank in (offset, beam))
    assert still.value * footprint.share == pytest.approx(still.raw, rel=1e-9)
    assert 0.01 < 1.0 - moved.value * footprint.share / moved.raw < 0.06  # some 3 % of a point at S/N 10


@pytest.mark.parametrize("beam", list(flux_coverage.BEAMS))
def test_a_footprint_holds_the_share_that_it_claims(beam: str) -> None:
    """Gaussians round and long without noise on grids of 1.8 to 3 pixels a beam."""
    seen_by, pixel, side = flux_coverage.BEAMS[beam]
    grid = FlatGrid((side, side), pixel)
    for axes in ((6.0, 6.0), (12.0, 12.0), (18.0, 6.0)):
        for snr in (7.0, 10.0, 20.0):
            part = Component(1.0, 0.3, -0.4, *axes, 30.0)
            sky = Observation((part,), seen_by, grid)
            cutout = sky.cutout(np.zeros(grid.shape))
            rms = float(cutout.pixels.max()) / snr
            cutout = replace(cutout, noise=Noise(rms=rms, method="known", pixels=1))
            area = measure.beam_pixels(cutout)
            assert area is not None
            found = measure.grow(cutout, measure.source_mask(cutout), area)
            held = cutout.pixels[found.box][found.mask].sum(dtype=float) / area
            # By the nominal growth, not by the pixels reached, 4 % of the round ones would be missing.
            assert held == pytest.approx(found.share, rel=0.012 if axes[0] == axes[1] else 0.025)


def test_a_bowl_is_said_and_only_subtracted_when_asked_for() -> None:
    deep = seen(Component(0.08, 0.0, 0.0, 20.0, 20.0), largest_scale=58.0)
    found = measure.measure(deep)
    assert found.bowl is not None and found.bowl < -0.3 * RMS
    assert any("negative bowl" in note for note in found.notes)
    local = measure.measure(deep, local_background=True)
    assert found.flux < local.flux < 0.08  # type: ignore[operator]
    assert not measure.measure(seen(Component(0.08, 0.0, 0.0, 6.0, 6.0))).notes


def test_a_sky_above_zero_is_said_with_what_it_adds_to_the_flux() -> None:
    cutout = seen(Component(0.02, 0.0, 0.0, 6.0, 6.0))
    plain = measure.measure(cutout)
    high = replace(cutout, pixels=cutout.pixels + np.float32(1.3 * RMS))
    found = measure.measure(high)
    words = next(note for note in found.notes if "above zero" in note)
    assert float(words.split("lies ")[1].split(" rms")[0]) == pytest.approx(1.3, abs=0.15)
    held = float(words.split(": ")[1].split(" mJy")[0]) * 1e-3
    assert held == pytest.approx(found.bowl * found.flux_beams, rel=0.01)  # type: ignore[operator]
    local = measure.measure(high, local_background=True)
    assert local.flux == pytest.approx(plain.flux, abs=3 * plain.flux_error)  # type: ignore[operator]
    assert not any("above zero" in note for note in (*plain.notes, *local.notes))


def test_blanked_pixels_and_the_edge_are_counted_and_said() -> None:
    cutout = seen(Component(5e-3, 0.0, 0.0, 6.0, 6.0))
    pixels = cutout.pixels.copy()
    pixels[64:, 66:] = np.nan
    found = measure.measure(replace(cutout, pixels=pixels))
    assert found.blanked > 10 and "hold no data" in found.notes[0]
    assert found.flux < 5e-3 - found.flux_error  # type: ignore[operator]
    edge = measure.measure(replace(cutout, pixels=cutout.pixels[:68].copy()))
    assert edge.at_edge and any("edge of the image" in note for note in edge.notes)


def test_a_brighter_neighbour_stays_out() -> None:
    alone = measure.measure(seen(Component(2e-3, 0.0, 0.0)))
    beside = measure.measure(seen(Component(2e-3, 0.0, 0.0), Component(0.2, 40.0, 0.0)))
    assert beside.flux == pytest.approx(alone.flux, rel=0.02)


@pytest.mark.parametrize("missing", ["beam", "wcs", "noise", "unit"])
def test_no_forced_flux_without_what_it_needs(missing: str) -> None:
    assert measure.forced(replace(seen(), **{missing: None}), [(64.0, 64.0, 0.0)]) is None


def test_neighbours_fitted_together_do_not_take_each_others_flux() -> None:
    cutout = seen(Component(2e-3, -1.5, 0.0), Component(1e-3, 1.5, 0.0), rms=1e-6)
    both = measure.forced(cutout, [(64.0, 62.5, 0.0), (64.0, 65.5, 0.0)])
    alone = measure.forced(cutout, [(64.0, 62.5, 0.0)])
    assert both is not None and alone is not None
    assert both.values == pytest.approx([2e-3, 1e-3], rel=0.01)
    assert alone.values[0] > 2.05e-3


def test_a_place_without_data_has_no_flux() -> None:
    cutout = seen(Component(2e-3, 0.0, 0.0))
    pixels = cutout.pixels.copy()
    pixels[60:69, 60:69] = np.nan
    assert measure.forced(replace(cutout, pixels=pixels), [(64.0, 64.0, 0.0)]) is None


def test_the_benchmark_measures_what_the_program_gives() -> None:
    cutout = seen(Component(5e-3, 0.0, 0.0, 6.0, 6.0))
    found = measure.measure(cutout)
    assert flux_coverage.flux_alone(cutout) == pytest.approx((found.flux, found.flux_error), rel=1e-9)
