"""Sky coordinates of a header whose other axes are broken, in any order of axes, and of any frame."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import point_source
import pytest
from astropy.coordinates import FK4, FK5, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from vlass_explorer import cutouts
from vlass_explorer.figures.frame import centre_text, frame
from vlass_explorer.measure import measure
from vlass_explorer.schema import Cutout

FREQ = {"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CDELT3": 1e6, "CRPIX3": 1.0}


def place(cutout: Cutout) -> SkyCoord:
    """Where the source lies on the sky."""
    assert cutout.wcs is not None
    y, x = measure(cutout).peak_yx
    return cutout.wcs.pixel_to_world(x, y).icrs


def check_source(cutout: Cutout) -> None:
    """The source lies where it was put, with its flux."""
    assert cutout.pixel_scale == pytest.approx((1.8, 1.8))
    assert place(cutout).separation(SkyCoord(*point_source.PEAK, unit="deg")).arcsec < 0.1
    assert 0.049 < (measure(cutout).flux or 0.0) < 0.0505


@pytest.mark.parametrize(
    ("cards", "ghz"),
    [
        ({**FREQ, "CTYPE4": "STOKES", "CRVAL4": 1.0, "CDELT4": 0.0, "CRPIX4": 1.0}, 1.4),
        ({**FREQ, "CDELT3": 0.0}, 1.4),
        ({**FREQ, "CTYPE3": "FREQ-OHEL", "CUNIT3": "HZ"}, 1.4),
        ({**FREQ, "CTYPE3": "FREQ-OHEL", "CUNIT3": "M/S"}, None),
        ({**FREQ, "CTYPE3": "VELO-HEL", "CUNIT3": "M/S", "CRVAL3": 1e5}, None),
        ({**FREQ, "CTYPE3": "VELO-HEL", "CUNIT3": "m/s", "CRVAL3": 1e5, "RESTFRQ": 1.42e9}, 1.42),
        ({**FREQ, "CUNIT3": "GHz", "CRVAL3": 1.4, "CDELT3": 0.01}, 1.4),
        ({**FREQ, "CUNIT3": "MHZ", "CRVAL3": 1400.0}, 1.4),
        ({**FREQ, "CRVAL3": 1.4}, None),
        ({**FREQ, "CRVAL3": "n/a"}, None),
        ({**FREQ, "PC3_1": 0.5, "PC1_3": 0.5, "PC1_1": 1.0}, 1.4),
        ({"CTYPE3": "RA---TAN", "CRVAL3": 0.0, "CDELT3": 0.0}, None),
        ({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-9}, None),
        ({"A_ORDER": 2, "A_2_0": 1e-6}, None),
        ({"CTYPE1B": "LINEAR", "CD1_1B": "n/a", "CTYPE2B": "LINEAR"}, None),
        ({"CTYPE1": "ra--sin", "CTYPE2": "DEC-SIN", "CUNIT1": "DEGREES", "CUNIT2": "Deg"}, None),
        ({"CTYPE1": "RA", "CTYPE2": "DEC"}, None),
        ({"CDELT1": None, "CDELT2": None, "PC1_1": -5e-4, "PC2_2": 5e-4}, None),
        ({"CDELT1": -1.8, "CRVAL1": 675720.0, "CUNIT1": "arcsec", "CUNIT2": "DEGREE"}, None),
        ({"CDELT2": 1.8, "CRVAL2": 44640.0, "CUNIT2": "ASEC"}, None),
        ({"PC01_01": 1.0, "PC01_02": 0.0, "PC002001": 0.0, "PC002002": 1.0}, None),
    ],
)
@pytest.mark.parametrize("axes", [2, 3, 4])
def test_other_axes_and_old_spellings_cost_no_coordinates(cards: dict[str, Any], ghz: float | None, axes: int) -> None:
    pixels = point_source.sky().reshape((1,) * (axes - 2) + (100, 100))
    cutout = cutouts.read(point_source.file(pixels, **cards))
    check_source(cutout)
    assert cutout.origin.frequency_ghz == (pytest.approx(ghz) if ghz else None)


def test_an_unusable_spectral_axis_is_said() -> None:
    cutout = cutouts.read(point_source.file(**{**FREQ, "CTYPE3": "FREQ-OHEL", "CUNIT3": "M/S"}))
    assert any("spectral axis (FREQ-OHEL in M/S) is unusable" in note for note in cutout.notes)
    small = cutouts.read(point_source.file(**{**FREQ, "CRVAL3": 1.4}))
    assert "A frequency of 1.4 Hz is none that radio telescopes observe: left out." in small.notes


def in_order(order: tuple[int, ...], plane: int = 2) -> bytes:
    """A cube of five planes with the source in one; ``order`` of RA (0), Dec (1) and FREQ (2) as FITS axes."""
    cube = np.random.default_rng(3).normal(0, 1.5e-4, (5, 100, 100)).astype(np.float32)
    cube[plane] = point_source.sky()
    axes = ("RA---SIN", 187.7, -5e-4, 50.5), ("DEC--SIN", 12.4, 5e-4, 50.5), ("FREQ", 1.3e9, 5e7, 1.0)
    cards = {
        f"{key}{new}": value
        for new, old in enumerate(order, 1)
        for key, value in zip(("CTYPE", "CRVAL", "CDELT", "CRPIX"), axes[old], strict=True)
    }
    return point_source.file(cube.transpose([2 - old for old in reversed(order)]), **cards)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 0, 2), (1, 2, 0), (2, 1, 0)])
def test_the_sky_plane_is_found_in_any_order_of_axes(order: tuple[int, ...]) -> None:
    cutout = cutouts.read(in_order(order), plane=2)
    assert cutout.shape == (100, 100) and cutout.planes == 5
    is_transposed = order.index(1) < order.index(0)
    np.testing.assert_array_equal(cutout.pixels.T if is_transposed else cutout.pixels, point_source.sky())
    check_source(cutout)
    assert cutout.origin.frequency_ghz == pytest.approx(1.4)
    assert any("mirrored" in note for note in cutout.notes) == is_transposed
    boxed = cutouts.read(in_order(order), plane=2, box=(20, 80, 10, 90))
    np.testing.assert_array_equal(boxed.pixels, cutout.pixels[20:80, 10:90])
    cut = cutouts.read(in_order(order), plane=2, position=point_source.PEAK, size_arcsec=72.0)
    assert cut.shape == (40, 40) and place(cut).separation(place(cutout)).arcsec < 0.01


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (1, 2, 0)])
def test_an_axis_of_one_pixel_may_stand_anywhere(order: tuple[int, ...]) -> None:
    with fits.open(BytesIO(in_order(order))) as hdus:
        cube, header = hdus[0].data, hdus[0].header
    axis = 2 - order.index(2)
    one = np.ascontiguousarray(cube.take([2], axis=axis))
    cutout = cutouts.read(
        point_source.file(one, **{key: header[key] for key in header if key[-1] in "123" and key[0] == "C"})
    )
    check_source(cutout)


def test_axes_that_run_faster_than_the_sky_are_read_in_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutouts.fits, "SLAB", 3 * 8 * 5 * 100)
    np.testing.assert_array_equal(cutouts.read(in_order((2, 0, 1)), plane=2).pixels, point_source.sky())


def test_a_position_velocity_diagram_is_no_sky() -> None:
    cards = {
        "CTYPE2": "VRAD",
        "CUNIT2": "m/s",
        "CRVAL2": 0.0,
        "CDELT2": 1e3,
        "CTYPE3": "DEC--SIN",
        "CRVAL3": 12.4,
        "CDELT3": 5e-4,
    }
    cutout = cutouts.read(point_source.file(point_source.sky()[None], **cards))
    assert cutout.wcs is None and cutout.origin.product == "position-velocity"


def test_a_mirrored_image_has_its_arrows_right() -> None:
    cards = {
        "CTYPE1": "DEC--SIN",
        "CRVAL1": 12.4,
        "CDELT1": 5e-4,
        "CTYPE2": "RA---SIN",
        "CRVAL2": 187.7,
        "CDELT2": -5e-4,
    }
    cutout = cutouts.read(point_source.file(point_source.sky().T, **cards))
    check_source(cutout)
    assert cutout.row0 == "unknown"
    drawn = frame(cutout)
    assert drawn.titles == ("ΔRA (″)", "ΔDec (″)") and drawn.step == pytest.approx((-1.8, 1.8), rel=1e-4)
    assert drawn.north == pytest.approx((0.0, 1.0), abs=1e-3) and drawn.east == pytest.approx((1.0, 0.0), abs=1e-3)
    assert (centre_text(cutout) or "").startswith("12h30m48.00s +12°24′00.0″")
    flipped = cutouts.read(point_source.file(point_source.sky()[:, ::-1], CDELT1=5e-4))
    assert any("mirrored" in note for note in flipped.notes)
    turned = cutouts.read(point_source.file(point_source.sky()[::-1, ::-1], CDELT1=5e-4, CDELT2=-5e-4))
    assert not any("mirrored" in note for note in turned.notes)


@pytest.mark.parametrize(
    ("cards", "taken"),
    [
        ({"RADESYS": "J2000"}, "FK5, equinox 2000"),
        ({"RADESYS": "GAPPT"}, "FK5, equinox 2000"),
        ({"RADESYS": "galactic"}, "FK5, equinox 2000"),
        ({"RADESYS": "fk5"}, "FK5, equinox 2000"),
        ({"RADESYS": "FK5/J2000", "EQUINOX": None}, "FK5, equinox 2000"),
        ({"RADESYS": "ICRF2", "EQUINOX": None}, "ICRS"),
        ({"RADESYS": "unknown", "EQUINOX": "J2000"}, "FK5, equinox 2000"),
        ({"RADESYS": None, "RADECSYS": "fk5", "EQUINOX": "2000.0"}, "FK5, equinox 2000"),
    ],
)
def test_a_frame_that_astropy_does_not_know_is_taken_as_meant(cards: dict[str, Any], taken: str) -> None:
    cutout = cutouts.read(point_source.file(**cards), position=point_source.PEAK, size_arcsec=90.0)
    check_source(cutout)
    assert any(f"taken as {taken}." in note for note in cutout.notes)


@pytest.mark.parametrize(
    "cards",
    [
        {"RADESYS": "FK4", "EQUINOX": 1950.0},
        {"RADESYS": "FK4", "EQUINOX": None},
        {"RADESYS": "FK4-B1950", "EQUINOX": None},
        {"RADESYS": None, "EQUINOX": 1950.0},
        {"RADESYS": None, "EQUINOX": None, "EPOCH": 1950.0},
    ],
)
def test_b1950_is_shown_in_icrs(cards: dict[str, Any]) -> None:
    old = SkyCoord(187.7, 12.4, unit="deg", frame=FK5(equinox="J2000")).transform_to(FK4(equinox="B1950"))
    cutout = cutouts.read(point_source.file(CRVAL1=old.ra.deg, CRVAL2=old.dec.deg, **cards))
    text = centre_text(cutout) or ""
    assert text.startswith(("12h30m48.00s +12°24′00.0″ ICRS", "12h30m47.99s +12°23′59.9″ ICRS")), text
    assert any("FK4, equinox 1950" in note for note in cutout.notes)
    assert cutouts.read(point_source.file(CRVAL1=old.ra.deg, CRVAL2=old.dec.deg, **cards), position=(187.7, 12.4))


def test_galactic_axes_have_no_equatorial_frame() -> None:
    cards = {"CTYPE1": "GLON-SIN", "CTYPE2": "GLAT-SIN", "CRVAL1": 286.0, "CRVAL2": 74.4}
    cutout = cutouts.read(point_source.file(**cards))
    assert (centre_text(cutout) or "").startswith("l, b 286.00000°, +74.40000°")
    centre = SkyCoord(286.0, 74.4, unit="deg", frame="galactic").icrs
    cut = cutouts.read(point_source.file(**cards), position=(centre.ra.deg, centre.dec.deg), size_arcsec=90.0)
    assert cut.shape == (50, 50)
    other = cutouts.read(point_source.file(CTYPE1="ELON-SIN", CTYPE2="ELAT-SIN"))
    assert other.wcs is None and any("coordinates of ELON and ELAT are not read" in note for note in other.notes)


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CROTA2": 30.0},
        {"CD1_1": -4e-4, "CD1_2": 1e-4, "CD2_1": 1e-4, "CD2_2": 4e-4},
        {"PC1_1": 0.9, "PC1_2": -0.4, "PC2_1": 0.4, "PC2_2": 0.9, "LONPOLE": 150.0},
        {"CTYPE1": "RA---NCP", "CTYPE2": "DEC--NCP"},
        {"CTYPE1": "RA---GLS", "CTYPE2": "DEC--GLS"},
        {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "PV2_1": 0.01, "PV2_2": 0.02},
        {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.01, "PV2_1": 0.99, "PV1_7": 0.1},
        {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-5, "B_1_1": 2e-5},
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_terms_of_the_pair_are_kept(cards: dict[str, Any]) -> None:
    data = point_source.file(**cards)
    cutout = cutouts.read(data)
    reference = WCS(fits.Header.fromstring(data[:5760]))
    assert cutout.wcs is not None
    pixels = np.array([[0, 0], [99, 0], [10, 77]])
    np.testing.assert_allclose(cutout.wcs.all_pix2world(pixels, 0), reference.all_pix2world(pixels, 0), atol=1e-10)


@pytest.mark.parametrize(
    ("types", "more", "frame_of"),
    [
        (("RA---SIN", "DEC--SIN"), {"RADESYS": "ICRS"}, "icrs"),
        (("DEC--SIN", "RA---SIN"), {"RADESYS": "ICRS"}, "icrs"),
        (("RA---TAN", "DEC--TAN"), {"RADESYS": "FK5", "EQUINOX": 2000.0}, "fk5"),
        (("GLON-SIN", "GLAT-SIN"), {}, "galactic"),
    ],
)
def test_places_in_icrs_are_those_of_astropy(types: tuple[str, str], more: dict[str, Any], frame_of: str) -> None:
    wcs = WCS(
        {
            "CTYPE1": types[0],
            "CTYPE2": types[1],
            "CRVAL1": 0.001,
            "CRVAL2": 0.002,
            "CDELT1": -5e-4,
            "CDELT2": 5e-4,
            "CRPIX1": 5.0,
            "CRPIX2": 5.0,
            **more,
        }
    )  # on both sides of RA 0 and of the equator
    for y, x in ((0.0, 0.0), (9.0, 2.0), (4.0, 4.0)):
        sky = wcs.pixel_to_world(x, y)
        assert sky.frame.name == frame_of
        assert cutouts.icrs(wcs, y, x) == (float(sky.icrs.ra.deg), float(sky.icrs.dec.deg))
    far = WCS({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CDELT1": 30.0, "CDELT2": 30.0, "RADESYS": "ICRS"})
    assert cutouts.icrs(far, 99.0, 99.0) is None
