"""The caution of a faint source beside a bright one: levels and distances, other surveys, validity, a real field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlass_explorer import cutouts, measure, validity
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise
from vlass_explorer.schema import Beam, Cutout, InputSpec, Origin

GRID, BEAM, RMS = FlatGrid((361, 361), 1.0), Beam(2.9, 2.3, 20.0), 130e-6
NOISE = noise(np.random.default_rng(2), GRID, BEAM, RMS)
QUICK = Origin("VLASS", "total intensity", 3.0, quick_look=True)


def field(peak: float, neighbour: float, away: float, origin: Origin = QUICK) -> Cutout:
    """A point of ``peak`` (Jy) at the centre of six arcmin and one of ``neighbour`` to its east."""
    parts = (Component(peak, 0.0, 0.0), Component(neighbour, -away, 0.0))
    return Observation(parts, BEAM, GRID).cutout(NOISE, origin=origin)


@pytest.mark.parametrize(
    ("times", "away", "quick_look", "is_said"),
    [
        (60, 30.0, True, False),  # the dynamic range is 73 there
        (90, 30.0, True, True),
        (90, 30.0, False, False),
        (180, 30.0, False, True),
        (170, 150.0, True, False),
        (230, 150.0, True, True),
        (230, 150.0, False, False),
    ],
)
def test_what_is_said_follows_the_dynamic_range(times: float, away: float, quick_look: bool, is_said: bool) -> None:
    cutout = field(2e-3, 2e-3 * times, away, replace(QUICK, quick_look=quick_look))
    told = measure.sidelobe_caution(cutout)
    assert (told is not None) == is_said
    if told is not None:
        assert f"lies {away:.0f}″ away" in told and ("Quick Look" in told) == quick_look


def test_it_is_a_caution_though_the_neighbour_lies_outside_of_what_the_model_sees() -> None:
    spec = InputSpec(
        survey="VLASS", frequency_ghz=3.0, beam_arcsec=(2.6, 2.6), pixel_scale_arcsec=1.0, field_of_view=180
    )
    found = validity.check(field(2e-3, 0.6, 150.0), spec)
    assert found.level == "caution" and any("so this may be one" in reason for reason in found.reasons)
    assert validity.check(field(2e-3, 0.1, 150.0), spec).level == "ok"


def test_other_images_and_nothing_to_compare() -> None:
    bright = field(2e-3, 0.6, 60.0)
    assert measure.sidelobe_caution(bright)
    for origin in (Origin("FIRST"), Origin(), replace(QUICK, simulated=True)):
        assert measure.sidelobe_caution(replace(bright, origin=origin)) is None
    assert measure.sidelobe_caution(replace(bright, unit=None)) is None
    assert measure.sidelobe_caution(replace(bright, noise=None)) is None
    assert measure.sidelobe_caution(field(1e-9, 0.6, 150.0)) is None  # no source at the centre
    pixels = bright.pixels.copy()
    pixels[:100] = np.nan
    assert measure.sidelobe_caution(replace(bright, pixels=pixels)) == measure.sidelobe_caution(bright)
    # The brightest source itself, and its own parts within the linking length, are no neighbours.
    assert measure.sidelobe_caution(field(0.6, 2e-3, 60.0)) is None
    assert measure.sidelobe_caution(field(2e-3, 0.6, 12.0)) is None


def test_a_real_quick_look_image_of_a_bright_source_has_none(data_dir: Path) -> None:
    (path,) = (data_dir / "cutouts" / "vlass").glob("VLASS*.fits")
    assert measure.sidelobe_caution(cutouts.read(path)) is None
