"""Augmentation: exact where nothing moves, right where it does, the same draw whatever the batch, and no leaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate
from scipy.stats import binom

from vlass_explorer.augment import Draw, augment, beam_noise, draw, pipeline, reach, within
from vlass_explorer.preprocess import crop
from vlass_explorer.schema import ConfigError, InputSpec, RunConfig, Window

OFF = RunConfig(rotate=False, flip=0.0, shift=0.0, zoom=0.0)
SPEC = InputSpec(stretch="sqrt", beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
WINDOW = Window(20, 60, 18, 58)


def fields(count: int, shape: tuple[int, int] = (80, 76)) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((count, 1, *shape), dtype=np.float32))


def smooth(shape: tuple[int, int] = (81, 81)) -> torch.Tensor:
    """An off-centre blob and a fainter one: no symmetry, and smooth enough to interpolate."""
    y, x = np.indices(shape) - np.array(shape).reshape(2, 1, 1) / 2
    image = np.exp(-((x - 9) ** 2 + (y - 4) ** 2) / 40) + 0.4 * np.exp(-((x + 7) ** 2 + (y + 12) ** 2) / 60)
    return torch.from_numpy(image.astype(np.float32))[None, None]


def fixed(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    """Every sample gets this draw."""
    still = {"angle": 0.0, "mirror": (1, 1), "shift": (0.0, 0.0), "zoom": 1.0, "noise": 0.0, "reclip": 0.0}
    one = Draw(**(still | values), generator=np.random.default_rng(0))
    monkeypatch.setattr(pipeline, "draw", lambda *_: one)


@pytest.mark.parametrize("window", [WINDOW, Window(-5, 45, 50, 100)])
def test_nothing_to_do_is_the_exact_crop(window: Window) -> None:
    images = fields(5)
    images[1, 0, 30:33, 55:60] = torch.nan
    found = augment(images, window, SPEC, OFF, epoch=2, indices=range(5))
    expected = np.stack([crop(image[0].numpy(), window) for image in images])[:, None]
    assert np.array_equal(found.numpy(), expected, equal_nan=True)


def test_quarter_turn_and_mirrors_are_those_of_the_array(monkeypatch: pytest.MonkeyPatch) -> None:
    images = fields(2)
    cut = images[..., 20:60, 18:58]
    fixed(monkeypatch, angle=np.pi / 2)
    assert torch.allclose(augment(images, WINDOW, SPEC, OFF, epoch=0, indices=[0, 1]), cut.rot90(1, (2, 3)), atol=1e-4)
    fixed(monkeypatch, mirror=(-1, 1))
    assert torch.allclose(augment(images, WINDOW, SPEC, OFF, epoch=0, indices=[0, 1]), cut.flip(2), atol=1e-4)
    fixed(monkeypatch, mirror=(1, -1))
    assert torch.allclose(augment(images, WINDOW, SPEC, OFF, epoch=0, indices=[0, 1]), cut.flip(3), atol=1e-4)


def test_whole_pixel_shift_moves_the_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    images = fields(1)
    fixed(monkeypatch, shift=(3.0, -5.0))
    found = augment(images, WINDOW, SPEC, OFF, epoch=0, indices=[0])
    assert torch.allclose(found, images[..., 23:63, 13:53], atol=1e-4)


def test_any_angle_matches_a_spline_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    image = smooth()
    fixed(monkeypatch, angle=np.radians(33.0))
    found = augment(image, Window(10, 71, 10, 71), SPEC, OFF, epoch=0, indices=[0])[0, 0].numpy()
    spline = rotate(image[0, 0].numpy(), 33.0, reshape=False, order=3)[10:71, 10:71]
    known = np.isfinite(found)
    assert known.mean() > 0.9  # the corners turn out of the image
    assert np.abs(found - spline)[known].max() < 0.02
    assert np.abs(found - image[0, 0, 10:71, 10:71].numpy())[known].max() > 0.3


def test_zoom_above_one_enlarges_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = np.indices((81, 81)) - 40
    image = torch.from_numpy(np.exp(-(x**2 + y**2) / 50).astype(np.float32))[None, None]
    fixed(monkeypatch, zoom=1.2)
    found = augment(image, Window(10, 71, 10, 71), SPEC, OFF, epoch=0, indices=[0])
    assert float(found.sum() / image[..., 10:71, 10:71].sum()) == pytest.approx(1.44, rel=0.01)


def test_rotation_acts_on_the_sky_where_pixels_are_not_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that is round on the sky, on pixels half as wide as high, stays round at any angle."""
    y, x = np.indices((60, 120)) - np.array([29.5, 59.5]).reshape(2, 1, 1)
    image = torch.from_numpy(np.exp(-((x / 2) ** 2 + y**2) / 40).astype(np.float32))[None, None]
    window = Window(10, 50, 20, 100)
    fixed(monkeypatch, angle=np.radians(50.0))
    found = augment(image, window, SPEC, OFF, epoch=0, indices=[0])
    assert torch.allclose(found, image[..., 10:50, 20:100], atol=0.01)


