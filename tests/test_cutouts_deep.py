"""Pictures of 16 and 32 bits, BigTIFF, and those whose smallest value is white."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from fits_bytes import refused

from vlass_explorer import cutouts


def min_is_white(values: np.ndarray, sample_format: int, order: str) -> bytes:
    """A TIFF whose smallest value is white, written by hand: Pillow writes none of more than 8 bits."""
    ny, nx = values.shape
    bits = 8 * values.itemsize
    tags = (
        (256, 4, nx),
        (257, 4, ny),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 0),
        (273, 4, 10 + 12 * 10 + 4),
        (277, 3, 1),
        (278, 4, ny),
        (279, 4, values.nbytes),
        (339, 3, sample_format),
    )
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
        (256, 4, nx),
        (257, 4, ny),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 2 if more else 1),
        (273, 4, after + 6),
        (277, 3, samples),
        (278, 4, ny),
        (279, 4, values.nbytes),
        (339, 3, 1),
    ]
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


def test_signed_pixels_of_8_bits_do_not_wrap() -> None:
    shown = np.linspace(-128, 127, 12 * 16).reshape(12, 16).astype("i1")
    white, black = (struct.pack("<HHIH", 262, 3, 1, value) for value in (0, 1))
    cutout = cutouts.read(min_is_white(shown, 2, "<").replace(white, black))
    np.testing.assert_array_equal(cutout.pixels[::-1], shown)


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
