"""A wider beam against closed forms, and the preview that pages show against what training makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vlass_explorer.augment import Draw, augment, beam_noise, pipeline, preview
from vlass_explorer.datasets import DataSet, Item
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.learning.images import TrainingImages
from vlass_explorer.preprocess import to_tensor
from vlass_explorer.schema import Cutout, InputSpec, Noise, RunConfig, Window

BEAM = 6.0 / 1.5 / np.sqrt(8 * np.log(2))  # standard deviation in pixels


def fixed(monkeypatch: pytest.MonkeyPatch, blur: float) -> None:
    """Every sample gets this beam and nothing else."""
    one = Draw(0.0, (1, 1), (0.0, 0.0), 1.0, 0.0, 0.0, np.random.default_rng(0), blur)
    monkeypatch.setattr(pipeline, "draw", lambda *_: one)


def gaussian(sigma: float, peak: float = 1.0, side: int = 81) -> torch.Tensor:
    y, x = np.indices((side, side)) - side // 2
    return torch.from_numpy((peak * np.exp(-(x**2 + y**2) / (2 * sigma**2))).astype(np.float32))[None, None]


@pytest.mark.parametrize("stretch", ["linear", "sqrt", "asinh"])
def test_a_wider_beam_keeps_the_peak_of_a_point_and_lifts_what_is_extended(
    stretch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed forms: a point source is the beam, a source of size s becomes w² s0² / (s0² + (w² - 1) beam²) as high."""
    spec = InputSpec(stretch=stretch, beam_arcsec=(6.0, 6.0), pixel_scale_arcsec=1.5, softening=3.0)
    fixed(monkeypatch, blur=1.4)
    window, rms = Window(0, 81, 0, 81), 1e-4

    def seen(sky: torch.Tensor) -> torch.Tensor:
        stretched = {"linear": sky, "sqrt": sky.sqrt(), "asinh": torch.asinh(sky / (3 * rms))}[stretch]
        known = [None] if stretch == "sqrt" else [rms]
        found = augment(stretched, window, spec, RunConfig(blur=1.0), epoch=0, indices=[0], rms=known)
        return {
            "linear": found,
            "sqrt": found.square(),
            "asinh": torch.sinh(found) * 3 * rms * 1.4,
        }[stretch]

    torch.testing.assert_close(seen(gaussian(BEAM)), gaussian(1.4 * BEAM), atol=0.01, rtol=0)
    wide, extra = 6.0, 0.96 * BEAM**2
    peak = 1.96 * wide**2 / (wide**2 + extra)
    torch.testing.assert_close(seen(gaussian(wide)), gaussian(np.sqrt(wide**2 + extra), peak), atol=0.02, rtol=0)


def test_a_wider_beam_raises_the_noise_by_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = InputSpec(stretch="linear", beam_arcsec=(6.0, 6.0), pixel_scale_arcsec=1.5)
    field = torch.from_numpy(beam_noise(np.random.default_rng(3), (400, 400), BEAM**2 * np.eye(2)))[None, None]
    fixed(monkeypatch, blur=1.5)
    found = augment(field, Window(0, 400, 0, 400), spec, RunConfig(blur=1.0), epoch=0, indices=[0], rms=[1.0])
    assert float(found[..., 20:-20, 20:-20].std()) == pytest.approx(1.5, rel=0.04)


def test_a_wider_beam_clips_at_the_new_noise_and_leaves_no_data_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = InputSpec(stretch="first_png", beam_arcsec=(6.0, 6.0), pixel_scale_arcsec=1.5)
    fixed(monkeypatch, blur=1.4)
    rms = 0.02
    clipped = (gaussian(BEAM) - 3 * rms).clamp_min(0)
    clipped[..., 60:, :] = torch.nan
    window = Window(0, 81, 0, 81)
    found = augment(clipped, window, spec, RunConfig(blur=1.0), epoch=0, indices=[0], rms=[rms])
    expected = (gaussian(1.4 * BEAM) - 3 * 1.4 * rms).clamp_min(0)
    assert torch.isnan(found[..., 60:, :]).all() and not torch.isnan(found[..., :60, :]).any()
    assert float((found - expected)[..., :60, :].abs().max()) < 0.08  # the wings below the old clip are gone
    assert float(found[..., 40, 40]) == pytest.approx(1 - 4.2 * rms, abs=0.04)


def test_preview_is_what_training_makes() -> None:
    pixels = np.random.default_rng(2).normal(0, 1e-4, (120, 130)).astype(np.float32)
    pixels[50:60, 60:64] += 0.02
    cutout = Cutout("a", pixels, unit="Jy/beam", noise=Noise(1e-4, "mad", pixels.size))
    spec = InputSpec(
        stretch="asinh",
        img_size=32,
        field_of_view_pixels=60,
        beam_arcsec=(3.0, 2.5),
        pixel_scale_arcsec=1.0,
        mean=(0.2,),
        std=(0.5,),
    )
    config = RunConfig(seed=3, noise=0.5, blur=0.5, rotate_probability=0.7)
    found = preview(cutout, spec, config, 6, index=4)
    data_set = DataSet("t", (Item("a", 0, lambda: cutout),) * 5, ("x",))
    images = TrainingImages(data_set, [4], spec, config, stretched(data_set, spec, config))
    for epoch in range(6):
        expected, _ = images.augmented(torch.tensor([0]), epoch)
        assert torch.equal(found[epoch], expected[0])
    assert found[0].shape == (1, 32, 32) and not torch.equal(found[0], found[1])
    assert not torch.equal(preview(cutout, spec, config, 1, seed=9)[0], preview(cutout, spec, config, 1)[0])
    still = RunConfig(rotate=False, flip=0.0, shift=0.0, zoom=0.0)
    assert torch.equal(preview(cutout, spec, still, 1)[0], to_tensor(cutout, spec)[0])
