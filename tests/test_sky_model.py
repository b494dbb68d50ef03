"""Skies of known truth: fluxes over projections, beams, resolved-out flux, against closed forms and astropy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.convolution import Gaussian2DKernel, convolve_fft
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from scipy import ndimage

from vlass_explorer import cutouts, measure
from vlass_explorer.datasets.sky_model import (
    FWHM,
    Component,
    FlatGrid,
    Observation,
    SkyGrid,
    beam_covariance,
    kept_fraction,
    observe,
    placed,
    projected,
    sky_position,
    transmission,
)
from vlass_explorer.schema import Beam

BEAM = Beam(3.0, 2.4, 25.0)
PROJECTIONS = [
    ("SIN", (10.0, 40.0), 1.0, 0.0),
    ("SIN", (359.999, 89.995), (0.8, 1.1), 33.0),
    ("TAN", (0.001, -75.0), (1.0, 0.7), 120.0),
    ("NCP", (83.0, 30.0), 1.0, 0.0),
    ("CAR", (200.0, 60.0), 0.9, 0.0),
    ("MER", (200.0, -50.0), 1.0, 0.0),
    ("AIT", (250.0, 35.0), 1.0, 0.0),
    ("ZEA", (250.0, -5.0), 1.1, 250.0),
    ("CEA", (20.0, 45.0), (0.8, 1.0), 0.0),
]


def corner_areas(wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
    """Solid angles of the pixels in square arcsec from the corners' unit vectors on the sky, two triangles each."""
    y, x = np.indices((shape[0] + 1, shape[1] + 1)) - 0.5
    corner = np.moveaxis(wcs.pixel_to_world(x, y).cartesian.xyz.value, 0, -1)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    doubled = sum(np.linalg.norm(np.cross(p - a, q - a), axis=-1) for p, q in ((b, c), (c, d)))
    return doubled / 2 * np.degrees(3600.0) ** 2


@pytest.mark.parametrize(("projection", "position", "pixel", "rotation"), PROJECTIONS)
def test_flux_is_kept_in_every_projection(projection, position, pixel, rotation) -> None:
    """The sum over pixels, with the area that each has on the sky, is the flux; also far from the reference point."""
    shape = (150, 141)
    wcs = projected(projection, position, pixel, shape, rotation)
    middle = wcs.pixel_to_world(70.0, 74.5)
    assert middle.separation(SkyCoord(*position, unit="deg")).arcsec < 1e-6
    grid, areas = SkyGrid(wcs, shape), corner_areas(wcs, shape)
    assert np.allclose(grid.area, areas, rtol=1e-8)
    for part in (Component(2.0, 3.3, -4.7), Component(5.0, -6.1, 2.2, 11.0, 4.0, 70.0)):
        image = observe([part], BEAM, grid)
        assert (image * areas).sum() / BEAM.solid_angle == pytest.approx(part.flux, rel=1e-6)


@pytest.mark.parametrize(("projection", "position", "pixel", "rotation"), PROJECTIONS)
def test_shape_and_angle_are_those_on_the_sky(projection, position, pixel, rotation) -> None:
    """Brightness at every pixel from its separation and position angle by astropy, whatever the pixels are like."""
    shape, part = (90, 81), Component(1.0, 5.0, 8.0)
    wcs = projected(projection, position, pixel, shape, rotation)
    centre = SkyCoord(*position, unit="deg")
    place = centre.directional_offset_by(np.arctan2(-5.0, 8.0) * u.rad, np.hypot(5.0, 8.0) * u.arcsec)
    assert sky_position(SkyGrid(wcs, shape), 5.0, 8.0).separation(place).arcsec < 1e-5
    # About the centre, where north is; near a pole north turns from one side of an image to the other.
    pixels = wcs.pixel_to_world(*np.indices(shape)[::-1])
    angle, distance = centre.position_angle(pixels).rad, centre.separation(pixels).arcsec
    west, north = -distance * np.sin(angle) - 5.0, distance * np.cos(angle) - 8.0
    pa = np.radians(25.0)
    along, across = -west * np.sin(pa) + north * np.cos(pa), west * np.cos(pa) + north * np.sin(pa)
    expected = np.exp(-4 * np.log(2) * ((along / 3.0) ** 2 + (across / 2.4) ** 2))
    assert np.abs(observe([part], BEAM, SkyGrid(wcs, shape)) - expected).max() < 1e-6