def test_a_draw_depends_on_seed_epoch_and_sample_alone() -> None:
    config, images = RunConfig(noise=0.5, reclip=0.5), fields(9)
    images[3, 0, 35:40, 30:36] = torch.nan
    more = {"spec": SPEC, "config": config, "epoch": 4, "window": WINDOW}
    whole = augment(images, indices=range(100, 109), rms=[0.02] * 9, **more).nan_to_num(9)
    order = torch.tensor([8, 3, 5, 0, 1, 2, 7, 6, 4])
    mixed = augment(images[order], indices=(100 + order).tolist(), rms=[0.02] * 9, **more).nan_to_num(9)
    assert torch.equal(mixed, whole[order])
    alone = augment(images[3:4], indices=[103], rms=[0.02], **more).nan_to_num(9)
    assert torch.equal(alone, whole[3:4])
    for other in (RunConfig(seed=1), RunConfig()):
        epoch = 4 if other.seed else 5
        changed = augment(images[:1], WINDOW, SPEC, other, epoch=epoch, indices=[100])
        assert not torch.allclose(changed, whole[:1], atol=0.05)


def test_switching_one_option_off_leaves_the_others() -> None:
    for index in range(50):
        one, other = draw(RunConfig(), 0, index), draw(RunConfig(flip=0.0, zoom=0.0), 0, index)
        assert (one.angle, one.shift) == (other.angle, other.shift)
        assert other.mirror == (1, 1) and other.zoom == 1
        blurred = draw(RunConfig(blur=1.0), 0, index)
        assert (blurred.angle, blurred.mirror, blurred.zoom) == (one.angle, one.mirror, one.zoom)
        assert 1 < blurred.blur <= 1.5


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("option", ["flip", "noise", "reclip", "blur", "rotate_probability", "move_probability"])
def test_a_probability_means_what_it_says(option: str, chance: float) -> None:
    draws = [draw(RunConfig(**{option: chance}), 0, index) for index in range(4000)]
    hits = {
        "flip": sum(d.mirror != (1, 1) for d in draws),
        "noise": sum(d.noise > 0 for d in draws),
        "reclip": sum(d.reclip > 0 for d in draws),
        "blur": sum(d.blur > 1 for d in draws),
        "rotate_probability": sum(d.angle > 0 for d in draws),
        "move_probability": sum(d.shift != (0, 0) and d.zoom != 1 for d in draws),
    }[option]
    low, high = binom.interval(1 - 1e-6, 4000, chance) if 0 < chance < 1 else (4000 * chance,) * 2
    assert low <= hits <= high


def test_draws_fill_their_ranges() -> None:
    draws = [draw(RunConfig(shift=3.0, zoom=0.25), 1, index) for index in range(4000)]
    angles = np.array([d.angle for d in draws])
    assert np.histogram(angles, bins=8, range=(0, 2 * np.pi))[0] == pytest.approx(500, abs=110)
    for values, low, high in (
        ([s for d in draws for s in d.shift], -3.0, 3.0),
        ([d.zoom for d in draws], 0.8, 1.25),
    ):
        assert low <= min(values) < low + 0.02 and high - 0.02 < max(values) <= high
    mirrors = [d.mirror for d in draws]
    assert mirrors.count((-1, 1)) == pytest.approx(1000, abs=140) == mirrors.count((1, -1))


def test_no_data_does_not_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    images = fields(1)
    images[0, 0, 30:50, 30:50] = torch.nan
    fixed(monkeypatch, angle=np.radians(45.0))
    found = augment(images, WINDOW, SPEC, OFF, epoch=0, indices=[0])
    holes = torch.isnan(found)
    assert int(holes.sum()) == pytest.approx(400, abs=25)  # the area of the hole, whatever its angle
    full = augment(fields(1), WINDOW, SPEC, OFF, epoch=0, indices=[0])
    assert not torch.isnan(full).any()
    assert found[~holes].max() <= 1 and found[~holes].min() >= 0


def test_sky_outside_the_image_is_no_data() -> None:
    images = torch.ones(1, 1, 40, 40)
    found = augment(images, Window(-10, 50, -10, 50), SPEC, RunConfig(flip=0.0), epoch=0, indices=[0])
    assert torch.isnan(found).any()
    assert found[~torch.isnan(found)].numpy() == pytest.approx(1.0, abs=1e-5)  # edges are not dimmed by the outside


def test_reach_holds_all_that_a_draw_can_bring_in() -> None:
    config = RunConfig(shift=3.0, zoom=0.2)
    images, window = fields(1, (300, 300)).expand(40, -1, -1, -1), Window(100, 200, 90, 190)
    outer = reach(window, config)
    small = images[..., outer.y0 : outer.y1, outer.x0 : outer.x1]
    assert small.shape[-1] < 200
    whole = augment(images, window, SPEC, config, epoch=0, indices=range(40))
    cut = augment(small, within(window, outer), SPEC, config, epoch=0, indices=range(40))
    assert torch.allclose(cut, whole, atol=1e-3)


