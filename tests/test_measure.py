"""Noise against astropy, numbers of made sources with the reason for each missing one, one source in three surveys."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.stats import SigmaClip, mad_std
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy import ndimage

from vlass_explorer import cutouts, measure
from vlass_explorer.schema import Beam, Cutout, Origin

RNG = np.random.default_rng(11)
FLUX = {"flux", "flux_error", "major"}


def sky(scale: float = 1.0) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.cdelt = [-scale / 3600, scale / 3600]
    wcs.wcs.crpix = [61, 61]
    wcs.wcs.crval = [150, 30]
    return wcs


def gaussian(y: float, x: float, peak: float, fwhm: float, shape: tuple[int, int] = (121, 121)) -> NDArray[np.float64]:
    yy, xx = np.indices(shape)
    return peak * np.exp(-4 * np.log(2) * ((yy - y) ** 2 + (xx - x) ** 2) / fwhm**2)


def made(image: NDArray[np.floating], rms: float = 1e-4, **changes: object) -> Cutout:
    pixels = (image + RNG.normal(0, rms, image.shape)).astype(np.float32)
    cutout = Cutout(
        "made.fits",
        pixels,
        unit="Jy/beam",
        wcs=sky(),
        beam=Beam(5.0, 5.0),
        noise=measure.noise(pixels),
        origin=Origin(product="total intensity"),
    )
    return replace(cutout, **changes)  # type: ignore[arg-type]


def test_noise_is_a_clipped_mad() -> None:
    image = RNG.normal(0.0, 2.5, (200, 300)).astype(np.float32) + gaussian(90, 100, 300, 30, (200, 300))
    image[:20] = np.nan
    image[30, 30] = np.inf
    found = measure.noise(image)
    finite = image[np.isfinite(image)]
    clipped = SigmaClip(3.0, maxiters=None, cenfunc="median", stdfunc="mad_std")(finite, masked=False)
    assert found is not None
    assert found.rms == pytest.approx(mad_std(clipped), rel=1e-3)
    assert found.rms == pytest.approx(2.5, rel=0.03)
    assert found.pixels == clipped.size


@pytest.mark.parametrize("image", [np.zeros((9, 9)), np.full((9, 9), np.nan), np.eye(20) * 200])
def test_no_noise_is_left(image: NDArray[np.float64]) -> None:
    assert measure.noise(image) is None


@pytest.mark.parametrize("kind", ["even", "odd", "counts", "halves"])
def test_noise_is_that_of_numpys_medians_to_the_last_bit(kind: str) -> None:
    image = RNG.normal(0.3, 2.5, (60, 60 if kind == "even" else 61)).astype(np.float32)
    image[20:30, 20:30] += 100.0
    image = {"counts": np.round(20 * image), "halves": np.round(2 * image) / 2}.get(kind, image)[
        : 59 if kind == "odd" else 60
    ]
    values = image.astype(np.float64).ravel()
    while True:
        deviations = np.abs(values - np.median(values))
        middle = float(np.median(deviations))
        below, above = deviations[deviations < middle].max(), deviations[deviations > middle].min()
        if np.count_nonzero(deviations == middle) > 1 and 1e-3 <= (above - below) / 2 / middle <= 0.22:
            share = (deviations.size / 2 - (deviations < middle).sum()) / (deviations == middle).sum()
            middle = (below + middle) / 2 + (above - below) / 2 * share
        if (deviations <= 3.0 * 1.4826 * middle).all():
            break
        values = values[deviations <= 3.0 * 1.4826 * middle]
    found = measure.noise(image)
    assert found is not None and (found.rms, found.pixels) == (1.4826 * middle, values.size)


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.7, 2.5), (30.0, 30.0)])
def test_a_source_in_a_part_of_the_image_is_that_of_the_whole(scale: tuple[float, float]) -> None:
    wcs = sky()
    wcs.wcs.cdelt = -scale[1] / 3600, scale[0] / 3600
    image = sum(gaussian(y, x, 30e-4, 5) for y, x in ((57, 61), (60, 84), (1, 61), (90, 119), (66, 70)))
    cutout = made(np.asarray(image), wcs=wcs)
    emission = np.zeros(cutout.shape, bool)
    low, high = measure.thresholds(cutout)
    islands, _ = ndimage.label(cutout.pixels > low, np.ones((3, 3)))
    emission = np.isin(islands, np.setdiff1d(islands[cutout.pixels >= high], 0))
    near = ndimage.distance_transform_edt(~emission, sampling=scale) <= 11.0 * 1.0001
    groups, _ = ndimage.label(near, np.ones((3, 3)))
    places = np.argwhere(emission)
    y, x = places[np.argmin(np.hypot(*((places - 60) * scale).T))]
    assert np.array_equal(measure.source_mask(cutout), emission & (groups == groups[y, x]))


def test_noise_of_a_large_image_is_sampled() -> None:
    image = RNG.normal(0, 1, (2500, 2500)).astype(np.float32)
    found = measure.noise(image)
    assert found is not None and found.rms == pytest.approx(1.0, rel=0.01)
    assert found.method.endswith("one pixel in 2")
    assert 3_000_000 < found.pixels < 3_200_000


def test_a_point_source_gives_its_flux() -> None:
    cutout = made(gaussian(60, 60, 0.1, 5.0))
    found = measure.measure(cutout)
    assert not found.off
    assert found.size_limit is not None and found.size_limit < 0.6  # a point of S/N 1000 is far smaller than a beam
    assert found.peak_fit == pytest.approx(0.1, rel=3 * 1e-3)
    assert found.peak_yx == (60, 60) and found.peak == pytest.approx(0.1, rel=0.01)
    assert found.flux == pytest.approx(0.1, rel=0.01)  # flux of a point source is its peak
    assert found.snr == pytest.approx(1000, rel=0.05)
    # A Gaussian of 5 arcsec FWHM falls from 1000 to 3 rms at a radius of 5 sqrt(ln(1000/3) / (4 ln 2)) arcsec.
    assert found.angular_size == pytest.approx(2 * 5 * np.sqrt(np.log(1000 / 3) / (4 * np.log(2))), abs=2.0)
    # This noise is independent from pixel to pixel, though the file has a beam: the error is that of so many pixels.
    pixels = found.flux_beams * measure.beam_pixels(cutout)  # type: ignore[operator]
    area = measure.beam_pixels(cutout)
    assert found.flux_error == pytest.approx(found.rms * np.sqrt(pixels) / area, rel=0.25)  # type: ignore[operator]


def test_two_lobes_are_one_source_and_a_far_one_is_not() -> None:
    lobes = gaussian(60, 50, 0.02, 5.0) + gaussian(60, 70, 0.02, 5.0)
    alone = measure.measure(made(lobes))
    assert alone.angular_size == pytest.approx(20 + 2 * 5 * np.sqrt(np.log(200 / 3) / (4 * np.log(2))), abs=3.0)
    assert alone.flux == pytest.approx(0.04, rel=0.03)
    joined = measure.measure(made(lobes + gaussian(60, 115, 0.5, 5.0)))
    assert joined.flux == pytest.approx(alone.flux, rel=0.03)
    assert joined.peak == pytest.approx(0.02, rel=0.05)  # of the source at the centre, not of the brighter neighbour


def test_nothing_near_the_centre() -> None:
    far = np.zeros((201, 201)) + gaussian(10, 10, 0.05, 5.0, (201, 201))
    found = measure.measure(made(far))
    assert found.flux is None and found.angular_size is None and found.source_pixels == 0
    assert found.peak_yx == (10, 10)  # the brightest pixel of the cutout instead
    # 3 sigma of a point fitted to noise that is independent from pixel to pixel: rms over the root of the summed beam².
    alone = measure.forced(made(far), [(100.0, 100.0, 0.0)])
    assert alone is not None
    assert found.flux_limit == pytest.approx(3e-4 / np.sqrt(np.pi * 25.0 / (8.0 * np.log(2.0))), rel=0.15)
    assert found.off["flux"] == found.off["angular_size"] == "There is no emission above 5 rms near the centre."


def test_millijansky_and_assumed_scale() -> None:
    image = gaussian(60, 60, 100.0, 5.0)
    found = measure.measure(made(image, rms=0.1, unit="mJy/beam"))
    assert found.flux == pytest.approx(0.1, rel=0.01) and found.peak == pytest.approx(100, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "missing", "words"),
    [
        ({"unit": "DN"}, FLUX, "The unit is DN"),
        ({"unit": None}, FLUX, "no brightness unit"),
        ({"beam": None}, FLUX, "no beam"),
        ({"wcs": None}, FLUX | {"angular_size"}, "no sky coordinates"),
        ({"noise": None}, FLUX | {"rms", "snr"}, "noise was cut away"),
        ({"kind": "image", "unit": "count"}, FLUX | {"rms", "snr"}, "counts after an unknown stretch"),
        ({"origin": Origin(product="residual")}, FLUX | {"snr", "angular_size"}, "residual"),
        ({"origin": Origin(product="stokes QUV")}, FLUX, "stokes QUV"),  # has sources
    ],
)
def test_each_missing_number_has_a_reason(changes: dict[str, object], missing: set[str], words: str) -> None:
    found = measure.measure(made(gaussian(60, 60, 0.1, 5.0), **changes))
    assert found.off.keys() == missing
    assert any(words in reason for reason in found.off.values())
    for name in missing:
        assert getattr(found, name) is None


def test_an_image_computed_without_noise_has_none() -> None:
    image = gaussian(60, 60, 1.0, 5.0) + np.random.default_rng(0).normal(0.0, 1.0, (121, 121)) * 1e-9
    assert measure.noise(image) is None
    deep = measure.noise(image + np.random.default_rng(1).normal(0.0, 1e-6, (121, 121)))  # 3C 147 was seen at 1e6
    assert deep is not None and deep.rms == pytest.approx(1e-6, rel=0.03)


def test_the_noise_of_whole_counts_does_not_jump() -> None:
    """A MAD of 6.6 counts would be 6 or 7, that is 12 % too low or too high; one of 4 counts stays one."""
    image = np.random.default_rng(5).normal(0.0, 1.0, (300, 300))
    plain = measure.noise(image)
    for counts in (8.0, 9.5, 10.4, 30.0):
        rounded = measure.noise(np.round(counts * image))
        assert rounded is not None and plain is not None
        assert rounded.rms / counts == pytest.approx(plain.rms, rel=0.01)
    assert measure.noise(np.round(5.9 * image)).rms == pytest.approx(4 * 1.4826)  # type: ignore[union-attr]


def test_beam_area_in_pixels() -> None:
    cutout = made(np.zeros((20, 20)), beam=Beam(6.0, 4.0), wcs=sky(0.5))
    assert measure.beam_pixels(cutout) == pytest.approx(1.1330900354567985 * 6.0 * 4.0 / 0.25)
    assert measure.beam_pixels(replace(cutout, beam=None)) is None


# Measured apart from this code: sums of pixels above 3 rms within 60 arcsec (NVSS 90), divided by the beam area.
@pytest.mark.parametrize(
    ("survey", "rms", "beam_pixels", "flux", "peak"),
    [
        ("VLASS", 231e-6, 7.52, 0.354, 0.0532),
        ("FIRST", 208e-6, 12.09, 0.596, 0.1828),
        ("NVSS", 593e-6, 10.2, 0.793, 0.4113),
    ],
)
def test_one_source_in_three_surveys(
    data_dir: Path, survey: str, rms: float, beam_pixels: float, flux: float, peak: float
) -> None:
    cutout = cutouts.read(next((data_dir / "cutouts" / "vlass").glob(f"{survey}*.fits")))
    found = measure.measure(cutout)
    assert found.rms == pytest.approx(rms, rel=0.05)
    assert measure.beam_pixels(cutout) == pytest.approx(beam_pixels, rel=2e-3)
    assert found.flux == pytest.approx(flux, rel=0.05)
    assert found.flux_error is not None and found.flux_error < 0.025 * flux
    assert found.peak == pytest.approx(peak, rel=2e-3)
    assert set(found.off) == {"major"}  # two lobes are no single Gaussian


def test_the_bowl_of_the_vlass_source_and_its_flux_scale_are_said(data_dir: Path) -> None:
    cutout = cutouts.read(next((data_dir / "cutouts" / "vlass").glob("VLASS*.fits")))
    found = measure.measure(cutout)
    assert found.bowl is not None and found.bowl < -0.5 * cutout.noise.rms  # type: ignore[union-attr]
    assert any("negative bowl" in note for note in found.notes)
    assert found.flux_scale_error == pytest.approx(0.15 * found.flux)  # type: ignore[operator]
    assert found.flux_corrected is None  # no offset is published for Quick Look images of VLASS epoch 3
    local = measure.measure(cutout, local_background=True)
    assert local.flux > found.flux and local.flux_error > found.flux_error  # type: ignore[operator]


def test_the_whole_sum_of_the_vlass_cutout(data_dir: Path) -> None:
    cutout = cutouts.read(next((data_dir / "cutouts" / "vlass").glob("VLASS*.fits")))
    yy, xx = np.indices(cutout.shape)
    near = np.hypot(yy - 119.7, xx - 119.8) <= 60.0
    total = float(cutout.pixels[near].sum(dtype=float))
    assert total == pytest.approx(2.248, rel=2e-3)  # Jy/beam summed over pixels is no flux
    assert total / measure.beam_pixels(cutout) == pytest.approx(0.299, rel=3e-3)  # type: ignore[operator]


def test_a_cutout_is_measured_once_and_one_made_from_it_anew() -> None:
    cutout = made(gaussian(60, 60, 0.01, 8.0), wcs=sky(), beam=Beam(5.0, 5.0, 0.0))
    mask, found = measure.source_mask(cutout), measure.measure(cutout)
    assert measure.source_mask(cutout) is mask and measure.measure(cutout) is found
    with pytest.raises(ValueError, match="read-only"):
        mask[0, 0] = True
    assert measure.measure(cutout, local_background=True) is not found
    other = replace(cutout, pixels=2 * cutout.pixels)
    assert measure.measure(other).peak == pytest.approx(2 * found.peak)
    again = replace(cutout)
    assert measure.source_mask(again) is not mask and np.array_equal(measure.source_mask(again), mask)
    assert repr(measure.measure(again)) == repr(found)
    large = Cutout("mosaic.fits", np.zeros((2049, 2049), np.float32))
    assert measure.source_mask(large) is not measure.source_mask(large)
    lives = weakref.ref(cutout)
    del cutout
    assert lives() is None
