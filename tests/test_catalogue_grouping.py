"""Components to sources: doubles, cores, chance pairs, poles and 0 h, against astropy; lists of every odd kind."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from vlass_explorer.catalogue import cautions, grouping, pairs
from vlass_explorer.measure import sidelobes
from vlass_explorer.schema import ArchiveError, Found, Target

CENTRES = [(150.0, 30.0), (0.0, 0.0), (359.9999, -25.0), (77.0, 89.995), (200.0, -89.999), (12.0, 90.0)]


def component(centre: tuple[float, float], pa: float, away: float, flux: float | None = 10.0, name: str = "") -> Target:
    """A component ``away`` arcsec from a place, by astropy."""
    place = SkyCoord(*centre, unit="deg").directional_offset_by(pa * u.deg, away * u.arcsec)
    return Target(name or f"{pa:g}-{away:g}", float(place.ra.deg), float(place.dec.deg), flux=flux)


def double(centre: tuple[float, float], size: float, pa: float = 40.0, ratio: float = 2.0) -> list[Target]:
    return [component(centre, pa, size / 2, 10.0, "a"), component(centre, pa + 180, size / 2, 10.0 * ratio, "b")]


def separation(target: Target, place: SkyCoord) -> float:
    return float(SkyCoord(target.ra, target.dec, unit="deg").separation(place).arcsec)


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("size", [15.0, 90.0, 240.0])
def test_a_double_is_one_row_in_its_middle_anywhere_on_the_sky(centre: tuple[float, float], size: float) -> None:
    made = grouping.group(double(centre, size))
    (target,) = made.targets
    assert separation(target, SkyCoord(*centre, unit="deg")) < 0.01
    source = made.sources["b"]  # the brighter one gives its name
    assert (source.members, source.placed) == (("a", "b"), "middle")
    assert source.extent == pytest.approx(size, rel=1e-6) and source.offset == pytest.approx(size / 2, rel=1e-6)
    assert made.sentence.startswith("2 of the 2 positions are parts of 1 source, by distances and fluxes")


def test_a_core_between_the_lobes_is_where_the_source_is() -> None:
    centre = (10.0, 5.0)
    core = replace(component(centre, 0.0, 2.0, 0.7, "core"), major=0.0, pa=0.0)
    first, second = double(centre, 100.0)
    made = grouping.group([first, replace(second, major=6.0), core, replace(core, id="far", ra=12.0)])
    assert [target.id for target in made.targets] == ["core", "far"]
    source = made.sources["core"]
    assert (made.targets[0].position, source.placed, source.offset) == (core.position, "core", 0.0)
    assert source.members == ("a", "b", "core") and source.extent == pytest.approx(103.0, abs=0.1)
    assert source.gap == pytest.approx(51.5, abs=0.3)


def unrelated(count: int, seed: int = 0) -> list[Target]:
    """Components at random, as dense as VLASS's catalogue, fluxes of a power law."""
    random = np.random.default_rng(seed)
    side = math.sqrt(count / 56.0)
    ra, dec = 100.0 + random.uniform(-side, side, (2, count)) / 2
    return [
        Target(str(i), float(ra[i]), float(dec[i] - 100.0), flux=float(1 + random.pareto(0.9))) for i in range(count)
    ]


