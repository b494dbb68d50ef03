"""Cutouts from files: FITS, PNG, JPEG, TIFF and NPY, as bytes or paths, each checked before any work is done."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..foreign import mapped, reason
from ..measure import noise
from ..schema import Beam, Cutout, CutoutError, EmptyPlane, Row0
from . import declared, edges, fits, images, mosaics
from .bounds import MAX_FILE_BYTES, MAX_PIXELS, MOSAIC_PIXELS, check_pixels, check_side, safe_name, size_text, unpacked
from .extent import extent
from .names import FORMATS, is_cutout, is_fits
from .notes import Notes
from .origin import by_name
from .raw import Cut, Raw
from .sky import icrs, region, square_grid, to_pixels

__all__ = [
    "FORMATS",
    "MOSAIC_PIXELS",
    "extent",
    "icrs",
    "is_cutout",
    "is_fits",
    "read",
    "safe_name",
    "square_grid",
    "to_pixels",
]

SIMPLE = b"SIMPLE  ="  # the first card of every FITS file
MAX_HASHED_BYTES = 64 * 2**20  # a larger FITS file on disk is not read whole, and its hash is that of what is read


def read(
    source: bytes | Path | str,
    name: str | None = None,
    *,
    plane: int = 0,
    row0: Row0 | None = None,
    position: tuple[float, float] | None = None,
    box: tuple[int, int, int, int] | None = None,
    size_arcsec: float | None = None,
    pixel_scale: float | None = None,
    keep_zeros: bool = False,
    stretch: str | None = None,
    beam: Beam | None = None,
    survey: str | None = None,
    clip: tuple[float, float] | None = None,
    most_pixels: int = MAX_PIXELS,
) -> Cutout:
    """Read one image from bytes or from a file, by its content, never by its name.

    FITS pixels stay as stored (row 0 is the bottom); the rows of PNG, JPEG and TIFF are flipped so that row 0 is the
    bottom, unless ``row0="south"`` declares that the file's first row already is. NaN is kept; infinite values become
    NaN, and so do edges that were filled with zeros (or any one value) where nothing was observed. Whatever is odd but
    readable is told in ``Cutout.notes``. The noise is measured once, on what is returned.

    Args:
        source: the bytes of a file, or its path. Of a large FITS file given by path only the
            part that is asked for is read.
        name: name to show and to recognise survey and product by; its base name only is kept.
        plane: plane of a cube or page of a TIFF, counted from 0.
        row0: where the file's first row lies on the sky, where the file does not say.
        position: (RA, Dec) in degrees, ICRS: cut a square of ``size_arcsec`` (540 by default) around it.
        box: (y0, y1, x0, x1) in pixel edges: cut this part.
        pixel_scale: size of a pixel in arcsec, where the file does not say.
        keep_zeros: leave filled edges as they are.
        stretch: how a picture or array was stretched (``declared``), which is undone; FITS holds brightness as it is.
        beam: beam of a picture or array.
        survey: survey of a picture or array.
        clip: brightness in mJy/beam of black and white in a picture or array of a declared stretch.
        most_pixels: of a FITS image or a cut of one, beyond which it is refused.

    Raises:
        CutoutError: one sentence, without the file's name, on what is wrong and what to do.
    """
    if position is not None and box is not None:
        raise CutoutError("Give a position or a pixel box, not both.")
    if pixel_scale is not None and not (math.isfinite(pixel_scale) and pixel_scale > 0):
        raise CutoutError(f"A pixel of {pixel_scale:g}″ is impossible: give a positive size in arcsec.")
    if clip is not None and stretch is None:
        raise CutoutError("A clip needs the stretch between black and white: declare it, too, perhaps linear.")
    cut = Cut(position, box, size_arcsec)
    path = None if isinstance(source, bytes) else Path(source)
    shown = safe_name(name if name is not None else path.name if path is not None else "")
    data: bytes | Path = _opened(path) if path is not None else _bounded(bytes(source))  # type: ignore[arg-type]
    raw = _dispatch(data, shown, plane, row0, cut, most_pixels)
    if raw.planes > 1 and not np.isfinite(raw.pixels).any():
        raise EmptyPlane(plane, raw.planes)
    options: tuple[object, ...] = (
        plane,
        row0,
        position,
        box,
        size_arcsec,
        pixel_scale,
        *(["keep zeros"] if keep_zeros else []),
    )
    said = (stretch, beam, survey) if raw.kind != "fits" else (None, None, None)
    clip = clip if raw.kind != "fits" else None
    if any(said):
        options += said if clip is None else (*said, clip)
    digest = _digest(data, raw, options if options != (0, None, None, None, None, None) else None)
    cutout = _finish(raw, shown, digest, row0, cut, pixel_scale, keep_zeros, said[0], clip)
    return declared.apply(cutout, *said, clip) if any(said) else cutout


def _opened(path: Path) -> bytes | Path:
    """Bytes of a small file, read once; the path itself of a large FITS file, of which only the part asked is read."""
    with mapped(_unopened):
        if not path.is_file():
            raise CutoutError("There is no such file: check the path.")
        with path.open("rb", buffering=0) as stream:
            size = path.stat().st_size
            if size <= MAX_HASHED_BYTES:
                return stream.readall()
            if stream.read(len(SIMPLE)) == SIMPLE:
                return path
        if size > MAX_FILE_BYTES:
            raise CutoutError(f"The file is larger than {size_text(MAX_FILE_BYTES)}: cut out a part.")
        return path.read_bytes()


def _unopened(error: Exception) -> CutoutError:
    return CutoutError(f"The file cannot be opened ({reason(error)}): check path and permissions.")


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise CutoutError(f"The file is larger than {size_text(MAX_FILE_BYTES)}: cut out a part.")
    return data


def _digest(data: bytes | Path, raw: Raw, options: object) -> str:
    """SHA-256 of the content, of header and pixels for a large file, and of the options that change what is read."""
    if isinstance(data, bytes):
        digest = hashlib.sha256(data)
    else:
        digest = hashlib.sha256(repr(sorted(raw.header.items())).encode())
        for rows in mosaics.strips((raw.pixels.shape[0], raw.pixels.shape[1])):
            digest.update(raw.pixels[rows].tobytes())
            mosaics.release(raw.pixels)
    if options is not None:
        digest.update(repr(options).encode())
    return digest.hexdigest()


def _dispatch(data: bytes | Path, name: str, plane: int, row0: Row0 | None, cut: Cut, most_pixels: int) -> Raw:
    """Hand the content to the reader of its format, told by its first bytes."""
    if isinstance(data, bytes) and data[:2] in (b"\x1f\x8b", b"BZ"):
        data = unpacked(data)
    head = data[:160] if isinstance(data, bytes) else _head(data)
    if SIMPLE in head:
        if not head.startswith(SIMPLE) or b"\n" in head[:82]:
            raise CutoutError("This is a FITS header saved as text, without pixels: choose the FITS file itself.")
        return fits.read(data, name, plane, cut, most_pixels)
    assert isinstance(data, bytes)
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return images.read_picture(data, plane, row0)
    if head.startswith(b"\x93NUMPY"):
        return images.read_array(data, plane, row0)
    raise CutoutError(_unknown(head))


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(160)


def _unknown(head: bytes) -> str:
    if not head:
        return "The file is empty: copy or download it again."
    if head.startswith(b"\x1f\x9d"):
        return "The file is packed with Unix compress (.Z): unpack it with `uncompress` and read the result."
    if head.startswith(b"PK\x03\x04"):
        return f"This is a zip or npz archive: unpack it and read one {FORMATS} file."
    if head.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "This is a Python pickle, which is never opened: save the array as plain NPY or FITS."
    return f"This is no {FORMATS} file: choose one of these."


def _finish(
    raw: Raw,
    name: str,
    digest: str,
    row0: Row0 | None,
    cut: Cut,
    pixel_scale: float | None,
    keep_zeros: bool,
    stretch: str | None,
    clip: tuple[float, float] | None,
) -> Cutout:
    """The checks, notes and the noise that all formats share."""
    pixels = raw.pixels
    if cut and raw.kind != "fits":
        y0, y1, x0, x1 = region(cut, None, (pixels.shape[0], pixels.shape[1]))
        raw.notes.append(f"Cut from an image of {pixels.shape[1]} × {pixels.shape[0]} pixels.")
        pixels = pixels[y0:y1, x0:x1]
        raw.colour = None if raw.colour is None else raw.colour[y0:y1, x0:x1]
    check_side(*pixels.shape)
    blanked, measured = 0.0, None
    if mosaics.is_mapped(pixels):
        measured = mosaics.checked(pixels, raw.notes)
    else:
        pixels = np.array(pixels, dtype=np.float32, order="C")
        infinite = np.isinf(pixels)
        if infinite.any():
            pixels[infinite] = np.nan
            raw.notes.append(f"{int(infinite.sum()):,} infinite pixels are taken as no data.")
        raw.notes.extend(check_pixels(pixels))
        blanked = 0.0 if keep_zeros or raw.colour is not None else _blank_edges(pixels, raw.notes)
    if stretch is not None:
        if raw.colour is not None:
            raise CutoutError("The stretch of a colour picture cannot be undone: declare none, or give a grey one.")
        pixels = declared.linear(pixels, stretch, clip)
        raw.notes[:] = [note for note in raw.notes if note != images.UNKNOWN]
    if not mosaics.is_mapped(pixels):
        measured = noise(pixels)
    if measured is None:
        raw.notes.append(
            "No noise is left to measure: most pixels have one value, as in an image that was clipped or computed."
        )
    where = raw.origin if raw.kind == "fits" else by_name(name)
    facing = raw.row0
    notes, more_notes = raw.notes.split()
    if raw.kind == "fits" and facing == "unknown" and row0 is not None:
        facing = row0
    cutout = Cutout(
        name=name,
        pixels=pixels,
        unit=raw.unit,
        wcs=raw.wcs,
        beam=raw.beam,
        noise=measured,
        header=raw.header,
        origin=where,
        notes=notes,
        more_notes=more_notes,
        kind=raw.kind,
        row0=facing,
        sha256=digest,
        colour=None if raw.colour is None else np.ascontiguousarray(np.moveaxis(raw.colour, -1, 0)),
        planes=raw.planes,
        blanked=blanked,
    )
    if pixel_scale is not None and raw.wcs is None:
        cutout = replace(cutout, declared_scale=pixel_scale)
    if raw.pixel is not None:
        vars(cutout)["pixel_shape"] = raw.pixel  # where a cached property keeps what it has found
    return cutout


def _blank_edges(pixels: NDArray[np.float32], notes: Notes) -> float:
    """Turn filled edges into NaN, note it first of all, and return their share of the pixels."""
    edge = edges.filled(pixels)
    if edge is None:
        return 0.0
    pixels[edge.mask] = np.nan
    share = float(edge.mask.mean())
    notes.insert(
        0, f"{100 * share:.1f} % of the field, at its edge, holds no data: every pixel there is {edge.value:g}."
    )
    return share
