"""PNG, JPEG, TIFF and NPY to one plane of pixels, without pickle and never larger than the limit."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from math import prod
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..foreign import mapped, reason
from ..schema import CutoutError, Row0
from . import deep, tiff
from .astropy_notes import collected
from .bounds import MAX_PIXELS, check_side
from .notes import Notes
from .raw import Raw, plane_index

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's own grey
GREY_MODES = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}

UNKNOWN = "A picture: pixels are counts after an unknown stretch, without unit, beam or sky coordinates."


def read_picture(data: bytes, plane: int, row0: Row0 | None) -> Raw:
    """A PNG, JPEG or TIFF: grey as it is, colour as luminance; the top row of the file becomes the last row."""
    notes = Notes()
    formats = ("PNG", "JPEG", "TIFF")
    data, white = tiff.as_min_is_black(data)
    with (
        mapped(partial(_damaged, data[:4])),
        collected(notes, Warning),
        Image.open(BytesIO(data), formats=formats) as image,
    ):
        _check_size(image.width, image.height)
        frames = int(getattr(image, "n_frames", 1))
        plane_index((frames,), plane, notes)
        if frames > 1:
            image.seek(plane)
            _check_size(image.width, image.height)
        bits = _bits(image, data)
        white |= _white_of_big_tiff(image, data, bits, plane)
        pixels, colour = _grey(image, bits, data, notes)
    if plane in white:
        pixels = tiff.inverted(pixels, *white[plane])
        notes.append("The smallest value is white in this TIFF: it was turned, so that sources are bright.")
    notes.append(UNKNOWN)
    if row0 != "south":
        pixels, colour = pixels[::-1], None if colour is None else colour[::-1]
    facing: Row0 = "unknown" if row0 in (None, "unknown") else "south"
    return Raw(pixels, "image", notes, unit="count", row0=facing, colour=colour, planes=frames)


def _damaged(head: bytes, error: Exception) -> CutoutError:
    """What is said of a picture that Pillow cannot read."""
    if isinstance(error, Image.DecompressionBombError):
        return CutoutError(_too_large(None))
    if isinstance(error, UnidentifiedImageError) and head in (b"II+\0", b"MM\0+"):
        return CutoutError("This BigTIFF cannot be read: save it as TIFF (up to 4 GB need no BigTIFF), FITS or NPY.")
    if isinstance(error, UnidentifiedImageError):
        return CutoutError("The picture has a form that cannot be read: save it as FITS, NPY or 16-bit PNG.")
    return CutoutError(f"The picture is damaged ({reason(error, 80)}): copy or download it again.")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise CutoutError(_too_large((width, height)))
    check_side(height, width)


def _too_large(size: tuple[int, int] | None) -> str:
    text = f"{size[0]:,} × {size[1]:,} pixels" if size else "far too many pixels"
    return f"The picture has {text}; up to {MAX_PIXELS:,} are read: cut out the part around the source."


def _white_of_big_tiff(image: Image.Image, data: bytes, bits: int, plane: int) -> dict[int, tuple[int, int]]:
    """Bits and sample format of a page that Pillow shows with its smallest value black though the file calls it white.

    Pillow turns pages of 8 bits alone; those of a classic TIFF are declared otherwise before it sees them.
    """
    tags = getattr(image, "tag_v2", {})
    if data[:4] != b"II+\0" or bits <= 8 or tags.get(tiff.PHOTOMETRIC) != 0:
        return {}
    return {plane: (bits, int(np.ravel(tags.get(tiff.FORMAT, 1))[0]))}


def _bits(image: Image.Image, data: bytes) -> int:
    """Bits a channel, as the file says."""
    if image.format == "PNG":
        return data[24]
    tags = getattr(image, "tag_v2", {})
    return int(np.ravel(tags.get(tiff.BITS, 8))[0])


def _grey(
    image: Image.Image, bits: int, data: bytes, notes: Notes
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """One channel (ny, nx) and, of a picture in colour, all (ny, nx, 3); top row first, transparent pixels NaN."""
    if image.mode in GREY_MODES and "transparency" not in image.info:
        if image.mode == "F" or bits != 8:
            notes.append(f"A {'floating-point' if image.mode == 'F' else f'{bits}-bit'} grey picture.")
        return deep.signed_as_told(image, np.array(image)).astype(np.float32), None
    notes_mode = {"P": "palette", "CMYK": "CMYK", "YCbCr": "YCbCr"}.get(image.mode)
    has_alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    whole = deep.channels(image, data) if bits == 16 else None
    if whole is not None:
        # Grey with transparency has two channels; three or four are red, green, blue and transparency.
        channels = (whole[..., [0, 0, 0, 1]] if whole.shape[2] == 2 else whole).astype(np.float32)
        has_alpha = channels.shape[2] == 4
        notes.append("16 bits a channel.")
    else:
        channels = np.array(image.convert("RGBA" if has_alpha else "RGB"), dtype=np.float32)
        if bits == 16:
            notes.append("16 bits a channel were read as 8.")
    opaque = 65535 if whole is not None else 255
    pixels = luminance(channels[..., :3], notes, notes_mode)
    if has_alpha:
        clear = channels[..., 3] == 0
        if clear.any():
            pixels[clear] = channels[clear] = np.nan
            notes.append("Fully transparent pixels are taken as no data.")
        elif (channels[..., 3] < opaque).any():
            notes.append("Transparency is ignored.")
    return pixels, in_colour(channels)


def luminance(channels: NDArray[Any], notes: Notes, kind: str | None = None) -> NDArray[np.float32]:
    """(ny, nx, 3) to (ny, nx): the one value where all channels agree, else 0.299 R + 0.587 G + 0.114 B."""
    channels = channels.astype(np.float32, copy=False)
    named = f"A {kind} picture" if kind else "Three channels"
    if (channels == channels[..., :1]).all():
        notes.append(f"{named}, all grey: one channel is shown.")
        return np.ascontiguousarray(channels[..., 0])
    notes.append(f"{named} in colour: the luminance is shown; colours that code brightness mislead a model.")
    grey: NDArray[np.float32] = channels @ LUMINANCE
    return grey


def in_colour(channels: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Red, green and blue (ny, nx, 3) where they differ anywhere."""
    rgb = channels[..., :3]
    return None if np.array_equal(rgb, np.broadcast_to(rgb[..., :1], rgb.shape), equal_nan=True) else rgb


