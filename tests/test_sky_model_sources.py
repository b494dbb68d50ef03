"""Jets, lobes, filaments and radio galaxies: fluxes that add up, smooth chains, sizes as FIRST shows them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from vlass_explorer import measure
from vlass_explorer.datasets.sky_model import (
    FlatGrid,
    Observation,
    filament,
    jet,
    lobe,
    noise,
    observe,
    placed,
    radio_galaxies,
    radio_galaxy,
)
from vlass_explorer.schema import Beam

BEAM = Beam(5.4, 5.4)


def test_a_jet_carries_its_flux_and_fades_as_it_says() -> None:
    """Flux per length along a straight jet to the north, column sums of the image against the exponential."""
    parts = jet(6.0, [(0.0, -50.0), (0.0, 50.0)], (3.0, 3.0), 0.5)
    assert sum(part.flux for part in parts) == pytest.approx(6.0) and {part.part for part in parts} == {"jet"}
    assert (parts[0].y, parts[-1].y) == pytest.approx((-50.0, 50.0))
    profile = observe(parts, Beam(1.5, 1.5), FlatGrid((201, 101), 1.0)).sum(axis=1)[70:131]  # away from its ends
    slope = np.polyfit(np.arange(61.0), np.log(profile), 1)
    assert slope[0] == pytest.approx(-1 / 50.0, rel=0.01)
    assert np.abs(np.log(profile) - np.polyval(slope, np.arange(61.0))).max() < 0.01  # smooth, no beads


def test_a_jet_widens_along_its_curve() -> None:
    parts = jet(1.0, [(0.0, 0.0), (20.0, 0.0), (20.0, 30.0)], (1.0, 9.0), 1e9)
    assert (parts[0].major, parts[-1].major) == pytest.approx((1.0, 9.0))
    assert (parts[-1].x, parts[-1].y) == pytest.approx((20.0, 30.0))
    widths = np.array([part.major for part in parts])
    steps = np.hypot(np.diff([part.x for part in parts]), np.diff([part.y for part in parts]))
    assert (steps < 0.75 * (widths[1:] + widths[:-1]) / 2).all() and (np.diff(widths) > 0).all()


def test_a_lobe_ends_in_its_hotspot() -> None:
    body, spot = lobe(4.0, (0.0, 30.0), 10.0, 0.0, 0.25)
    assert (body.flux, spot.flux) == (3.0, 1.0)
    assert (body.x, body.y) == pytest.approx((0.0, 25.0)) and (spot.x, spot.y) == (0.0, 30.0)
    west = lobe(4.0, (30.0, 0.0), 10.0, 270.0, 0.25)[0]
    assert (west.x, west.y) == pytest.approx((25.0, 0.0))


def test_a_filament_has_its_flux_and_follows_from_its_seed() -> None:
    curve = [(-40.0, 0.0), (0.0, 35.0), (40.0, 0.0)]
    one, same = (filament(np.random.default_rng(4), 2.5, curve, 4.0) for _ in range(2))
    assert one == same and sum(part.flux for part in one) == pytest.approx(2.5)
    assert max(part.y for part in one) == pytest.approx(17.5, abs=0.5)  # a Bézier curve reaches half its control point


@pytest.mark.parametrize("label", radio_galaxies.SIZES)
def test_sizes_are_those_that_first_shows(label: str) -> None:
    """Largest angular size above 3 rms in FIRST-like images at S/N 30 to 1000, against the labelled set's median."""
    random, grid, found = np.random.default_rng(11), FlatGrid((200, 200), 1.8), []
    for _ in range(60):
        source = radio_galaxy(random, label)
        assert sum(part.flux for part in source.parts) == pytest.approx(1.0)
        peak = observe(source.parts, BEAM, grid).max()
        flux = 1.5e-4 * 30 * (1000 / 30) ** random.random() / peak
        seen = Observation(tuple(placed(source.parts, flux)), BEAM, grid)
        found.append(measure.measure(seen.cutout(noise(random, grid, BEAM, 1.5e-4))).angular_size or 0.0)
    low, middle, high = radio_galaxies.SIZES[label]
    assert np.median(found) == pytest.approx(middle, rel=0.25)
    assert low * 0.7 < np.percentile(found, 5) and np.percentile(found, 95) < high * 1.3


def test_the_mix_is_that_of_the_labelled_set() -> None:
    random = np.random.default_rng(5)
    drawn = Counter(radio_galaxy(random).label for _ in range(600))
    for label, count in radio_galaxies.COUNTS.items():
        assert drawn[label] / 600 == pytest.approx(count / 1758, abs=0.06)
    one, same = (radio_galaxy(np.random.default_rng(6), "Bent", 60.0) for _ in range(2))
    assert one == same and one.extent == pytest.approx(radio_galaxies.extent(one.parts)) == pytest.approx(60.0)


def test_drawn_sizes_have_the_quantiles_of_the_table() -> None:
    random = np.random.default_rng(7)
    sizes = [radio_galaxies.drawn_size(random, "FRII") for _ in range(5000)]
    assert np.percentile(sizes, [5, 50, 95]) == pytest.approx([20.0, 40.0, 109.0], rel=0.06)
