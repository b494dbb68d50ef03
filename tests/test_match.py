"""Matching: simulated pairs of one sky at two beams, the real VLASS cutout, blanks, and each refusal."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from scipy import ndimage

from vlass_explorer import cutouts, match, measure
from vlass_explorer.datasets.sky_model import Component, Observation, SkyGrid, noise, placed, projected
from vlass_explorer.schema import Beam, Cutout, CutoutError, InputSpec, MatchError

VLASS, FIRST = Beam(3.0, 2.2, 10.0), Beam(5.4, 5.4)
SPEC = InputSpec(survey="FIRST", frequency_ghz=1.4, beam_arcsec=(5.4, 5.4), pixel_scale_arcsec=1.8)
RMS = 120e-6
SHAPE = (150, 161)
DOUBLE = (
    Component(30e-3, -14.0, 9.0, 4.0, 2.0, 60.0),
    Component(20e-3, 15.0, -8.0, 6.0, 3.0, 50.0),
    Component(8e-3, 0.0, 0.0),
    Component(12e-3, 2.0, 0.0, 30.0, 6.0, 62.0),
)


def pixels_of(rotation: float = 0.0, mirrored: bool = False, pixel: tuple[float, float] = (1.0, 1.0)) -> WCS:
    wcs = projected("SIN", (150.0, 30.0), pixel, SHAPE, rotation)
    if mirrored:
        wcs.wcs.pc = wcs.wcs.get_pc() @ np.diag([-1.0, 1.0])
        wcs.wcs.set()
    return wcs


@cache
def grid(rotation: float, mirrored: bool, pixel: tuple[float, float]) -> SkyGrid:
    return SkyGrid(pixels_of(rotation, mirrored, pixel), SHAPE)


def seen(
    beam: Beam,
    rms: float = 0.0,
    *,
    rotation: float = 0.0,
    mirrored: bool = False,
    pixel: tuple[float, float] = (1.0, 1.0),
    parts: tuple[Component, ...] = DOUBLE,
    seed: int = 0,
) -> Cutout:
    where = grid(rotation, mirrored, pixel)
    sky = noise(np.random.default_rng(seed), where, beam, rms) if rms else 0.0
    return Observation(parts, beam, where).cutout(sky)


WEDGE = np.zeros(SHAPE, bool)
WEDGE[:60, :50][np.tril_indices(60, 0, 50)] = True


@pytest.mark.parametrize("pa", [0.0, 22.0, 45.0, 90.0, 133.0])
@pytest.mark.parametrize(
    "pixels",
    [
        {},
        {"rotation": 33.0},
        {"rotation": -120.0, "mirrored": True},
        {"pixel": (0.8, 1.1), "rotation": 15.0},
    ],
    ids=["plain", "turned", "mirrored", "oblong"],
)
def test_the_same_sky_at_the_larger_beam(pa: float, pixels: dict[str, object]) -> None:
    native, target = replace(VLASS, pa=pa), Beam(6.4, 5.4, pa + 40.0)
    truth = seen(target, **pixels).pixels
    exact = match.smooth(seen(native, **pixels), target)
    assert np.abs(exact.pixels - truth).max() < 2e-3 * truth.max()  # sampled and cut kernel, float32

    noisy = seen(native, RMS, **pixels, seed=int(pa))
    blank = replace(noisy, pixels=np.where(WEDGE, np.float32(np.nan), noisy.pixels), sha256="")
    for cutout in (noisy, blank):
        found = match.smooth(cutout, target)
        assert found.noise is not None and found.beam == replace(target, source="matched")
        assert found.noise == measure.noise(found.pixels)
        residual = (found.pixels - truth) / found.noise.rms
        source = truth > 5 * found.noise.rms
        assert source.sum() > 400  # ten beams and more
        assert np.nanstd(residual) == pytest.approx(1.0, abs=0.12)
        assert np.nanstd(residual[source]) < 1.5 and abs(np.nanmean(residual[source])) < 1.0
        np.testing.assert_array_equal(np.isnan(found.pixels), np.isnan(cutout.pixels))


def test_brightness_beside_a_blank_wedge_is_that_of_the_sky_there() -> None:
    flat = replace(seen(VLASS), pixels=np.where(WEDGE, np.nan, 1e-3).astype(np.float32), sha256="")
    found = match.smooth(flat, FIRST)
    per_beam = FIRST.solid_angle / VLASS.solid_angle
    np.testing.assert_allclose(found.pixels[~WEDGE], 1e-3 * per_beam, rtol=1e-5)  # the borders, too


def test_one_blank_pixel_stays_one_blank_pixel() -> None:
    cutout = seen(VLASS)
    pixels = cutout.pixels.copy()
    pixels[75, 80] = np.nan
    holed = replace(cutout, pixels=pixels, sha256="")
    found = match.smooth(holed, FIRST)
    assert np.argwhere(np.isnan(found.pixels)).tolist() == [[75, 80]]
    same = match.regrid(found, 0.9)
    assert 1 <= np.isnan(same.pixels).sum() <= 4  # new pixels are smaller


def test_blanks_against_astropys_convolution() -> None:
    from astropy.convolution import Gaussian2DKernel, convolve_fft

    cutout = seen(Beam(3.0, 3.0), RMS)
    pixels = np.where(WEDGE, np.nan, cutout.pixels)
    pixels[75, 80] = np.nan
    found = match.smooth(replace(cutout, pixels=pixels.astype(np.float32), sha256=""), FIRST)
    kernel = Gaussian2DKernel(np.sqrt(5.4**2 - 3.0**2) / measure.geometry.FWHM, x_size=41, y_size=41)
    padded = np.pad(pixels, 25, constant_values=np.nan)
    other = convolve_fft(padded, kernel, nan_treatment="interpolate", preserve_nan=True)[25:-25, 25:-25]
    np.testing.assert_allclose(found.pixels, other * (5.4 / 3.0) ** 2, rtol=1e-4, atol=1e-3 * RMS)


@pytest.mark.parametrize("pixels", [{}, {"rotation": 30.0, "mirrored": True}, {"pixel": (0.5, 1.0)}])
def test_new_pixels_show_the_same_places_of_the_sky(pixels: dict[str, object]) -> None:
    cutout = seen(FIRST, **pixels)
    found = match.regrid(cutout, 1.8)
    assert found.pixel_scale == pytest.approx((1.8, 1.8), rel=1e-6) and found.row0 == "south"
    assert found.wcs is not None and cutout.wcs is not None
    assert np.allclose(found.wcs.pixel_scale_matrix * 3600, np.diag([-1.8, 1.8]))
    truth = Observation(DOUBLE, FIRST, SkyGrid(found.wcs, found.shape, grid_centre(cutout))).image
    is_sky = np.isfinite(found.pixels)
    assert is_sky.mean() > 0.5
    assert np.abs(found.pixels - truth)[is_sky].max() < 2e-3 * truth.max()
    assert grid_centre(found).separation(grid_centre(cutout)).arcsec < 1e-3


def grid_centre(cutout: Cutout) -> SkyCoord:
    assert cutout.wcs is not None
    ny, nx = cutout.shape
    return cutout.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)


def test_regridding_against_reproject() -> None:
    from reproject import reproject_interp

    cutout = seen(FIRST, RMS, rotation=25.0)
    found = match.regrid(cutout, 1.8)
    other, covered = reproject_interp((cutout.pixels, cutout.wcs), found.wcs, found.shape, order="bicubic")
    both = ndimage.binary_erosion(np.isfinite(found.pixels) & (covered > 0), iterations=6)  # splines differ at edges
    assert both.mean() > 0.4
    np.testing.assert_allclose(found.pixels[both], other[both], rtol=1e-4, atol=1e-3 * RMS)


@pytest.mark.parametrize("projection", ["TAN", "CAR", "ZEA"])
def test_flux_is_kept_through_beam_and_pixels(projection: str) -> None:
    wcs = projected(projection, (30.0, 60.0), 1.0, SHAPE)
    # CAR at declination 60: pixels half as wide as high
    parts = tuple(placed(DOUBLE, 0.07))
    cutout = Observation(parts, VLASS, SkyGrid(wcs, SHAPE)).cutout()
    found = match.to_training(cutout, SPEC)
    assert found.pixel_shape is not None and found.pixel_shape.elongation == pytest.approx(1.0, abs=1e-6)
    total = float(np.nansum(found.pixels.astype(float)) / measure.beam_pixels(found))
    assert total == pytest.approx(0.07, rel=5e-3)


def real(data_dir: Path) -> Cutout:
    return cutouts.read(next((data_dir / "cutouts" / "vlass").glob("VLASS__3.1.ql*")))


def aperture(cutout: Cutout, radius: float = 60.0) -> float:
    assert cutout.pixel_scale is not None
    dy, dx = np.indices(cutout.shape) - (np.array(cutout.shape)[:, None, None] - 1) / 2
    inside = np.hypot(dy, dx) * cutout.pixel_scale[0] <= radius
    return float(cutout.pixels[inside].astype(float).sum() / measure.beam_pixels(cutout))


@pytest.mark.parametrize(
    ("beam", "peak", "rms"),
    [(FIRST, 89.4, (477, 522)), (Beam(6.4, 5.4, 0.0), 99.0, (529, 582))],
    ids=["5.4 round", "as the FIRST file"],
)
def test_the_real_vlass_source(data_dir: Path, beam: Beam, peak: float, rms: tuple[float, float]) -> None:
    cutout = real(data_dir)
    found = match.smooth(cutout, beam)
    assert 1e3 * float(np.nanmax(found.pixels)) == pytest.approx(peak, rel=0.03)
    assert found.noise is not None and found.noise.pixels > 50_000  # the whole cutout of 4', clipped
    assert rms[0] <= 1e6 * found.noise.rms <= rms[1]
    assert aperture(found) == pytest.approx(aperture(cutout), rel=0.01)
    assert aperture(match.regrid(found, 1.8)) == pytest.approx(aperture(cutout), rel=0.01)


def test_to_training_keeps_what_the_cutout_was(data_dir: Path) -> None:
    cutout = real(data_dir)
    before = cutout.beam
    found = match.to_training(cutout, SPEC)
    assert cutout.beam is before and found.native is not None
    assert (found.native.sha256, found.native.beam, found.native.noise) == (cutout.sha256, cutout.beam, cutout.noise)
    assert found.native.scale == cutout.pixel_scale and found.sha256 != cutout.sha256
    assert found.notes[:2] == (
        "Smoothed from a beam of 3.0″×2.2″ to 5.4″.",
        "Regridded from pixels of 1″ to 1.8″, north up.",
    )
    assert len(found.notes) <= 5 and set(cutout.notes) <= {*found.notes, *found.more_notes}
    assert found.origin == cutout.origin


def test_what_already_is_as_training_stays_the_same_object() -> None:
    cutout = seen(FIRST, pixel=(1.8, 1.8), rotation=20.0)
    assert match.to_training(cutout, SPEC) is cutout
    assert match.to_training(cutout, replace(SPEC, pixel_scale_arcsec=None)) is cutout


def test_an_assumed_beam_stays_one() -> None:
    found = match.smooth(replace(seen(VLASS), beam=Beam(2.5, 2.5, assumed=True)), FIRST)
    assert found.notes[0] == "Smoothed from an assumed beam of 2.5″ to 5.4″."
    assert found.beam is not None and found.beam.assumed


def test_a_clipped_image_gets_no_noise() -> None:
    cutout = replace(seen(VLASS), noise=None)
    assert match.to_training(cutout, SPEC).noise is None


def test_a_picture_of_declared_stretch_scale_and_beam() -> None:
    sky = seen(VLASS)
    picture = replace(sky, kind="image", unit="count", wcs=None, declared_scale=1.0, stretch="log:100")
    found = match.to_training(picture, SPEC)
    like = match.to_training(sky, SPEC)
    assert found.wcs is None and found.pixel_scale == (1.8, 1.8) and found.unit == "count"
    np.testing.assert_allclose(found.pixels, like.pixels, atol=1e-4 * float(np.nanmax(like.pixels)))


REFUSED = {
    "target smaller": (lambda c: replace(c, beam=Beam(6.4, 5.0)), "does not fit into 5.4″: smoothing cannot sharpen"),
    "smaller one way": (lambda c: replace(c, beam=Beam(6.4, 2.0)), "6.4″×2.0″, does not fit"),
    "kernel too narrow": (lambda c: replace(c, beam=Beam(5.3, 5.3)), "kernel is 1.0 pixels wide"),
    "equal one way": (lambda c: replace(c, beam=Beam(5.4, 2.5)), "kernel is 0.0 pixels wide"),
    "no beam": (lambda c: replace(c, beam=None), "its beam is not known"),
    "beam varies": (lambda c: replace(c, beam=None, header={"CASAMBM": True}), "each plane has a beam of its own"),
    "no WCS": (lambda c: replace(c, wcs=None), "no sky coordinates"),
    "a picture": (lambda c: replace(c, kind="image"), "declare how it was stretched"),
    "kelvin": (lambda c: replace(c, unit="K"), "in K, not Jy/beam"),
    "no unit": (lambda c: replace(c, unit=None), "of no named unit"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refusals(kind: str) -> None:
    change, words = REFUSED[kind]
    with pytest.raises(MatchError, match=words) as raised:
        match.to_training(change(seen(VLASS)), SPEC)
    assert str(raised.value).endswith(".") and "\n" not in str(raised.value)


def test_refusals_by_size_and_card() -> None:
    cutout = seen(VLASS)
    with pytest.raises(MatchError, match="with which beam it was trained"):
        match.to_training(cutout, replace(SPEC, beam_arcsec=None))
    with pytest.raises(MatchError, match="smaller than the kernel"):
        match.smooth(cutout, Beam(300.0, 300.0))
    with pytest.raises(MatchError, match=r"would have 3 × 3"):
        match.regrid(cutout, 50.0)
    with pytest.raises(MatchError, match="cut out another part"):
        match.regrid(cutout, 0.001)


def test_every_real_file_is_matched_or_refused_in_one_sentence(data_dir: Path) -> None:
    done = 0
    for path in sorted((data_dir / "cutouts").rglob("*.fits")):
        try:
            cutout = cutouts.read(path)
        except CutoutError:
            continue
        try:
            found = match.to_training(cutout, SPEC)
        except MatchError as error:
            assert str(error).count(".\n") == 0 and str(error).endswith(".")
            continue
        done += found is not cutout
        assert found.pixels.dtype == np.float32
    assert done >= 1