def test_unrelated_components_are_rarely_joined_and_bright_doubles_among_them_are() -> None:
    alone = unrelated(4000)
    made = grouping.group(alone)
    joined = sum(len(source.members) for source in made.sources.values() if len(source.members) > 1)
    assert joined / len(alone) <= 0.02
    bright = [replace(one, flux=300.0, id=f"double {one.id}") for one in double((100.0, 0.0), 100.0, 70.0)]
    with_double = grouping.group([*alone, *bright])
    assert any(set(source.members) >= {"double a", "double b"} for source in with_double.sources.values())
    # What a list of faint ones holds at this distance is chance.
    faint = [replace(one, flux=1.5) for one in bright]
    far = grouping.group([*alone, *faint])
    assert not any(set(source.members) >= {"double a", "double b"} for source in far.sources.values())
    # Cones of five arcmin around targets are as crowded inside as the whole catalogue, though empty around.
    cones = [
        replace(one, id=f"{i} {one.id}", ra=one.ra + 3.0 * i)
        for i in range(100)
        for one in alone
        if math.hypot(one.ra - 97.0 - 0.7 * (i % 10), one.dec + 3.0 - 0.7 * (i // 10)) < 300.0 / 3600.0
    ]
    made = grouping.group(cones)
    assert len(cones) > 100
    assert sum(len(s.members) for s in made.sources.values() if len(s.members) > 1) <= 0.1 * len(cones)


def test_alignment_and_flux_ratio_decide() -> None:
    alone = unrelated(4000, 3)
    lobes = [replace(one, flux=8.0, major=5.0, pa=70.0) for one in double((100.0, 0.0), 90.0, 70.0)]
    along = grouping.group([*alone, *lobes])
    across = grouping.group([*alone, *(replace(one, pa=160.0) for one in lobes)])
    assert along.has_axes and "axes" in along.sentence
    assert any(set(s.members) >= {"a", "b"} for s in along.sources.values())
    assert not any(set(s.members) >= {"a", "b"} for s in across.sources.values())
    assert len(grouping.group(double((5.0, 5.0), 60.0, ratio=9.0)).targets) == 1
    assert len(grouping.group(double((5.0, 5.0), 60.0, ratio=11.0)).targets) == 2


def test_position_angles_are_those_of_astropy() -> None:
    random = np.random.default_rng(0)
    ra, dec = random.uniform(0, 360, 50), random.uniform(-89, 89, 50)
    here, there = SkyCoord(ra, dec, unit="deg"), SkyCoord(ra + 0.01, dec + 0.01, unit="deg")
    found = pairs.position_angle(pairs.unit_vectors(ra, dec), pairs.unit_vectors(ra + 0.01, dec + 0.01))
    expected = here.position_angle(there).deg
    assert np.abs((found - expected + 180) % 360 - 180).max() < 0.2  # along the chord, not the great circle
    apart = pairs.angle(np.linalg.norm(pairs.unit_vectors(ra, dec) - pairs.unit_vectors(ra + 0.01, dec + 0.01), axis=1))
    assert apart == pytest.approx(here.separation(there).arcsec, rel=1e-9)


def test_odd_lists() -> None:
    nothing = Target("nowhere", error="The row has no position.")
    assert grouping.group([]).targets == ()
    one = Target("one", 10.0, 20.0, "FRI")
    made = grouping.group([nothing, one])
    assert made.targets == (nothing, one) and made.sources["one"].placed == "asked" and "nowhere" not in made.sources
    assert "gives no flux" in made.sentence
    twice = grouping.group([one, replace(one, id="two", label="FRII"), nothing])
    assert [target.id for target in twice.targets] == ["one", "nowhere"] and twice.targets[0].label == ""
    assert twice.sources["one"].extent == twice.sources["one"].gap == 0.0
    assert twice.sources["one"].notes == (
        "1 of the 2 positions of this source are there twice.",
        "The positions of this source have different labels: FRI, FRII.",
    )
    random = np.random.default_rng(1)
    fifty = [
        component((10.0, 20.0), float(random.uniform(0, 360)), float(random.uniform(0, 60)), 5.0, str(i))
        for i in range(50)
    ]
    made = grouping.group(fifty)
    assert len(made.targets) == 1 and len(next(iter(made.sources.values())).members) == 50
    assert "50 positions are one source" in next(iter(made.sources.values())).notes[0]
    many = [replace(one, id=str(i)) for i in range(8000)]
    with pytest.raises(ArchiveError, match="too crowded"):
        grouping.group(many)


def test_what_a_square_does_not_show_is_said() -> None:
    def said(size: float, square: float = 180.0) -> str:
        made = grouping.group(double((30.0, -10.0), size))
        row = Found(made.targets[0].id, *made.targets[0].position, size=square)
        (told,) = cautions.annotated([row], made)
        assert (told.components, told.component_ids, told.placed_on) == (2, "a | b", "middle")
        return " ".join(told.cautions)

    assert said(20.0) == ""
    assert "more than the 22 arcsec" in said(100.0) and "may lie outside" not in said(100.0)
    assert "reaches 76 arcsec from its place and the square 90 arcsec" in said(152.0)
    assert "may lie outside" not in said(152.0, 300.0)
    assert "No part of the source lies within 60 arcsec" in said(152.0)


def test_a_faint_row_beside_a_bright_one_may_be_an_artefact() -> None:
    centre = (50.0, 40.0)
    bright = replace(component(centre, 0.0, 0.0, 500.0, "bright"), peak=400.0)
    rows = [bright]
    for name, away, peak in (("near", 12.0, 6.0), ("nearer", 12.0, 9.0), ("far", 190.0, 1.5), ("away", 260.0, 0.1)):
        one = component(centre, 90.0 if "near" in name else 30.0, away, peak, name)
        rows.append(replace(one, peak=peak))
    found = [Found(one.id, one.ra, one.dec, survey="VLASS", kind="Quick Look") for one in rows]
    told = {row.id: row.cautions for row in cautions.near_bright(found, rows)}
    assert {name for name, said in told.items() if said} == {"near", "far"}
    assert told["near"][0].startswith("A source 67 times as bright lies 12 arcsec away: VLASS Quick Look")
    single = [replace(row, kind="Single Epoch") for row in found]
    assert not any(row.cautions for row in cautions.near_bright(single, rows) if row.id == "near")
    assert not any(row.cautions for row in cautions.near_bright([replace(r, survey="FIRST") for r in found], rows))
    # One source with the bright one: nothing to compare it with.
    made = grouping.group(rows)
    assert "near" in made.sources[made.targets[0].id].members
    told = {row.id: row.cautions for row in cautions.near_bright(found, rows, made)}
    assert not told[made.targets[0].id]
    assert not any(
        row.cautions for row in cautions.near_bright(found, [replace(r, peak=None, flux=None) for r in rows])
    )


def test_the_dynamic_range_is_that_of_the_survey_guide() -> None:
    found = sidelobes.dynamic_range([1.0, 15.0, 53.4, 190.0, 1000.0], quick_look=False)
    assert found == pytest.approx([100.0, 100.0, 200.0, 400.0, 400.0], rel=0.01)
    assert sidelobes.dynamic_range(15.0, quick_look=True) == pytest.approx(50.0)