def read_array(data: bytes, plane: int, row0: Row0 | None) -> Raw:
    """An NPY array: two axes, or a cube (first plane), or colour where the last axis is 3 or 4; rows as stored."""
    shape, fortran, dtype, start = _npy_header(data)
    if dtype.hasobject:
        raise CutoutError("The array holds pickled Python objects, which are never opened: save plain numbers.")
    if dtype.fields is not None or dtype.kind not in "fiub":
        raise CutoutError(f"The array holds {dtype.name} values: save real numbers.")
    count = prod(shape)
    if len(shape) < 2:
        raise CutoutError(f"The array has the shape {shape}; an image needs two axes.")
    notes = Notes()
    channels: NDArray[np.float32] | None = None
    colour = len(shape) == 3 and shape[2] in (3, 4)
    long = [n for n in shape if n != 1]
    if not colour and len(long) >= 2 and len(long) < len(shape):
        notes.append(f"{len(shape)} axes, {len(shape) - len(long)} degenerate dropped.")
        shape_used: tuple[int, ...] = tuple(long)
    else:
        shape_used = shape
    ny, nx = shape[:2] if colour else shape_used[-2:]
    check_side(ny, nx)
    if ny * nx > MAX_PIXELS:
        raise CutoutError(f"The array has {nx:,} × {ny:,} pixels; up to {MAX_PIXELS:,} are read: cut out a part.")
    if len(data) - start < count * dtype.itemsize:
        raise CutoutError("The array is cut short: its header promises more numbers than follow; save it again.")
    values = np.frombuffer(data, dtype, count, start).reshape(shape, order="F" if fortran else "C")
    with np.errstate(over="ignore", invalid="ignore"):
        if colour:
            plane_index((1,), plane, notes)
            three = values[..., :3].astype(np.float32)
            pixels, channels = luminance(three, notes), in_colour(three)
        else:
            values = values.reshape(shape_used)
            pixels = values[plane_index(shape_used[:-2], plane, notes)].astype(np.float32)
    if row0 == "north":
        pixels, channels = pixels[::-1], None if channels is None else channels[::-1]
    notes.append("An array without unit, beam or sky coordinates.")
    facing: Row0 = "unknown" if row0 in (None, "unknown") else "south"
    planes = 1 if colour else prod(shape_used[:-2])
    return Raw(pixels, "array", notes, row0=facing, colour=channels, planes=planes)


def _npy_header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order, type and start of the numbers; the header is a literal, never evaluated."""
    stream = BytesIO(data)
    with mapped(_garbled):
        version = npy.read_magic(stream)
        reader = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if reader is None:
            raise ValueError(f"version {version}")
        shape, fortran, dtype = reader(stream)
        if any(n < 0 for n in shape):
            raise ValueError(f"the shape {shape}")
        return tuple(int(n) for n in shape), bool(fortran), dtype, stream.tell()


def _garbled(error: Exception) -> CutoutError:
    return CutoutError(f"The NPY header cannot be read ({reason(error, 80)}): save the array again.")
