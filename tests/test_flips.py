"""When a label flips: models that are a formula flip where it says, and added noise is what it claims to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vlass_explorer import flips, measure, predict, preprocess, progress
from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, SkyGrid, noise, projected
from vlass_explorer.flips import plans
from vlass_explorer.measure.geometry import sky_covariance, to_sky
from vlass_explorer.schema import Beam, Checkpoint, Cutout, InputError, InputSpec, Origin

BEAM, RMS = Beam(6.0, 4.0, 30.0), 1e-4
SPEC = InputSpec(stretch="linear", normalisation="none", img_size=91, field_of_view=91.0, survey="VLASS")
ORIGIN = Origin("VLASS", "total intensity", 3.0)


class Formula(nn.Module):
    """Two classes: the first where ``is_first`` of the images (B, 1, S, S) holds."""

    def __init__(self, is_first: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.is_first = is_first
        self.asked = 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += len(x)
        answer = self.is_first(x[:, 0]).double()
        return torch.stack([2.0 * answer, 2.0 * (1.0 - answer)], dim=-1)


def card(spec: InputSpec = SPEC) -> Checkpoint:
    return Checkpoint("formula", Path(), "none", "classification", ("A", "B"), spec)


def sky(flux: float = 0.05, beam: Beam = BEAM, rms: float = RMS, rotation: float = 0.0) -> Cutout:
    grid = SkyGrid(projected("SIN", (150.0, 40.0), 1.0, (241, 241), rotation), (241, 241))
    parts = (Component(flux, 0.0, 0.0),)
    return Observation(parts, beam, grid).cutout(noise(np.random.default_rng(5), grid, beam, rms), "a", ORIGIN)


def asked(is_first: Callable[[Tensor], Tensor], kind: str, cutout: Cutout | None = None, **how: object) -> flips.Curve:
    found = flips.measure(Formula(is_first), card(), cutout or sky(), kinds=[kind], **how)  # type: ignore[arg-type]
    return found.curves[kind]


def test_noise_is_as_strong_as_its_level_says_and_has_the_beam_of_the_image() -> None:
    cutout = sky(rotation=35.0)
    rms = cutout.noise.rms
    made = list(plans.noise(cutout, SPEC, 6, 0).cutouts)
    assert len(made) == 1 + 6 * 10 and made[0][2].pixels == pytest.approx(plans.middle(cutout, SPEC).pixels)
    for index, level in enumerate(plans.NOISE):
        again = [measure.noise(changed.pixels).rms for found, _, changed in made if found == index]
        assert np.mean(again) / rms == pytest.approx(level, rel=0.05)
        assert {changed.noise.rms for found, _, changed in made if found == index} == {level * rms}
    added = np.stack([changed.pixels - made[0][2].pixels for index, _, changed in made if index == 10])
    assert added.std() / rms == pytest.approx(np.sqrt(99.0), rel=0.05)
    # The autocorrelation of the noise is the beam, here at lags along its axes on an image turned by 35 degrees.
    for angle, width in ((30.0, 6.0), (120.0, 4.0)):
        turned = np.radians(angle + 35.0)
        dx, dy = np.rint(3.0 * np.array([-np.sin(turned), np.cos(turned)])).astype(int)
        one = added[:, 8:-8, 8:-8]
        other = np.roll(added, (-dy, -dx), (1, 2))[:, 8:-8, 8:-8]
        step = sky_covariance(BEAM.major, BEAM.minor, BEAM.pa)
        matrix = to_sky(cutout, 120, 120)
        lag = matrix @ np.array([dx, dy])
        expected = float(np.exp(-0.5 * lag @ np.linalg.inv(step) @ lag))
        assert (one * other).mean() / (one**2).mean() == pytest.approx(expected, abs=0.05), (angle, width)


def test_the_label_flips_at_the_noise_that_a_formula_says() -> None:
    cutout = sky(rms=RMS)
    corner = np.s_[:, :30, :30]
    curve = asked(lambda x: x[corner].flatten(1).std(dim=1) < 3.6 * cutout.noise.rms, "noise", cutout)
    assert curve.levels[curve.flips] == 4.0 and curve.other == "B"
    assert curve.kept[0] == 1.0 and curve.kept[-1] == 0.0
    assert curve.amount(4.0) == 4.0 * cutout.noise.rms and curve.amount_unit == "Jy/beam"
    assert curve.sentence.startswith("B instead of A from 4 times the noise (")
    assert curve.mean.shape == (11, 2) and np.isfinite(curve.mean).all() and np.isfinite(curve.band).all()
    peak = float(np.nanmax(cutout.pixels))
    assert curve.limit is None and peak > 50 * cutout.noise.rms


def test_noise_that_hides_the_source_is_told() -> None:
    cutout = sky(flux=20 * RMS)
    curve = asked(lambda x: x[:, :30, :30].flatten(1).std(dim=1) < 7 * cutout.noise.rms, "noise", cutout)
    assert curve.limit == pytest.approx(4.0, abs=0.4) and curve.is_hidden
    assert "where the source is below 5 rms" in curve.sentence


def test_the_label_flips_at_the_beam_and_the_distance_that_a_formula_says() -> None:
    # A point's peak stays, its area above half of the peak grows with the beam: 4 times at twice the beam.
    area = float((sky().pixels > 0.5 * sky().pixels.max()).sum())
    curve = asked(lambda x: (x > 0.5 * x.amax((1, 2), keepdim=True)).flatten(1).sum(1) < 3.5 * area, "smoothing")
    assert curve.levels[curve.flips] == 2.0 and curve.amount(2.0) == pytest.approx(12.0)
    assert "2 times the beam (12″×8.0″)" in curve.sentence

    def is_near(x: Tensor) -> Tensor:
        place = x.flatten(1).argmax(dim=1)
        return torch.hypot(place // 91 - 45.0, place % 91 - 45.0) < 6.0

    curve = asked(is_near, "shift")
    assert curve.levels[curve.flips] == pytest.approx(8.0) and curve.unit == "arcsec"
    assert curve.wavers == curve.flips and "from 8″ off centre" in curve.sentence


def test_turns_go_both_ways_about_the_centre() -> None:
    parts = (Component(0.05, 0.0, 0.0), Component(0.02, 20.0, 0.0))
    grid = FlatGrid((241, 241), 1.0)
    cutout = Observation(parts, Beam(4.0, 4.0), grid).cutout(name="b", origin=ORIGIN)
    cutout = replace(cutout, noise=sky().noise)
    made = {(index, draw): changed for index, draw, changed in plans.rotation(cutout, SPEC, 0, 0).cutouts}
    assert len(made) == plans.rotation(cutout, SPEC, 0, 0).count == 48
    for (index, draw), changed in made.items():
        angle, (mirror, sense) = np.radians(plans.TURNS[index]), plans.WAYS[draw]
        ny, nx = changed.shape
        side = -1.0 if mirror else 1.0  # the second component lies to the west, which is to the right
        x, y = 20.0 * side * np.cos(sense * angle), 20.0 * side * np.sin(sense * angle)
        seen = changed.pixels[round((ny - 1) / 2 + y), round((nx - 1) / 2 + x)]
        assert seen == pytest.approx(cutout.pixels[120, 140], rel=0.06), (index, draw)


def test_the_first_level_is_the_cutout_as_it_is_and_a_seed_gives_the_same() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    spec = replace(SPEC, stretch="sqrt", normalisation="crop", img_size=32)
    cutout = sky(0.01)
    shares: list[float] = []
    with progress.watch(shares.append):
        one = flips.measure(model.eval(), card(spec), cutout, draws=2)
    two, three = (flips.measure(model, card(spec), cutout, kinds=["noise"], draws=2, seed=seed) for seed in (0, 1))
    (native,) = predict.predict(model, card(spec), [cutout])
    for curve in one.curves.values():
        np.testing.assert_allclose(curve.scores[0, 0], native.probabilities, atol=1e-6)
    noisy = [found.curves["noise"].scores for found in (one, two, three)]
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2], equal_nan=True)
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 4
    assert set(one.record()["curves"]) == {"noise", "smoothing", "shift", "rotation"} and len(one.sentences) == 4


def test_what_a_cutout_does_not_support_is_off_with_the_reason() -> None:
    pixels = np.maximum(sky().pixels - 5e-4, 0.0)
    picture = Cutout("p", pixels, unit="count", kind="image", noise=measure.noise(pixels))
    model = Formula(lambda x: torch.ones(len(x)))
    found = flips.measure(model, card(), picture)
    assert set(found.off) == {"noise", "smoothing"} and "cut away" in found.off["noise"]
    assert "its beam is not known" in found.off["smoothing"]
    assert found.curves["shift"].unit == "pixels" and "pixels off centre" in found.curves["shift"].sentence
    with pytest.raises(InputError, match="A label that means nothing cannot flip. This is a noise"):
        flips.measure(model, card(), replace(sky(), origin=replace(ORIGIN, product="rms")))


@pytest.mark.parametrize("stretch", ["sqrt", "asinh_peak"])
def test_only_what_decides_the_input_is_changed(stretch: str) -> None:
    spec = replace(SPEC, stretch=stretch, normalisation="crop", img_size=32, field_of_view=60.0)
    cutout = sky()
    small = plans.middle(cutout, spec)
    assert (small.shape == cutout.shape) is (stretch == "asinh_peak")
    torch.testing.assert_close(preprocess.to_tensor(small, spec), preprocess.to_tensor(cutout, spec))
    ny, nx = small.shape
    centre = small.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
    assert centre.separation(cutout.wcs.pixel_to_world(120, 120)).arcsec < 1e-6
