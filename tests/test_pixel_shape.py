"""Pixels on the sky over projections and places against astropy's separations, and what is measured with them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import point_source
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from vlass_explorer import cutouts, datasets, measure, preprocess, validity
from vlass_explorer.datasets.sky_model import Component, Observation, SkyGrid, noise, projected
from vlass_explorer.figures.frame import frame
from vlass_explorer.schema import Beam, Cutout, InputError, InputSpec, header_scale, pixel_shape, sky_steps

PROJECTIONS = ("SIN", "TAN", "NCP", "ZEA", "STG", "ARC", "CAR", "MER", "CEA", "AIT", "MOL", "SFL")
PLACES = ((30.0, 60.0), (359.999, -45.0), (200.0, 5.0), (83.0, 75.0), (120.0, -30.0))
SHAPE = (96, 101)
SPEC = InputSpec(stretch="first_png", field_of_view=60.0)


@cache
def far(
    projection: str, position: tuple[float, float], turn: float = 0.0, shape: tuple[int, int] = SHAPE, off: float = 8.0
) -> WCS:
    """Pixels of 1 arcsec at a reference point ``off`` degrees away in RA, on the equator for cylinders and ovals."""
    ra, dec = position
    reference = ((ra + off) % 360.0, 0.8 * dec)
    wcs = projected(projection, reference, 1.0, shape, turn).deepcopy()
    wcs.wcs.crpix += (np.array(shape[::-1]) + 1) / 2 - wcs.all_world2pix([[ra, dec]], 1)[0]
    return wcs


def at(wcs: WCS, x: float, y: float) -> SkyCoord:
    return wcs.pixel_to_world(x, y)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_lengths_area_and_angles_are_astropys_in_every_projection(projection: str) -> None:
    unlike = []
    for position, turn in product(PLACES, (0.0, 33.0)):
        wcs = far(projection, position, turn)
        y, x = (SHAPE[0] - 1) / 2, (SHAPE[1] - 1) / 2
        found, steps = pixel_shape(wcs, y, x), sky_steps(wcs, y, x)
        up, right = at(wcs, x, y + 0.5), at(wcs, x + 0.5, y)
        height, width = at(wcs, x, y - 0.5).separation(up).arcsec, at(wcs, x - 0.5, y).separation(right).arcsec
        assert found.scale == pytest.approx((height, width), rel=1e-6)
        along_y, along_x = (
            (high.cartesian - low.cartesian).xyz.value
            for high, low in ((up, at(wcs, x, y - 0.5)), (right, at(wcs, x - 0.5, y)))
        )
        area = np.linalg.norm(np.cross(along_x, along_y)) * np.degrees(3600.0) ** 2
        assert found.area == pytest.approx(area, rel=1e-6)
        assert steps is not None
        for step, there in zip(steps.T, (right, up), strict=True):
            angle = at(wcs, x, y).position_angle(there).rad
            assert np.arctan2(*step) == pytest.approx(
                (angle + np.pi) % (2 * np.pi) - np.pi, abs=1e-4
            )  # great circles bend
        # Any distance between two pixels, on the plane of the steps and on the sky.
        there = np.array([3.0, -4.0]) @ found.steps
        assert np.hypot(*there) == pytest.approx(
            at(wcs, x + 2, y - 1.5).separation(at(wcs, x - 2, y + 1.5)).arcsec, rel=1e-6
        )
        unlike.append(max(abs(np.array(found.scale) - 1.0)))
    assert max(unlike) > 0.003  # by what the header says all of them are 1


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_flux_of_one_source_is_the_same_in_every_projection(projection: str) -> None:
    beam, source = Beam(6.0, 5.0, 30.0), Component(0.08, 1.3, -2.2, 9.0, 5.0, 70.0)
    for number, position in enumerate(PLACES):
        wcs = far(projection, position, 20.0 * number, (160, 160))
        seen = Observation((source,), beam, SkyGrid(wcs, (160, 160)))
        random = np.random.default_rng(number)
        cutout = seen.cutout(random.normal(0.0, 2e-5, seen.image.shape))
        assert measure.measure(cutout).flux == pytest.approx(0.08, rel=0.02)


@cache
def plate_carree_file() -> bytes:
    """A round source in a CAR image about the equator, at declination 60."""
    shape = (200, 400)
    grid, beam = SkyGrid(projected("CAR", (30.0, 60.0), 1.0, shape), shape), Beam(6.0, 6.0)
    seen = Observation((Component(0.05, 0.0, 0.0, 20.0, 20.0),), beam, grid)
    image = seen.image + noise(np.random.default_rng(1), grid, beam, rms=5e-5, kind="beam")
    cards = {"BUNIT": "Jy/beam", "BMAJ": 6 / 3600, "BMIN": 6 / 3600, **grid.wcs.to_header()}
    return point_source.file(image.astype(np.float32), **cards)


@cache
def plate_carree() -> Cutout:
    return cutouts.read(plate_carree_file())


def test_a_plate_carree_far_from_the_equator_is_read_as_it_lies_on_the_sky() -> None:
    cutout = plate_carree()
    assert cutout.pixel_scale == pytest.approx((1.0, 0.5), rel=1e-4)
    assert cutout.notes[0] == (
        "Pixels are 0.5″ × 1″ on the sky here, not 1″ × 1″ as at the reference point of the CAR projection."
    )
    assert measure.beam_pixels(cutout) == pytest.approx(2 * np.pi * 36 / (4 * np.log(2)), rel=1e-4)
    found = measure.measure(cutout)
    assert found.flux == pytest.approx(0.05, rel=0.02)
    assert (found.major, found.minor) == pytest.approx((20.0, 20.0), rel=0.02)
    assert preprocess.window(cutout, SPEC).shape == (60, 120)
    axes = frame(cutout)
    assert axes.step == pytest.approx((1.0, -0.5), rel=1e-4)
    assert axes.north == pytest.approx((1.0, 0.0), abs=1e-6) and axes.east == pytest.approx((0.0, 1.0), abs=1e-6)


def test_a_source_has_its_size_on_the_sky() -> None:
    """Also where pixels are skew: the same mask of two pixels, whose separation astropy knows."""
    wcs = far("MOL", (120.0, -30.0), off=60.0)
    shape = pixel_shape(wcs, 47.5, 50.0)
    mask = np.zeros(SHAPE, bool)
    mask[30, 40] = mask[65, 60] = True
    assert shape.area < 0.97 * shape.scale[0] * shape.scale[1]
    assert measure.extent(mask, shape.steps) == pytest.approx(
        at(wcs, 40, 30).separation(at(wcs, 60, 65)).arcsec, rel=1e-3
    )


def test_the_model_is_not_asked_about_squeezed_pixels() -> None:
    said = validity.check(plate_carree(), SPEC)
    assert said.level == "outside"
    assert said.reasons[0] == ("The pixels are unequal on the sky (0.5″ × 1″): regrid the image to square ones first.")
    coarse = replace(SPEC, survey="FIRST", pixel_scale_arcsec=1.8)
    first = replace(plate_carree(), origin=replace(plate_carree().origin, survey="FIRST"))
    assert (
        "Trained on pixels of 1.8″. Those of this image are 0.5″ × 1″: untested."
        in validity.check(first, coarse).reasons
    )
    skew = replace(plate_carree(), wcs=far("MOL", (120.0, -30.0), off=60.0))
    assert skew.pixel_shape is not None and skew.pixel_shape.elongation > 1.2
    assert validity.check(skew, SPEC).level == "outside"
    square = replace(plate_carree(), wcs=far("TAN", (120.0, -30.0)))
    assert square.pixel_scale == pytest.approx((1.0, 1.0), rel=0.05)
    assert not [reason for reason in validity.check(square, SPEC).reasons if "on the sky" in reason]


def test_a_cut_is_as_wide_on_the_sky_as_asked_for() -> None:
    grid = projected("CAR", (30.0, 0.0), 120.0, (600, 300))  # ten degrees along the meridian
    pixels = np.random.default_rng(2).normal(0.0, 1e-4, (600, 300)).astype(np.float32)
    data = point_source.file(pixels, **{"BMAJ": None, "BMIN": None, "BPA": None, **grid.to_header()})
    cutout = cutouts.read(data, position=(30.0, 8.0), size_arcsec=7200.0)
    assert cutout.shape == (60, 61) and cutout.pixel_scale == pytest.approx((120.0, 120.0 * np.cos(np.radians(8.0))))


@pytest.mark.parametrize("projection", ["SIN", "TAN", "NCP", "CAR"])
@pytest.mark.parametrize("pixel", [1.8, 1e-5, 0.1, 120.0])
def test_near_its_reference_point_an_image_has_the_pixels_of_its_header(projection: str, pixel: float) -> None:
    wcs = projected(projection, (10.0, 0.0 if projection == "CAR" else 40.0), pixel, (9, 9), 30.0)
    width, height = proj_plane_pixel_scales(wcs) * 3600.0
    shape = pixel_shape(wcs, 4.0, 4.0)
    assert shape.scale == header_scale(wcs) == (height, width)
    assert shape.area == height * width and (shape.steps == np.diag([height, width])).all()


def test_a_pole_is_a_place_like_any_other() -> None:
    wcs = projected("SIN", (10.0, 90.0), 1.0, (9, 9))
    assert pixel_shape(wcs, 4.0, 4.0).scale == (1.0, 1.0)
    assert pixel_shape(wcs, 7.0, 2.0).scale == pytest.approx((1.0, 1.0), rel=1e-6)


def test_where_the_projection_has_no_sky_the_header_says_how_large_pixels_are() -> None:
    wcs = projected("AIT", (0.0, 0.0), 7200.0, (100, 200))
    assert sky_steps(wcs, 0.0, 0.0) is None
    assert pixel_shape(wcs, 0.0, 0.0).scale == pytest.approx((7200.0, 7200.0))


def test_declination_may_run_along_x() -> None:
    wcs = far("CAR", (30.0, 60.0)).swapaxes(0, 1)
    wcs.array_shape = SHAPE[::-1]
    assert pixel_shape(wcs, 50.0, 47.5).scale == pytest.approx((0.5, 1.0), rel=1e-3)


def test_replacing_the_coordinates_replaces_the_scale() -> None:
    cutout = plate_carree()
    assert cutout.pixel_scale == pytest.approx((1.0, 0.5), rel=1e-4)
    other = replace(cutout, wcs=projected("SIN", (30.0, 60.0), 2.0, cutout.shape))
    assert (other.pixel_scale, cutout.pixel_shape) == ((2.0, 2.0), plate_carree().pixel_shape)
    assert replace(cutout, wcs=None, declared_scale=1.8).pixel_scale == (1.8, 1.8)
    assert replace(cutout, wcs=None).pixel_scale is None


def test_pixels_without_a_size_are_told() -> None:
    wcs = projected("SIN", (30.0, 60.0), 1.0, SHAPE)
    wcs.wcs.cdelt = [np.nan, 1 / 3600]
    with pytest.raises(InputError, match="give no pixel size"):
        preprocess.window(replace(plate_carree(), wcs=wcs), SPEC)


def test_a_data_set_has_the_pixels_of_the_sky_where_the_header_has_others(tmp_path: Path) -> None:
    near = point_source.file(CRPIX1=-1000.5)  # half a degree from the reference point
    for name, data, scale in (("near", near, 1.8), ("far", plate_carree_file(), np.sqrt(0.5))):
        for label in "ab":
            (tmp_path / name / label).mkdir(parents=True)
            (tmp_path / name / label / "source.fits").write_bytes(data)
        found = datasets.load("class_folders", tmp_path / name).pixel_scale_arcsec
        assert found == pytest.approx(scale, rel=1e-12 if name == "near" else 1e-4)
