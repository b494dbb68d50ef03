"""Edges filled with one value where nothing was observed become no data; zeros that are data stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from fits_bytes import IMAGE, packed, primary
from numpy.typing import NDArray

from vlass_explorer import checkpoints, cutouts, datasets
from vlass_explorer.cutouts import edges
from vlass_explorer.datasets import sky_model
from vlass_explorer.predict import predict
from vlass_explorer.schema import Beam, Cutout

Image = NDArray[np.float32]
RMS = 1.5e-4
BEAM = Beam(5.4, 5.4)
SAID = "of the field, at its edge, holds no data: every pixel there is"


def field(seed: int, side: int = 120) -> Image:
    """A few resolved sources in noise of 0.15 mJy/beam, with the autocorrelation of the beam."""
    random, grid = np.random.default_rng(seed), sky_model.FlatGrid((side, side), 1.8)
    half = 0.4 * side * 1.8
    sources = [
        sky_model.Component(
            RMS * 10 ** random.uniform(0.7, 2.5), *random.uniform(-half, half, 2), random.uniform(1, 20), 1
        )
        for _ in range(random.integers(1, 5))
    ]
    noise = sky_model.noise(random, grid, BEAM, rms=RMS, kind=("beam", "convolved")[seed % 2])
    return (noise + sky_model.observe(sources, BEAM, grid)).astype(np.float32)


def covered(seed: int, side: int = 120) -> Iterator[NDArray[np.bool_]]:
    """A band at any angle, a wedge, the outside of a circle and a circle at the border, 5 to 40 % of a field each."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle, place = random.uniform(0, 2 * np.pi), random.uniform(-0.4, 0.4, 2) * side
    for distance in (
        np.cos(angle) * x + np.sin(angle) * y,
        (np.arctan2(y, x) - angle) % (2 * np.pi),
        -np.hypot(x - place[0] / 8, y - place[1] / 8),
        np.hypot(x - side / 2, y - place[1]),
    ):
        yield distance <= np.quantile(distance, random.uniform(0.05, 0.4))


def npy(pixels: NDArray[np.generic]) -> bytes:
    stream = BytesIO()
    np.save(stream, pixels)
    return stream.getvalue()


FORMS: dict[str, Callable[[Image], Image]] = {
    "in units of the rms": lambda image: image,
    "10 counts an rms": lambda image: np.round(10 * image),
    "3 counts an rms": lambda image: np.round(3 * image),
    "1 count an rms": np.round,
    "5 rms higher": lambda image: image + 5,
    "3 counts an rms, 10 rms higher": lambda image: np.round(3 * image + 30),
    "a picture of 8 bits": lambda image: np.round(255 * (image - image.min()) / (image.max() - image.min())),
}
"""What becomes of an image in units of its noise."""


def untouched(seed: int) -> dict[str, Image]:
    """A field without filled edges and what is made of fields: counts, clipped images, pictures."""
    image = field(seed, 60 + seed % 40)
    unit = image / RMS
    shown = (image - image.min()) / (image.max() - image.min())
    return {
        "as it is": image,
        "higher": unit + 10,
        "rounded to an rms": np.round(unit),
        "rounded to a third": np.round(3 * unit),
        "rounded to a tenth": np.round(10 * unit),
        "zero below 3 rms": np.where(unit > 3, image, 0),
        "less 3 rms": np.clip(unit - 3, 0, None),
        "zero within 3 rms": np.where(np.abs(unit) > 3, image, 0),
        "a clipped picture": np.round(255 * np.clip((unit - 3) / (unit.max() - 3), 0, 1)),
        "a clipped picture in logarithms": np.round(100 * np.log1p(np.where(unit > 3, unit, 0))),
        "a picture": np.round(255 * shown),
        "a picture of 16 bits": np.round(65535 * shown),
        "a picture of the noise": np.round(255 * np.clip((unit + 2) / 10, 0, 1)),
    }


def test_filled_edges_are_found_and_the_noise_is_that_of_the_nan_twin() -> None:
    """All 200 fields and four shapes of each: benchmarks/filled_edges.py."""
    for seed in range(60):
        image = field(seed)
        mask = list(covered(seed))[seed % 4]
        seen, twin = (cutouts.read(npy(np.where(mask, np.float32(fill), image))) for fill in (0.0, np.nan))
        assert (np.isnan(seen.pixels) != mask).mean() < 1e-3, seed
        assert seen.noise is not None and twin.noise is not None
        assert seen.noise.rms == pytest.approx(twin.noise.rms, rel=0.01)
        assert seen.notes[0] == f"{100 * seen.blanked:.1f} % {SAID} 0."
        assert seen.blanked == pytest.approx(mask.mean(), abs=1e-3)


@pytest.mark.parametrize("form", list(FORMS))
def test_filled_edges_of_coarse_numbers_and_of_offsets_are_found(form: str) -> None:
    """Where noise repeats itself often, the thin end of a wedge stays."""
    for seed in range(8):
        image = FORMS[form](field(seed) / RMS).astype(np.float32)
        mask = list(covered(seed))[seed % 4]
        edge = edges.filled(np.where(mask, np.float32(0), image))
        assert edge is not None and edge.value == 0.0 and (edge.mask != mask).mean() < 0.06, seed


def test_nothing_is_taken_from_untouched_fields_nor_from_what_is_made_of_them() -> None:
    """All 500 fields: benchmarks/filled_edges.py."""
    for seed in range(60):
        for name, made in untouched(seed).items():
            assert edges.filled(made.astype(np.float32)) is None, (seed, name)


