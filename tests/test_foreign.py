"""Errors of foreign libraries: mapped once where a file is read, whatever their kind; typed ones carry fields."""

from __future__ import annotations

import io
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from fits_bytes import refused
from PIL import Image

from vlass_explorer import cutouts
from vlass_explorer.foreign import mapped, reason, sentence
from vlass_explorer.schema import CheckpointError, CutoutError, NeedsPart, NoSuchPlane


def distorted(term: float, side: int = 64) -> bytes:
    """An image whose SIP distortion has a cubic term: too strong a one has no inverse far from the middle."""
    header = fits.Header(
        {
            "CTYPE1": "RA---TAN-SIP",
            "CTYPE2": "DEC--TAN-SIP",
            "CRVAL1": 150.0,
            "CRVAL2": 20.0,
            "CRPIX1": side / 2,
            "CRPIX2": side / 2,
            "CD1_1": -5e-4,
            "CD1_2": 0.0,
            "CD2_1": 0.0,
            "CD2_2": 5e-4,
            "A_ORDER": 3,
            "B_ORDER": 3,
            "A_3_0": term,
            "B_0_3": term,
        }
    )
    buffer = io.BytesIO()
    fits.PrimaryHDU(np.random.default_rng(0).normal(size=(side, side)).astype(np.float32), header).writeto(buffer)
    return buffer.getvalue()


def npy(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + bytes(4 * 100)


@pytest.mark.parametrize("kind", [AssertionError, ZeroDivisionError, zlib.error, RecursionError, OSError])
def test_any_error_of_a_library_becomes_the_typed_one_and_keeps_its_cause(kind: type[Exception]) -> None:
    with pytest.raises(CutoutError, match="broken") as caught, mapped(lambda error: CutoutError("broken")):
        raise kind("inside")
    assert isinstance(caught.value.__cause__, kind)


def test_typed_errors_and_requests_to_stop_pass_unchanged() -> None:
    with pytest.raises(CheckpointError, match="^as it was$"), mapped(lambda error: CutoutError("another")):
        raise CheckpointError("as it was")
    with pytest.raises(KeyboardInterrupt), mapped(lambda error: CutoutError("another")):
        raise KeyboardInterrupt


def test_a_library_that_says_nothing_is_named_by_its_error() -> None:
    assert reason(AssertionError()) == "AssertionError"
    assert reason(ValueError("two\n lines. ")) == "two lines"
    assert reason(FileNotFoundError(2, "No such file or directory", "/a/b")) == "No such file or directory"


def test_a_sentence_of_the_file_system_names_the_file() -> None:
    said = sentence(PermissionError(13, "Permission denied", "/data/a.fits"))
    assert said.startswith("The file system refuses '/data/a.fits': Permission denied.")
    assert sentence(CutoutError("One sentence.")) == "One sentence."


@pytest.mark.parametrize("text", [b"SIMPLE letters, no image\n", b"SIMPLE\n", b"SIMPLE =                    T"])
def test_a_text_that_starts_like_fits_is_refused_alike_from_bytes_and_from_disk(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "letter.fits"
    path.write_bytes(text * 200)
    with pytest.raises(CutoutError) as from_disk:
        cutouts.read(path)
    assert str(from_disk.value) == refused(text * 200)


@pytest.mark.parametrize("shape", [(-10, 10), (10, -10), (-10, -10), (2, -5, -10)])
def test_an_array_of_negative_axes_is_refused(shape: tuple[int, ...]) -> None:
    assert "the shape" in refused(npy(shape))


def test_a_place_that_the_distortion_does_not_reach_is_refused_not_guessed() -> None:
    with pytest.raises(NeedsPart, match="outside the image"):
        cutouts.read(distorted(1e-3), position=(150.01, 20.01), size_arcsec=20)
    assert cutouts.read(distorted(1e-3), position=(150.0, 20.0), size_arcsec=20).shape == (11, 11)


def test_one_place_that_does_not_converge_costs_no_other() -> None:
    wcs = WCS(fits.Header.fromstring(distorted(-1e-3)[:2880].decode()))
    places = SkyCoord([150.0, 150.014, 150.001], [20.0, 20.014, 20.003], unit="deg")
    x, y = cutouts.to_pixels(wcs, places)
    assert np.isfinite(x).tolist() == [True, False, True]
    back = wcs.all_pix2world(x[[0, 2]], y[[0, 2]], 0)
    np.testing.assert_allclose(back, [[150.0, 150.001], [20.0, 20.003]], atol=1e-7)


def test_planes_are_counted_and_a_missing_one_says_how_many_there_are() -> None:
    frames = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (32, 32), np.uint8)) for n in range(3)]
    tiff, cube = io.BytesIO(), io.BytesIO()
    frames[0].save(tiff, "TIFF", save_all=True, append_images=frames[1:])
    fits.PrimaryHDU(np.random.default_rng(0).normal(size=(2, 4, 16, 16)).astype(np.float32)).writeto(cube)
    stack = io.BytesIO()
    np.save(stack, np.random.default_rng(0).normal(size=(5, 16, 16)))
    for content, planes in ((tiff.getvalue(), 3), (cube.getvalue(), 8), (stack.getvalue(), 5)):
        assert cutouts.read(content, plane=planes - 1).planes == planes
        with pytest.raises(NoSuchPlane) as caught:
            cutouts.read(content, plane=planes)
        assert (caught.value.plane, caught.value.planes) == (planes, planes)


def test_errors_with_fields_survive_a_cache() -> None:
    copy = pickle.loads(pickle.dumps(NoSuchPlane(4, 2)))
    assert (copy.plane, copy.planes, str(copy)) == (4, 2, "There is no plane 4: the cube has planes 0 to 1.")


def test_what_can_be_mended_by_a_part_says_so_by_its_type() -> None:
    wide = io.BytesIO()
    fits.PrimaryHDU(np.zeros((4100, 4100), np.uint8)).writeto(wide)
    for options in ({}, {"box": (0, 9000, 0, 10)}, {"position": (10.0, 10.0)}):
        with pytest.raises(NeedsPart):
            cutouts.read(wide.getvalue(), **options)
