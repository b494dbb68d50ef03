"""Reading PNG, JPEG, TIFF and NPY: orientation, depth, colour, transparency, and bombs."""

from __future__ import annotations

import pickle
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fits_bytes import refused
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
)  # fmt: skip
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


def min_is_white(values: np.ndarray, sample_format: int, order: str) -> bytes:
    """A TIFF whose smallest value is white, written by hand: Pillow writes none of more than 8 bits."""
    ny, nx = values.shape
    bits = 8 * values.itemsize
    tags = (
        (256, 4, nx), (257, 4, ny), (258, 3, bits), (259, 3, 1), (262, 3, 0), (273, 4, 10 + 12 * 10 + 4), (277, 3, 1),
        (278, 4, ny), (279, 4, values.nbytes), (339, 3, sample_format),
    )  # fmt: skip
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1) + struct.pack(f"{order}{'I' if kind == 4 else 'Hxx'}", value)
        for tag, kind, value in tags
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return head + entries + b"\0" * 4 + values.astype(values.dtype.newbyteorder(order)).tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "form", "highest"), [("u1", 1, 255), ("u2", 1, 65535), ("f4", 3, 1.0)])
def test_a_tiff_whose_smallest_value_is_white_is_turned(order: str, kind: str, form: int, highest: float) -> None:
    shown = np.linspace(0, highest, 12 * 16).reshape(12, 16).astype(kind)
    cutout = cutouts.read(min_is_white(np.array(highest, kind) - shown, form, order))
    np.testing.assert_allclose(cutout.pixels[::-1], shown.astype(np.float32), atol=1e-6 * highest)
    if kind == "u2":
        assert "A 16-bit grey picture." in cutout.notes


def tiff_of(values: np.ndarray, order: str = "<", big: bool = False) -> bytes:
    """An uncompressed TIFF of (ny, nx) or (ny, nx, 3) integers, written by hand: Pillow writes no deep colour."""
    ny, nx, *more = values.shape
    samples, bits = (more or [1])[0], 8 * values.itemsize
    wide = "Q" if big else "I"
    size, start = (20, 16 + 8) if big else (12, 8 + 2)
    after = start + size * 10 + (8 if big else 4)
    tags = [
        (256, 4, nx), (257, 4, ny), (258, 3, bits), (259, 3, 1), (262, 3, 2 if more else 1), (273, 4, after + 6),
        (277, 3, samples), (278, 4, ny), (279, 4, values.nbytes), (339, 3, 1),
    ]  # fmt: skip
    head = struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, 10) if big else struct.pack(f"{order}HIH", 42, 8, 10)
    body = b""
    for tag, kind, value in tags:
        count = samples if tag == 258 else 1
        room = 8 if big else 4
        short = struct.pack(f"{order}{count}H", *[value] * count)
        field = struct.pack(f"{order}I", value) if kind == 4 else short
        if len(field) > room:
            field = struct.pack(f"{order}{wide}", after)
        body += struct.pack(f"{order}HH{wide}", tag, kind, count) + field.ljust(room, b"\0")
    magic = b"II" if order == "<" else b"MM"
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    return magic + head + body + bytes(8 if big else 4) + struct.pack(f"{order}3H", bits, bits, bits) + data


def png_of(values: np.ndarray) -> bytes:
    """A PNG of (ny, nx, 3 or 4) integers of 16 bits, without filters."""
    ny, nx, samples = values.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", nx, ny, 16, {3: 2, 4: 6}[samples], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


DEEP = np.random.default_rng(4).integers(0, 65536, (12, 16, 3)).astype(np.uint16)


@pytest.mark.parametrize(
    "data", [tiff_of(DEEP), tiff_of(DEEP, ">"), tiff_of(DEEP, big=True), png_of(DEEP)], ids=["II", "MM", "Big", "PNG"]
)
def test_colour_of_16_bits_a_channel_is_kept(data: bytes) -> None:
    cutout = cutouts.read(data)
    assert cutout.colour is not None and "16 bits a channel." in cutout.notes
    np.testing.assert_array_equal(np.moveaxis(cutout.colour, 0, -1)[::-1], DEEP.astype(np.float32))


def test_transparency_of_16_bits_is_no_data_where_nothing_shows() -> None:
    opaque = np.full((12, 16, 1), 65535, np.uint16)
    opaque[:6] = 0
    cutout = cutouts.read(png_of(np.concatenate([DEEP, opaque], axis=2)))
    assert np.isnan(cutout.pixels[6:]).all() and np.isfinite(cutout.pixels[:6]).all()
    assert "Transparency is ignored." not in cutout.notes


def test_unsigned_pixels_of_32_bits_are_not_negative() -> None:
    values = np.linspace(0, 2**32 - 1, 192).reshape(12, 16).astype(np.uint32)
    cutout = cutouts.read(tiff_of(values))
    np.testing.assert_array_equal(cutout.pixels[::-1], values.astype(np.float32))
    assert "A 32-bit grey picture." in cutout.notes


def test_a_big_tiff_is_read_or_named() -> None:
    np.testing.assert_array_equal(cutouts.read(tiff_of(DEEP[..., 0], big=True)).pixels[::-1], DEEP[..., 0])
    assert refused(tiff_of(DEEP[..., 0], ">", big=True)).startswith("This BigTIFF cannot be read: save it as TIFF")


def test_a_big_tiff_whose_smallest_value_is_white_is_turned() -> None:
    declared = tiff_of(65535 - DEEP[..., 0], big=True).replace(
        struct.pack("<HHQH", 262, 3, 1, 1), struct.pack("<HHQH", 262, 3, 1, 0)
    )
    cutout = cutouts.read(declared)
    np.testing.assert_array_equal(cutout.pixels[::-1], DEEP[..., 0])
    assert any("smallest value is white" in note for note in cutout.notes)
