"""Reading PNG, JPEG, TIFF and NPY: orientation, depth, colour, transparency, and bombs."""

from __future__ import annotations

import pickle
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vlass_explorer import cutouts
from vlass_explorer.schema import CutoutError

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 255, (12, 20), dtype=np.uint8)
COLOUR = RNG.integers(0, 255, (12, 20, 3), dtype=np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def npy(array: NDArray[np.generic], **options: bool) -> bytes:
    stream = BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_is_flipped_unless_declared(kind: str) -> None:
    data = saved(Image.fromarray(GREY), kind)
    cutout = cutouts.read(data, "a.png")
    np.testing.assert_array_equal(cutout.pixels, GREY[::-1])
    assert (cutout.kind, cutout.unit, cutout.wcs, cutout.beam, cutout.row0) == ("image", "count", None, None, "unknown")
    south = cutouts.read(data, row0="south")
    np.testing.assert_array_equal(south.pixels, GREY)
    assert south.row0 == "south" and south.sha256 != cutout.sha256
    north = cutouts.read(data, row0="north")
    np.testing.assert_array_equal(north.pixels, GREY[::-1])
    assert north.row0 == "south"  # row 0 of the flipped pixels


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_kept(kind: str) -> None:
    deep = RNG.integers(0, 65535, (12, 20), dtype=np.uint16)
    cutout = cutouts.read(saved(Image.fromarray(deep), kind))
    np.testing.assert_array_equal(cutout.pixels, deep[::-1].astype(np.float32))
    assert "A 16-bit grey picture." in cutout.notes


def test_floating_point_tiff() -> None:
    values = RNG.normal(size=(12, 20)).astype(np.float32)
    np.testing.assert_array_equal(cutouts.read(saved(Image.fromarray(values), "TIFF")).pixels, values[::-1])


def test_colour_is_shown_as_luminance() -> None:
    cutout = cutouts.read(saved(Image.fromarray(COLOUR)))
    reference = (COLOUR.astype(float) @ [0.299, 0.587, 0.114])[::-1]
    np.testing.assert_allclose(cutout.pixels, reference, rtol=1e-6)
    assert any("luminance" in note for note in cutout.notes)
    grey = cutouts.read(saved(Image.fromarray(np.repeat(GREY[..., None], 3, axis=2))))
    np.testing.assert_array_equal(grey.pixels, GREY[::-1])
    assert any("all grey" in note for note in grey.notes)


def test_palette_jpeg_and_transparency() -> None:
    palette = Image.fromarray(GREY).convert("P")
    cutout = cutouts.read(saved(palette))
    np.testing.assert_array_equal(cutout.pixels, GREY[::-1])
    assert any("palette" in note for note in cutout.notes)
    smooth = np.add.outer(np.arange(40), np.arange(40)).astype(np.uint8)
    jpeg = cutouts.read(saved(Image.fromarray(smooth), "JPEG", quality=95))
    assert np.abs(jpeg.pixels - smooth[::-1]).max() <= 3
    clear = np.dstack([COLOUR, np.full((12, 20), 255, np.uint8)])
    clear[2, 3, 3] = 0
    holes = cutouts.read(saved(Image.fromarray(clear)))
    assert np.isnan(holes.pixels[12 - 1 - 2, 3]) and np.isnan(holes.pixels).sum() == 1


def test_pages_of_a_tiff() -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert "A cube of 2 planes: plane 0 is shown." in cutouts.read(data).notes
    np.testing.assert_array_equal(cutouts.read(data, plane=1).pixels, (255 - GREY)[::-1])
    with pytest.raises(CutoutError, match="no plane 2"):
        cutouts.read(data, plane=2)


def test_a_png_bomb_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    with pytest.raises(CutoutError, match="pixels; up to 16,777,216 are read"):
        cutouts.read(data)
    small = data.replace(struct.pack(">II", 30000, 30000), struct.pack(">II", 10000, 10000))
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + small[16:29]))
    with pytest.raises(CutoutError, match="10,000 × 10,000 pixels"):
        cutouts.read(small[:29] + crc + small[33:])


