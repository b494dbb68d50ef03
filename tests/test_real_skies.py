"""Scores over few patches of sky: draws of one patch count once, intervals cover, the image's own sources stay out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import flux_coverage, real_skies
from tests.fits_bytes import primary
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise
from vlass_explorer.schema import Beam

BEAM = Beam(3.0, 2.5, 10.0)


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


def test_draws_of_one_patch_of_sky_count_once() -> None:
    random = np.random.default_rng(3)
    ratios, covered = random.normal(1.0, 0.1, 30), random.random(30) < 0.68
    once = real_skies.score(ratios, covered, range(30))
    copies = [np.repeat(values, 40) for values in (ratios, covered, np.arange(30))]
    often = real_skies.score(*copies)
    assert often.blocks == 30 and often.covered == once.covered
    assert often.shares == once.shares and width(often.medians) == pytest.approx(width(once.medians), rel=0.3)
    independent = real_skies.score(copies[0], copies[1], range(1200))
    assert width(independent.shares) == pytest.approx(width(once.shares) / np.sqrt(40), rel=0.2)


def test_an_interval_covers_the_truth_where_draws_of_a_block_share_their_noise() -> None:
    random, held = np.random.default_rng(4), []
    for _ in range(60):
        shared = np.repeat(random.normal(size=40), 5)
        noise_of_draws = 0.9 * shared + np.sqrt(0.19) * random.normal(size=200)
        found = real_skies.score(1.0 + 0.1 * noise_of_draws, abs(noise_of_draws) < 1.0, np.repeat(np.arange(40), 5))
        held += [found.medians[0] <= 1.0 <= found.medians[1], found.shares[0] <= 0.6827 <= found.shares[1]]
    assert 0.88 < np.mean(held) < 1.0


@pytest.mark.parametrize(
    ("value", "interval", "asked", "expected"),
    [
        (0.98, (0.90, 1.00), (0.97, 1.03), "yes"),
        (0.965, (0.953, 0.976), (0.97, 1.03), "open"),
        (0.965, (0.961, 0.969), (0.97, 1.03), "no"),
        (0.76, (0.74, 0.79), (0.64, 0.73), "no"),
        (0.76, (0.64, 0.86), (0.64, 0.73), "open"),
    ],
)
def test_only_an_interval_outside_of_what_is_asked_says_no(
    value: float, interval: tuple[float, float], asked: tuple[float, float], expected: str
) -> None:
    assert real_skies.verdict(value, interval, asked) == expected


def test_a_source_linked_with_one_of_the_image_is_left_out(tmp_path: Path) -> None:
    grid = FlatGrid((161, 181), 1.0)
    own = Observation((Component(0.05, -50.0, 0.0),), BEAM, grid)
    pixels = own.image + noise(np.random.default_rng(5), grid, BEAM, 1e-4)
    path = tmp_path / "field.fits"
    path.write_bytes(primary(pixels.astype(np.float32), CRPIX1=91.0, CRPIX2=81.0))
    (field,) = real_skies.fields([path])
    assert field.taken[80, 40] and not field.taken[60:101, 75:121].all()
    (*_, together) = real_skies.described([field, field])
    assert f"{2 * len(field.places):,} square arcsec" in together and together.endswith("in 4 blocks")
    draws = list(real_skies.real_draws([path], flux_coverage.SHAPES["12 arcsec"], 50, 80))
    assert 20 < len(draws) < 80
    ratios = [found[0] / draw.true for draw in draws if (found := flux_coverage.flux_alone(draw.cutout))]
    assert len(ratios) == len(draws) and np.abs(np.array(ratios) - 1.0).max() < 0.2
    assert {draw.block for draw in draws} <= {1, 1001}  # rows 60 to 101 and columns up to 120, of 1 arcsec


def test_a_line_says_figures_intervals_and_whether_they_are_as_asked() -> None:
    found = real_skies.Score(0.965, 0.64, 0, (0.953, 0.976), (0.61, 0.67), 500)
    said = flux_coverage.line({"noise": "real FIRST", "shape": "6 arcsec", "snr": 10, "measure": found})
    assert "0.965 [0.953 0.976] / 0.640 [0.610 0.670]" in said
    assert said.endswith("median open   share yes")