def test_a_plane_is_the_sine_projection() -> None:
    parts = [Component(2.0, -20.2, 11.9, 9.0, 5.0, 30.0), Component(1.0, 28.0, 3.0)]
    flat = FlatGrid((101, 120), 0.9, (33.0, -62.0))
    by_wcs = observe(parts, BEAM, SkyGrid(flat.wcs, flat.shape))
    assert np.abs(observe(parts, BEAM, flat) - by_wcs).max() < 1e-6
    place = flat.wcs.pixel_to_world(59.5 + 28.0 / 0.9, 50.0 + 3.0 / 0.9)
    assert sky_position(flat, 28.0, 3.0).separation(place).arcsec < 1e-4


def test_where_there_is_no_sky_there_is_no_data() -> None:
    wcs = projected("AIT", (0.0, 0.0), 7200.0, (100, 200))
    image = observe([Component(1.0, 0.0, 0.0)], Beam(20000.0, 20000.0), SkyGrid(wcs, (100, 200)))
    assert np.isnan(image[0, 0]) and np.isfinite(image[50, 100])
    with pytest.raises(ValueError, match="NCP has no image of the equator"):
        projected("NCP", (0.0, 0.0), 1.0, (10, 10))


def test_the_beam_convolves_as_astropy_does() -> None:
    """A resolved component, drawn with its own size and convolved by astropy, on pixels fine enough for both."""
    pixel, grid = 0.25, FlatGrid((241, 241), 0.25)
    part = Component(3.0, 2.5, -4.0, 8.0, 5.0, 110.0)
    intrinsic = observe([Component(3.0, 2.5, -4.0)], Beam(8.0, 5.0, 110.0), grid)  # per area of its own shape
    sky = intrinsic / Beam(8.0, 5.0, 110.0).solid_angle * pixel**2  # flux a pixel
    sigmas = (BEAM.major / FWHM / pixel, BEAM.minor / FWHM / pixel)
    kernel = Gaussian2DKernel(*sigmas, theta=np.radians(90.0 + BEAM.pa), x_size=121, y_size=121)
    seen = convolve_fft(sky, kernel, normalize_kernel=True) * BEAM.solid_angle / pixel**2
    assert np.abs(observe([part], BEAM, grid) - seen).max() < 1e-5 * seen.max()


def test_what_is_resolved_out_follows_the_transform_of_a_gaussian() -> None:
    """The transform of the image, baseline by baseline, is that of source, beam and missing baselines."""
    largest, pixel = 58.0, 1.0
    grid = FlatGrid((256, 256), pixel)
    part = Component(4.0, 0.5, 0.5, 14.0, 7.0, 20.0)  # on a pixel centre, so that the transform is real
    image = observe([part], BEAM, grid, largest)
    visibility = np.fft.fft2(np.fft.ifftshift(image)).real * pixel**2 / BEAM.solid_angle
    v, u_ = np.fft.fftfreq(256, pixel)[:, None], np.fft.fftfreq(256, pixel)[None]  # cycles an arcsec
    total = beam_covariance(BEAM) + part.covariance
    exponent = total[0, 0] * u_**2 + 2 * total[0, 1] * u_ * v + total[1, 1] * v**2
    passed = transmission(np.hypot(u_, v) * np.degrees(3600.0), largest)
    assert np.abs(visibility - 4.0 * np.exp(-2 * np.pi**2 * exponent) * passed).max() < 4e-6
    assert transmission(np.array([0.0, np.degrees(3600.0) / largest]), largest) == pytest.approx([0.0, 0.5])
    assert abs(image.sum()) * pixel**2 / BEAM.solid_angle < 1e-5  # no baseline, no flux: a bowl around the source
    assert image.min() < 0


