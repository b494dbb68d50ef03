"""FITS bytes or file to one plane: cubes, tile compression, scaled integers, cuts of large mosaics."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..foreign import mapped
from ..schema import CutoutError, NeedsPart
from . import axes, beam_table, beams, doubts, mosaics, plain, sky, structure, units
from .astropy_notes import collected
from .bounds import MAX_PIXELS, check_side, size_text
from .hdus import Image, choose, damaged, inherited, scan
from .notes import Notes, counted
from .numbers import number
from .origin import has_old_date, origin
from .products import RESAMPLED
from .raw import Cut, Raw, plane_index

SLAB = 2**25  # bytes read at once where the sky axes are not the fastest ones


def read(source: Path | bytes, name: str, plane: int, cut: Cut, most_pixels: int = MAX_PIXELS) -> Raw:
    """One plane of the first two-dimensional image of a FITS file, or a part of it, of at most ``most_pixels``."""
    notes = Notes()
    if isinstance(source, bytes) and (found := plain.read(source)) is not None:
        image = choose([Image(found, 0, f"{found.name} 0", found.section.shape)], [], notes)
        with collected(notes):
            return _load(image, (), name, plane, cut, len(source), notes, most_pixels)
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    stream = source if isinstance(source, Path) else BytesIO(source)
    with source.open("rb") if isinstance(source, Path) else BytesIO(source) as whole:
        structure.check(whole, size)
    with collected(notes):
        with mapped(damaged):
            # Without astropy's memory map (it refuses scaled integers); only the asked section is read, row by row.
            # Without its unsigned integers, which know no BLANK.
            opened = fits.open(stream, memmap=False, uint=False)
        with opened:
            image = choose(*scan(opened), notes)
            return _load(image, opened, name, plane, cut, size, notes, most_pixels)


def _load(
    image: Image, hdus: Sequence[Any], name: str, plane: int, cut: Cut, size: int, notes: Notes, most_pixels: int
) -> Raw:
    check_side(*image.size)
    lead = plane_index(image.lead, plane, notes)
    key: list[Any] = list(lead)
    y, x = image.axes
    key.insert(y, slice(None))
    key.insert(x, slice(None))
    _check_length(image, size)

    header = inherited(image.cards, hdus[0].header) if image.index else image.cards
    wcs = sky.celestial(image, notes)
    y0, y1, x0, x1 = 0, image.size[0], 0, image.size[1]
    if cut:
        y0, y1, x0, x1 = sky.region(cut, wcs, image.size)
        notes.append(f"Cut from an image of {image.size[1]} × {image.size[0]} pixels; the noise is that of the cut.")
    pixels = y1 - y0, x1 - x0
    if pixels[0] * pixels[1] > most_pixels:
        text = f"{pixels[1]:,} × {pixels[0]:,} pixels"
        raise NeedsPart(
            f"A cut of {text} is too large: choose a smaller one."
            if cut
            else f"The image has {text}: give a position (RA, Dec) or a pixel box to cut from it."
        )
    inner = max(y0, 0), min(y1, image.size[0]), max(x0, 0), min(x1, image.size[1])
    key[y], key[x] = slice(inner[0], inner[1]), slice(inner[2], inner[3])
    part = _mosaic(image, key, inner) if pixels[0] * pixels[1] > MAX_PIXELS else _pixels(image, key)
    if part.shape != pixels:
        whole = mosaics.zeros(pixels, np.float32)
        whole.fill(np.nan)
        whole[inner[0] - y0 : inner[1] - y0, inner[2] - x0 : inner[3] - x0] = part
        part = whole
        notes.append("The cut reaches beyond the image; what lies outside has no data.")
    if wcs is not None and cut:
        wcs = sky.shifted(wcs, y0, x0, pixels)

    unit, factor = units.read(header, notes)
    if factor != 1.0:
        for rows in mosaics.strips(pixels):
            part[rows] *= np.float32(factor)
            mosaics.release(part)
    shown = axes.plane(header, image.places(lead), image.places(image.lead), notes)
    where = origin(name, header, unit, shown, notes, shown=_shown_types(image))
    if shown.stokes in ("Q", "U", "V"):
        notes.append(f"The plane shows Stokes {shown.stokes}.")
    here = sky.centre(wcs) if wcs is not None else None
    scale = float(np.sqrt(here.shape.area)) if here is not None else None
    is_per_plane, table = beam_table.find(header, hdus)
    if is_per_plane:
        beam = beam_table.beam(table, shown, notes)
    else:
        is_plain = isinstance(image.hdu, plain.Plain)
        comments = image.hdu.comments if is_plain else beams.comments(image.hdu.header)
        survey = None if where.product == RESAMPLED else where.survey
        beam = beams.beam(header, survey, scale, notes, width=max(image.size), comments=comments)
    doubts.note(beam, wcs, here, max(pixels), notes)
    _note_header(image, header, notes)
    facing = sky.row0(wcs, here) if wcs is not None else "unknown"
    pixel = None if here is None else here.shape
    return Raw(part, "fits", notes, unit, wcs, beam, header, where, facing, planes=prod(image.lead), pixel=pixel)


def _shown_types(image: Image) -> tuple[str, str]:
    """Types of the axes x and y as shown."""
    y, x = image.axes
    return axes.kind(image.cards, len(image.shape) - x), axes.kind(image.cards, len(image.shape) - y)


def _note_header(image: Image, header: dict[str, Any], notes: Notes) -> None:
    """Note what was read as meant: nobody needs it, and it explains the rest."""
    dropped = sum(1 for n in image.lead if n == 1)
    if dropped:
        words = {1: "one degenerate one dropped", 2: "two degenerate ones dropped"}
        notes.minor(f"{len(image.shape)} axes, {words.get(dropped, f'{dropped} degenerate ones dropped')}.")
    if any(axes.ctype(image.cards, axis) for axis in range(len(image.shape) + 1, axes.MAX_AXES + 1)):
        notes.minor("The header describes more axes than the image has; the left-over ones are ignored.")
    if has_old_date(header):
        notes.minor("Dates in the header were written in an old form and were read as meant.")
    if padded := sum(1 for key in image.cards if key.startswith(("PC", "CD")) and axes.is_padded(key)):
        one = "A header card with leading zeros was read as meant."
        notes.minor(counted(padded, one, "{} header cards with leading zeros were read as meant."))
    if bad := image.unreadable:
        notes.minor(counted(bad, "1 unreadable header card left out.", "{} unreadable header cards left out."))


def _check_length(image: Image, size: int) -> None:
    """Refuse before reading what the file cannot hold, or tiles that would unpack to more than the limit."""
    if isinstance(image.hdu, plain.Plain):
        return  # it was held against its size when it was read
    if isinstance(image.hdu, fits.CompImageHDU):
        if int(np.prod(image.hdu.tile_shape, dtype=np.float64)) > MAX_PIXELS:
            raise CutoutError("The compressed image has tiles larger than the limit: store it with smaller tiles.")
        return
    with mapped(damaged):
        start = int(image.hdu.fileinfo()["datLoc"])
        promised = abs(int(image.hdu.header["BITPIX"])) // 8 * prod(image.shape)
    if start + promised > size:
        raise CutoutError(
            f"The file is cut short: its header promises {size_text(promised)} of pixels and {size_text(size - start)} "
            "follow: copy or download it again."
        )


def _pixels(image: Image, key: list[Any]) -> NDArray[np.float32]:
    """The part as native float32, read without the rest of the file, with BSCALE, BZERO and BLANK applied."""
    y, x = image.axes
    behind = prod(n for i, n in enumerate(image.shape) if i > y and i != x)
    if behind == 1:
        return _section(image, tuple(key))
    # Other axes run faster than y: astropy would read pixel by pixel, so whole slabs of rows are read instead.
    rows = key[y]
    step = max(1, SLAB // (8 * behind * image.shape[x]))
    whole = [slice(None) if i > y else part for i, part in enumerate(key)]
    inner = tuple(part for i, part in enumerate(key) if i >= y)
    parts = []
    for start in range(rows.start, rows.stop, step):
        whole[y] = slice(start, min(start + step, rows.stop))
        parts.append(_section(image, tuple(whole))[(slice(None), *inner[1:])])
    return np.concatenate(parts)


def _mosaic(image: Image, key: list[Any], inner: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """A part too large for memory, read a strip of rows at a time into a mapped array."""
    (y, _), (y0, y1, x0, x1) = image.axes, inner
    whole = mosaics.zeros((y1 - y0, x1 - x0), np.float32)
    for rows in mosaics.strips(whole.shape):
        some = list(key)
        some[y] = slice(y0 + rows.start, y0 + rows.stop)
        whole[rows] = _pixels(image, some)
        mosaics.release(whole)
    return whole


def _section(image: Image, key: tuple[Any, ...]) -> NDArray[np.float32]:
    """A section as numpy cuts it: astropy keeps an axis of one pixel that an index takes away."""
    lengths = [
        len(range(*part.indices(n))) for part, n in zip(key, image.shape, strict=True) if isinstance(part, slice)
    ]
    with mapped(damaged):
        data = np.asarray(image.hdu.section[key]).reshape(lengths)
    with np.errstate(over="ignore", invalid="ignore"):
        part = np.array(data, dtype=np.float32)
    blank = number(image.cards.get("BLANK", image.cards.get("ZBLANK")))
    bits = number(image.cards.get("BITPIX", image.cards.get("ZBITPIX"))) or 0
    if blank == 0 and bits > 0:  # the only value of BLANK that astropy does not apply
        part[data == data.dtype.type(number(image.cards.get("BZERO")) or 0.0)] = np.nan
    return part