def test_noise_is_added_in_units_of_the_rms_and_beam_correlated(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = InputSpec(stretch="linear", beam_arcsec=(6.0, 5.0), pixel_scale_arcsec=1.8)
    fixed(monkeypatch, noise=0.7)
    images = torch.zeros(1, 1, 256, 256)
    window, config = Window(0, 256, 0, 256), RunConfig(noise=1.0)
    field = augment(images, window, spec, config, epoch=0, indices=[0], rms=[2e-4])[0, 0].numpy()
    assert field.std() == pytest.approx(1.4e-4, rel=0.05)
    beam = np.sqrt(30.0) / 1.8 / np.sqrt(8 * np.log(2))
    neighbour = np.corrcoef(field[:, :-1].ravel(), field[:, 1:].ravel())[0, 1]
    assert neighbour == pytest.approx(np.exp(-1 / (4 * beam**2)), abs=0.02)


@pytest.mark.parametrize("stretch", ["sqrt", "first_png"])
def test_noise_on_a_clipped_image_leaves_its_empty_sky(stretch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = InputSpec(stretch=stretch, beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
    fixed(monkeypatch, noise=1.0)
    images = torch.zeros(1, 1, 200, 200)
    images[..., 20:180, 20:180] = 0.1
    found = augment(images, Window(0, 200, 0, 200), spec, RunConfig(noise=1.0), epoch=0, indices=[0], rms=[1e-3])
    assert (found[images == 0] == 0).all()
    level = found[images > 0].square() if stretch == "sqrt" else found[images > 0]
    before = 0.01 if stretch == "sqrt" else 0.1
    assert float(level.mean()) == pytest.approx(before - 3 * (np.sqrt(2) - 1) * 1e-3, abs=1e-4)
    assert float(level.std()) == pytest.approx(1e-3, rel=0.1)


def test_noise_survives_the_asinh_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = InputSpec(stretch="asinh", beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
    fixed(monkeypatch, noise=1.0)
    images, window = torch.zeros(1, 1, 128, 128), Window(0, 128, 0, 128)
    found = augment(images, window, spec, RunConfig(noise=1.0), epoch=0, indices=[0], rms=[1e-3])
    assert float((torch.sinh(found) * 3e-3).std()) == pytest.approx(1e-3, rel=0.1)


@pytest.mark.parametrize("stretch", ["sqrt", "first_png"])
def test_reclip_is_what_a_shallower_image_would_show(stretch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, sky = InputSpec(stretch=stretch), torch.rand(1, 1, 32, 32)
    images = sky.sqrt() if stretch == "sqrt" else sky
    fixed(monkeypatch, reclip=0.25)
    found = augment(images, Window(0, 32, 0, 32), spec, RunConfig(reclip=1.0), epoch=0, indices=[0])
    expected = (sky - 0.25 * sky.max()).clamp_min(0)
    assert torch.allclose(found, expected.sqrt() if stretch == "sqrt" else expected, atol=1e-3)


@pytest.mark.parametrize(
    ("stretch", "options", "rms", "reason"),
    [
        ("zscale", {"blur": 0.5}, [1.0], "blur works with the stretches"),
        ("zscale", {"noise": 0.5}, [1.0], "noise works with the stretches"),
        ("asinh", {"reclip": 0.5}, [1.0], "reclip works with the stretches"),
        ("sqrt", {"noise": 0.5}, [None], "use reclip instead"),
        ("sqrt", {"noise": 0.5}, None, "use reclip instead"),
    ],
)
def test_options_that_do_not_apply_are_refused(
    stretch: str, options: dict[str, float], rms: list[float | None] | None, reason: str
) -> None:
    spec = InputSpec(stretch=stretch, beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
    with pytest.raises(ConfigError, match=reason):
        augment(fields(1), WINDOW, spec, RunConfig(**options), epoch=0, indices=[0], rms=rms)


def test_beam_noise_has_the_beam_as_its_shape() -> None:
    covariance = np.array([[4.0, 1.5], [1.5, 2.0]])
    field = beam_noise(np.random.default_rng(1), (600, 500), covariance).astype(np.float64)
    assert field.std() == pytest.approx(1.0, rel=0.03)
    spectrum = np.abs(np.fft.fft2(field)) ** 2
    correlation = np.fft.ifft2(spectrum).real / field.size
    for dy, dx in ((0, 1), (0, 3), (2, 0), (1, 2), (-1, 2)):
        lag = np.array([dx, dy])
        assert correlation[dy, dx] == pytest.approx(np.exp(-0.25 * lag @ np.linalg.inv(covariance) @ lag), abs=0.05)
    edges = np.corrcoef(field[:, 0], field[:, -1])[0, 1]
    assert abs(edges) < 0.3  # opposite edges are not neighbours