@pytest.mark.parametrize("size", [0.0, 5.0, 20.0, 60.0])
def test_the_flux_that_is_left_is_what_a_fit_finds(size: float) -> None:
    part, grid = Component(2.0, 0.0, 0.0, size, 0.7 * size, 50.0), FlatGrid((400, 400), 1.0)
    seen = Observation((part,), BEAM, grid, 58.0)
    model = Observation((part,), BEAM, grid).image / 2.0
    fitted = (seen.image * model).sum() / (model**2).sum()
    assert seen.kept[0] * 2.0 == pytest.approx(fitted, rel=1e-5)
    assert kept_fraction(part, BEAM, None) == 1.0 and seen.fluxes.tolist() == [2.0]


def test_components_add_up_and_have_their_own_images_and_masks() -> None:
    parts = (Component(1.0, -15.0, 0.0), Component(3.0, 15.0, 4.0, 10.0, 6.0, 0.0))
    seen = Observation(parts, BEAM, FlatGrid((91, 101), 0.8))
    assert np.allclose(seen.alone(0) + seen.alone(1), seen.image, atol=1e-12)
    assert [seen.total(seen.alone(k)) for k in (0, 1)] == pytest.approx([1.0, 3.0], rel=1e-6)
    assert np.array_equal(seen.mask(0.5, 0), seen.alone(0) > 0.5)
    area = seen.mask(0.5, 0).sum() * 0.8**2  # a point above half its peak covers the ellipse of the beam
    assert area == pytest.approx(np.pi / 4 * 3.0 * 2.4, rel=0.1)
    assert ndimage.label(seen.mask(0.1))[1] == 2


def test_a_source_is_turned_and_moved_as_a_whole() -> None:
    """East of the core after a turn by 90 degrees; sizes turn with it."""
    turned = placed([Component(1.0, 0.0, 0.0), Component(3.0, 0.0, 20.0, 8.0, 2.0, 0.0)], 8.0, 5.0, 7.0, 90.0)
    assert [(p.flux, round(p.x, 9), round(p.y, 9), p.pa) for p in turned] == [(2, 5, 7, 90), (6, -15, 7, 90)]
    west = placed([Component(1.0, 10.0, 0.0)], 1.0)[0]
    assert (west.x, west.y) == pytest.approx((10.0, 0.0))


def test_a_cutout_is_what_a_reader_would_give() -> None:
    grid = SkyGrid(projected("SIN", (120.0, 20.0), 1.0, (128, 128)), (128, 128))
    seen = Observation((Component(0.02, 0.3, -0.2),), BEAM, grid)
    random = np.random.default_rng(0)
    cutout = seen.cutout(random.normal(0.0, 1e-4, (128, 128)), name="point")
    assert (cutout.name, cutout.unit, cutout.row0, cutout.beam, cutout.kind) == (
        "point",
        "Jy/beam",
        "south",
        BEAM,
        "fits",
    )
    assert cutout.origin.simulated and cutout.noise.rms == pytest.approx(1e-4, rel=0.02)
    assert measure.measure(cutout).peak == pytest.approx(0.02 * 0.97, rel=0.03)
    assert cutout.sha256 and cutout.sha256 != seen.cutout().sha256
    assert seen.cutout().noise is None or seen.cutout().noise.rms < 1e-12
    upside_down = projected("SIN", (120.0, 20.0), 1.0, (64, 64), rotation=180.0)
    assert Observation(seen.parts, BEAM, SkyGrid(upside_down, (64, 64))).cutout().row0 == "north"


def test_sources_are_injected_into_a_real_image(data_dir: Path) -> None:
    real = cutouts.read(next((data_dir / "cutouts" / "vlass").glob("VLASS*.fits")))
    grid = SkyGrid(real.wcs, real.shape)
    seen = Observation((Component(0.05, 40.0, -35.0, 4.0, 2.0, 10.0),), real.beam, grid)
    cutout = seen.cutout(real.pixels, name="injected", origin=real.origin)
    added = cutout.pixels.astype(np.float64) - real.pixels
    assert (added * corner_areas(real.wcs, real.shape)).sum() / real.beam.solid_angle == pytest.approx(0.05, rel=1e-4)
    assert (cutout.beam, cutout.unit, cutout.row0) == (real.beam, real.unit, real.row0)
    assert cutout.noise.rms == pytest.approx(real.noise.rms, rel=0.01)