@pytest.mark.parametrize("cut", [40, 200])
def test_a_damaged_picture_is_refused(cut: int) -> None:
    data = saved(Image.fromarray(RNG.integers(0, 255, (64, 64), dtype=np.uint8)))
    with pytest.raises(CutoutError, match="damaged|cannot be read"):
        cutouts.read(data[:cut])


def test_pictures_can_be_cut_and_scaled() -> None:
    data = saved(Image.fromarray(GREY))
    boxed = cutouts.read(data, box=(2, 11, 5, 18))
    np.testing.assert_array_equal(boxed.pixels, GREY[::-1][2:11, 5:18])
    assert cutouts.read(data, pixel_scale=1.8).pixel_scale == (1.8, 1.8)
    with pytest.raises(CutoutError, match="no sky coordinates"):
        cutouts.read(data, position=(1.0, 2.0))
    with pytest.raises(CutoutError, match="impossible"):
        cutouts.read(data, pixel_scale=0.0)
    with pytest.raises(CutoutError, match="at least 8 × 8"):
        cutouts.read(saved(Image.fromarray(GREY[:4])))


@pytest.mark.parametrize("kind", [">f4", "<f8", "i8", "u2", "?"])
def test_arrays(kind: str) -> None:
    values = (RNG.integers(0, 2, (12, 20)) * 9).astype(kind)
    cutout = cutouts.read(npy(values), "a.npy")
    np.testing.assert_array_equal(cutout.pixels, values.astype(np.float32))
    assert (cutout.kind, cutout.unit, cutout.row0) == ("array", None, "unknown")
    fortran = cutouts.read(npy(np.asfortranarray(values)))
    np.testing.assert_array_equal(fortran.pixels, values.astype(np.float32))
    np.testing.assert_array_equal(cutouts.read(npy(values), row0="north").pixels, values[::-1].astype(np.float32))


def test_arrays_of_more_axes() -> None:
    colour = RNG.random((12, 20, 3))
    np.testing.assert_allclose(cutouts.read(npy(colour)).pixels, colour @ [0.299, 0.587, 0.114], rtol=1e-5)
    cube = RNG.random((5, 12, 20)).astype(np.float32)
    assert "A cube of 5 planes: plane 0 is shown." in cutouts.read(npy(cube)).notes
    np.testing.assert_array_equal(cutouts.read(npy(cube), plane=4).pixels, cube[4])
    thin = cutouts.read(npy(cube[:1, :, :, None]))
    np.testing.assert_array_equal(thin.pixels, cube[0])


HUGE = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999, 99999), }".ljust(117) + b"\n"
HUGE = b"\x93NUMPY\x01\x00\x76\x00" + HUGE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (npy(np.array([[{}] * 9] * 9), allow_pickle=True), "pickled Python objects"),
        (pickle.dumps([1, 2]), "pickle"),
        (npy(np.zeros((9, 9), complex)), "complex128"),
        (npy(np.zeros(9)), "needs two axes"),
        (npy(np.ones((9, 9)))[:-8], "cut short"),
        (b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'shape': (1", "cannot be read"),
        (HUGE, "99,999 × 99,999"),
        (b"PK\x03\x04abc", "archive"),
    ],
)
def test_bad_arrays_end_in_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(CutoutError, match=words) as error:
        cutouts.read(data, "a.npy")
    assert "\n" not in str(error.value)


def test_a_labelled_picture_agrees_with_pillow(data_dir: Path) -> None:
    path = next((data_dir / "first-radio-galaxies" / "FRI").glob("*.png"))
    with Image.open(path) as image:
        reference = np.asarray(image, np.float32)
    cutout = cutouts.read(path, row0="south", pixel_scale=1.8)
    np.testing.assert_array_equal(cutout.pixels, reference)
    assert cutout.is_clipped and cutout.row0 == "south" and cutout.shape == (300, 300)
