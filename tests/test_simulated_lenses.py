"""Simulated lenses: the lens equation in closed form, masses and noise as stated, and DeepLense's layout."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from vlass_explorer import datasets
from vlass_explorer.datasets import lens_model, simulated_lenses, splits
from vlass_explorer.datasets.lens_model import INSTRUMENTS, Lens
from vlass_explorer.schema import DatasetError, RunConfig

pytest.importorskip("lenstronomy", reason="lenstronomy is an optional extra")
MODEL_I = INSTRUMENTS["Model_I"]
RADIUS = 1.3


def compact(x: float, y: float, model: str = "SIS", radius: float = RADIUS) -> np.ndarray:
    """Image of a source that is small against a pixel behind one deflector, on the pixels of Model I."""
    source = {"R_sersic": 0.04, "n_sersic": 1.0, "e1": 0.0, "e2": 0.0, "center_x": x, "center_y": y, "magnitude": 20.0}
    lens = Lens([model], [{"theta_E": radius, "center_x": 0.0, "center_y": 0.0}], source)
    return lens_model.render(lens, MODEL_I)[0]


def place(image: np.ndarray) -> np.ndarray:
    """Brightest pixel as (x, y) in arcsec from the centre."""
    y, x = np.unravel_index(image.argmax(), image.shape)
    return (np.array([x, y]) - (MODEL_I.size - 1) / 2) * MODEL_I.pixel


def test_the_einstein_radius_of_a_mass() -> None:
    """theta^2 = 4 G M / c^2 D_LS / (D_L D_S), with distances integrated here."""

    def comoving(z: float) -> float:
        return quad(lambda x: (0.3 * (1 + x) ** 3 + 0.7) ** -0.5, 0, z)[0] * 299792.458 / 70 * 3.0856776e22

    near, far = comoving(0.5) / 1.5, comoving(1.0) / 2
    between = (comoving(1.0) - comoving(0.5)) / 2
    theta = np.sqrt(4 * 6.6743e-11 * 1e12 * 1.98841e30 / 299792458**2 * between / (near * far))
    # astropy counts the radiation, too
    assert lens_model.einstein_radius(1e12) == pytest.approx(np.degrees(theta) * 3600, rel=1e-3)
    assert lens_model.einstein_radius(4e12) == pytest.approx(2 * lens_model.einstein_radius(1e12))


def test_a_source_behind_an_isothermal_sphere_has_two_images_at_its_place_plus_minus_the_radius() -> None:
    image = compact(0.4, 0.0)
    right = image.copy()
    right[:, : MODEL_I.size // 2] = 0
    assert place(right) == pytest.approx([0.4 + RADIUS, 0], abs=MODEL_I.pixel)
    assert place(image - right) == pytest.approx([0.4 - RADIUS, 0], abs=MODEL_I.pixel)
    one, other = right.sum(), (image - right).sum()
    assert one / other == pytest.approx((1 + RADIUS / 0.4) / (RADIUS / 0.4 - 1), rel=0.03)  # magnifications


def test_a_source_behind_a_point_mass_has_two_images() -> None:
    """theta = (beta +- sqrt(beta^2 + 4 theta_E^2)) / 2."""
    image = compact(0.0, 0.5, "POINT_MASS", 1.0)
    up = image.copy()
    up[: MODEL_I.size // 2] = 0
    expected = [(0.5 + sign * np.sqrt(0.25 + 4)) / 2 for sign in (1, -1)]
    assert place(up) == pytest.approx([0, expected[0]], abs=MODEL_I.pixel)
    assert place(image - up) == pytest.approx([0, expected[1]], abs=MODEL_I.pixel)


def test_an_aligned_source_is_a_ring_of_the_einstein_radius() -> None:
    image = compact(0.0, 0.0)
    y, x = (np.indices(image.shape) - (MODEL_I.size - 1) / 2) * MODEL_I.pixel
    radius = np.hypot(x, y)
    profile = [image[abs(radius - r) < MODEL_I.pixel].mean() for r in (RADIUS - 0.15, RADIUS, RADIUS + 0.15)]
    assert profile[1] > 3 * profile[0] and profile[1] > 3 * profile[2]
    assert np.average(radius, weights=image) == pytest.approx(RADIUS, rel=0.02)


def test_subhaloes_follow_the_power_law() -> None:
    random = np.random.default_rng(0)
    counts, masses, radii = [], [], []
    for _ in range(200):
        lens = lens_model.draw("cdm", random)
        found = np.array([[p["theta_E"], p["center_x"], p["center_y"]] for p in lens.parameters[2:]]).reshape(-1, 3)
        counts.append(len(found))
        masses.extend((found[:, 0] / lens_model.einstein_radius(1.0)) ** 2)
        radii.extend(np.hypot(found[:, 1], found[:, 2]))
    assert np.mean(counts) == pytest.approx(25, abs=1.2) and np.var(counts) == pytest.approx(25, rel=0.3)
    assert min(radii) >= 0.25 and max(radii) <= 2.0 and min(masses) >= 0.999e6 and max(masses) <= 1.001e10
    share = (1e6**-0.9 - 1e7**-0.9) / (1e6**-0.9 - 1e10**-0.9)
    assert np.mean(np.array(masses) < 1e7) == pytest.approx(share, abs=0.015)


def test_the_vortex_is_a_line_of_the_stated_mass_and_length() -> None:
    lens = lens_model.draw("axion", np.random.default_rng(3))
    found = np.array([[p["theta_E"], p["center_x"], p["center_y"]] for p in lens.parameters[2:]])
    assert 1e-24 <= lens.axion_mass <= 1e-22
    assert ((found[:, 0] / lens_model.einstein_radius(1.0)) ** 2).sum() == pytest.approx(3e10)
    ends = found[-1, 1:] - found[0, 1:]
    assert np.hypot(*ends) == pytest.approx(2 * 0.03 * 1e-22 / lens.axion_mass)
    assert abs(np.cross(np.append(ends, 0), np.append(found[30, 1:], 0))[2]) < 1e-9
    assert lens_model.draw("no_sub", np.random.default_rng(3)).models == ["SIE", "SHEAR"]
    with pytest.raises(DatasetError, match="Unknown class 'sphere'; lenses are axion, cdm, no_sub"):
        lens_model.draw("sphere", np.random.default_rng(3))


def test_noise_is_that_of_the_model() -> None:
    lens = lens_model.draw("no_sub", np.random.default_rng(5))
    clean, _ = lens_model.render(lens, MODEL_I)
    seen = np.array([lens_model.observe(lens, MODEL_I, np.random.default_rng(n)) for n in range(12)])
    brightest = seen[:, *np.unravel_index(clean.argmax(), clean.shape)]
    snr = brightest / np.sqrt(brightest + lens_model.BACKGROUND**2)
    assert (seen >= 0).all() and np.array_equal(seen, seen.round()) and 17 < snr.min() < snr.max() < 33
    for name in ("Model_II", "Model_III"):
        image, simulation = lens_model.render(lens, INSTRUMENTS[name])
        noise = [lens_model.observe(lens, INSTRUMENTS[name], np.random.default_rng(n)) - image for n in range(12)]
        corner, peak = np.s_[:, :8, :8], np.s_[:, *np.unravel_index(image.argmax(), image.shape)]
        assert np.std(np.array(noise)[corner]) == pytest.approx(simulation.background_noise, rel=0.15)
        assert np.std(np.array(noise)[peak]) > 2 * simulation.background_noise


@pytest.mark.parametrize(("model", "side"), [("Model_I", 150), ("Model_II", 64), ("Model_III", 64)])
def test_images_follow_from_seed_and_index(model: str, side: int) -> None:
    one, other = (datasets.load("simulated_lenses", Path(model), seed=seed, count=9) for seed in (1, 2))
    image = one.items[3].read()
    assert image.shape == (side, side) and one.items[3].label == 0 and image.origin.simulated
    assert 1e-24 <= image.header["AXIONM"] <= 1e-22
    assert np.array_equal(image.pixels, simulated_lenses.item(model, 1, 3).read().pixels)
    assert not np.array_equal(image.pixels, other.items[3].read().pixels)
    assert datasets.input_spec(one, RunConfig(field_of_view_pixels=side)).field_of_view_pixels == side
    parts = splits.split(one, "authors")
    assert [len(part) for part in parts] == [9, 600, 600]
    assert one.items[parts.test[0]].key == other.items[parts.test[0]].key


def test_written_lenses_are_read_as_deeplense(tmp_path: Path) -> None:
    root = tmp_path / "Model_II"
    written = simulated_lenses.write(root, "Model_II", 6, 3, seed=4)
    assert written.counts == {"axion": 3, "cdm": 3, "no_sub": 3} and written.title == "DeepLense Model_II"
    assert sum(item.split == "test" for item in written.items) == 3
    found = {item.name: item.read() for item in written.items}
    image, made = found["train/axion/axion_sim_4_000003.npy"], simulated_lenses.cutout("Model_II", 4, 3)
    assert np.array_equal(image.pixels, made.pixels)
    assert image.header["AXIONM"] == pytest.approx(made.header["AXIONM"], rel=1e-6)
    assert len(datasets.load("simulated_lenses", root)) == 9
    with pytest.raises(DatasetError, match="is there already"):
        simulated_lenses.write(root, "Model_II", 6, 3)


def test_what_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match="one of Model_I, Model_II, Model_III"):
        simulated_lenses.load(Path("Model_IV"))
    with pytest.raises(DatasetError, match="a seed is 0 to"):
        simulated_lenses.load(None, seed=simulated_lenses.SEEDS["test"])
    monkeypatch.setitem(sys.modules, "lenstronomy", None)
    with pytest.raises(DatasetError, match=r"need lenstronomy: pip install 'vlass-explorer\[lenses\]'"):
        simulated_lenses.load(None)