def test_wide_emission_that_was_clipped_is_data() -> None:
    y, x = np.mgrid[:120, :120]
    wide = 40 * RMS * np.exp(-((x - 70.0) ** 2 + (y - 50.0) ** 2) / 2 / 30.0**2) + field(3)
    for level in (3 * RMS, 10 * RMS):
        for clipped in (np.where(wide > level, wide, 0), np.clip(wide - level, 0, None)):
            assert edges.filled(clipped.astype(np.float32)) is None
            assert edges.filled(np.sqrt(clipped).astype(np.float32)) is None
            assert edges.filled(np.round(255 * clipped / clipped.max()).astype(np.float32)) is None
            assert edges.filled(np.log1p(clipped / RMS).astype(np.float32)) is None


def test_a_lone_source_of_few_counts_on_a_clipped_sky_is_data() -> None:
    """As one picture of FIRST has it: most of the source is its faint rim."""
    y, x = np.mgrid[:300, :300]
    source = 255 * np.exp(-((x - 150.0) ** 2 + (y - 150.0) ** 2) / 2 / 4.0**2)
    faint = 3 * np.exp(-((x - 155.0) ** 2 + (y - 150.0) ** 2) / 2 / 14.0**2)
    assert edges.filled(np.round(np.maximum(source, faint)).astype(np.float32)) is None
    assert edges.filled(np.where(np.hypot(x - 150, y - 150) < 20, 7 + (x + 3 * y) % 5, 0).astype(np.float32)) is None


def test_a_mask_is_data() -> None:
    mask = np.zeros((120, 120), np.float32)
    mask[50:70, 40:80] = 1.0
    assert edges.filled(mask) is None


@pytest.mark.parametrize("level", [16.0, 4.0])
def test_compressed_images_repeat_values_and_are_told_apart_all_the_same(level: float) -> None:
    image = field(5)
    mask = next(covered(5))
    filled = np.where(mask, np.float32(0), image)
    whole, cut = (
        cutouts.read(
            packed(fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type="RICE_1", quantize_level=level))
        )
        for data in (image, filled)
    )
    assert len(np.unique(whole.pixels)) < whole.pixels.size and whole.blanked == 0.0
    assert cut.blanked == pytest.approx(mask.mean(), abs=5e-3)


def test_a_frame_of_one_pixel_a_constant_and_an_edge_beside_nan_are_found() -> None:
    image = field(8)
    framed = np.pad(image, 1)
    assert np.isnan(cutouts.read(npy(framed)).pixels).sum() == framed.size - image.size
    far = image.copy()
    far[:, :30] = -9999.0
    assert cutouts.read(npy(far)).notes[0] == f"25.0 % {SAID} -9999."
    beside = image.copy()
    beside[:20], beside[20:40] = np.nan, 0.0
    found = cutouts.read(npy(beside))
    assert np.isnan(found.pixels[:40]).all() and found.blanked == pytest.approx(1 / 6)
    assert found.notes[0] == f"16.7 % {SAID} 0." and "16.7 % of the pixels hold no data (NaN)." in found.notes


def test_zeros_inside_the_field_stay() -> None:
    image = field(9)
    image[50:60, 50:60] = 0.0
    assert edges.filled(image) is None


def test_zeros_can_be_kept() -> None:
    image = IMAGE.copy()
    image[:, :10] = 0.0
    data = primary(image)
    kept, taken = cutouts.read(data, keep_zeros=True), cutouts.read(data)
    np.testing.assert_array_equal(kept.pixels, image)
    assert kept.blanked == 0.0 and taken.blanked == 0.25 and kept.sha256 != taken.sha256
    assert not any(SAID in note for note in kept.notes)


def test_a_data_set_can_keep_them(tmp_path: Path) -> None:
    image = IMAGE.copy()
    image[:, :10] = 0.0
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.fits").write_bytes(primary(image))
    found = datasets.load("class_folders", tmp_path).items[0]
    (tmp_path / "dataset.yaml").write_text("keep_zeros: true\n", encoding="utf-8")
    kept = datasets.load("class_folders", tmp_path).items[0]
    assert np.isnan(found.read().pixels[:, :10]).all() and found.key != kept.key
    np.testing.assert_array_equal(kept.read().pixels, image)


def test_a_colour_picture_keeps_its_black_corners() -> None:
    colour = np.random.default_rng(0).integers(1, 255, (40, 40, 3)).astype(np.float32)
    colour[:10] = 0
    assert cutouts.read(npy(colour)).blanked == 0.0


@pytest.mark.parametrize("share", [10, 20, 25, 30])
def test_a_prediction_is_that_of_the_nan_twin(share: int) -> None:
    """A faint source beside a band of zeros, as FIRST cutouts at the survey's border have it."""
    card = checkpoints.find("first-d4-vit")
    model = checkpoints.load(card)

    def told(fill: float) -> tuple[Cutout, str, str]:
        y, x = np.mgrid[:150, :150]
        noise = np.random.default_rng(1).normal(0, RMS, (150, 150))
        image = (3e-3 * np.exp(-((x - 74) ** 2 + (y - 75) ** 2) / 3.246) + noise).astype(np.float32)
        image[:, : 150 * share // 100] = fill
        cards = {"CDELT1": -5e-4, "CDELT2": 5e-4, "CRPIX1": 75.5, "CRPIX2": 75.5, "BMAJ": 1.5e-3, "BMIN": 1.5e-3}
        cutout = cutouts.read(primary(image, SURVEY="FIRST", **cards))
        answer = predict(model, card, [cutout])[0]
        return cutout, answer.label, answer.validity.level

    seen, twin = told(0.0), told(np.nan)
    assert seen[1:] == twin[1:] and seen[0].noise == twin[0].noise
    assert seen[0].blanked == pytest.approx(share / 100, abs=0.01)
