"""Flux scales: what is published for a survey, product and VLASS epoch, and how it shows beside a flux."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vlass_explorer import measure
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise
from vlass_explorer.schema import Beam, Origin


@pytest.mark.parametrize(
    ("origin", "uncertainty", "low_by"),
    [
        (Origin("VLASS", quick_look=True, vlass_epoch="1.1"), 0.10, 0.15),
        (Origin("VLASS", quick_look=True, vlass_epoch="1.2"), 0.10, 0.15),
        (Origin("VLASS", quick_look=True, vlass_epoch="2.1"), 0.15, None),
        (Origin("VLASS", quick_look=False, vlass_epoch="2.2"), 0.03, None),
        (Origin("FIRST"), 0.05, None),
        (Origin("NVSS"), 0.03, None),
        (Origin("LoTSS"), 0.10, None),
    ],
)
def test_every_scale_names_its_source(origin: Origin, uncertainty: float, low_by: float | None) -> None:
    scale = measure.flux_scale(origin)
    assert scale is not None and scale.uncertainty == uncertainty and "(" in scale.source
    assert scale.measured_over_true == (None if low_by is None else pytest.approx(1.0 - low_by))


@pytest.mark.parametrize(
    "origin", [Origin(), Origin("WISE"), Origin("VLASS"), Origin("VLASS", quick_look=True, simulated=True)]
)
def test_nothing_is_said_where_nothing_is_known(origin: Origin) -> None:
    assert measure.flux_scale(origin) is None


def test_the_corrected_flux_stands_beside_the_measured_one_and_only_above_its_limit() -> None:
    grid, beam, rms = FlatGrid((101, 101), 1.0), Beam(3.0, 2.4, 0.0), 130e-6
    for flux, corrected in ((20e-3, True), (2.5e-3, False)):
        sky = Observation((Component(flux, 0.0, 0.0),), beam, grid)
        cutout = sky.cutout(noise(np.random.default_rng(4), grid, beam, rms))
        origin = Origin("VLASS", "total intensity", 3.0, "1.1", quick_look=True)
        found = measure.measure(replace(cutout, origin=origin))
        assert found.flux == pytest.approx(flux, abs=4 * found.flux_error)  # type: ignore[operator]
        assert found.flux_scale_error == pytest.approx(0.10 * found.flux)  # type: ignore[operator]
        if corrected:
            assert found.flux_corrected == pytest.approx(found.flux / 0.85)  # type: ignore[operator]
        else:
            assert found.flux_corrected is None
        assert "Gordon et al. 2021" in found.flux_scale_source  # type: ignore[operator]
