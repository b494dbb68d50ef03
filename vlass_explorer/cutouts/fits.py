"""FITS bytes or file to one plane: extensions, cubes, tile compression, scaled integers, cuts of large mosaics."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.card import Undefined
from astropy.io.fits.hdu.compressed._compression import CfitsioException  # has no public name
from astropy.io.fits.verify import VerifyError
from numpy.typing import NDArray

from ..foreign import mapped, reason
from ..schema import CutoutError, NeedsPart
from . import beams, sky, structure
from .astropy_notes import collected
from .bounds import MAX_PIXELS, MIN_SIDE, check_side, size_text
from .origin import STOKES, origin
from .raw import Cut, Raw, plane_index

STRUCTURE = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "BSCALE", "BZERO", "BLANK")


@dataclass(frozen=True)
class Image:
    """An image of a FITS file: its axes (C order) split into leading ones, y and x."""

    hdu: Any
    index: int
    label: str
    shape: tuple[int, ...]

    @property
    def axes(self) -> tuple[int, int]:
        """Positions of y and x in ``shape``: the last two axes that are longer than one."""
        long = [i for i, n in enumerate(self.shape) if n != 1]
        return (long[-2], long[-1]) if len(long) >= 2 else (len(self.shape) - 2, len(self.shape) - 1)

    @property
    def size(self) -> tuple[int, int]:
        """(ny, nx)."""
        y, x = self.axes
        return self.shape[y], self.shape[x]

    @property
    def lead(self) -> tuple[int, ...]:
        """Lengths of the axes before y and x."""
        return tuple(n for i, n in enumerate(self.shape) if i not in self.axes)


def read(source: Path | bytes, name: str, plane: int, cut: Cut) -> Raw:
    """One plane of the first two-dimensional image of a FITS file, or a part of it."""
    notes: list[str] = []
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    stream = source if isinstance(source, Path) else BytesIO(source)
    with source.open("rb") if isinstance(source, Path) else BytesIO(source) as whole:
        structure.check(whole, size)
    with collected(notes):
        with mapped(damaged):
            # Without astropy's memory map (it refuses scaled integers); only the asked section is read, row by row.
            opened = fits.open(stream, memmap=False)
        with opened:
            images, others = scan(opened)
            image = choose(images, others, notes)
            return _load(image, opened[0].header, name, plane, cut, size, notes)


def damaged(error: Exception) -> CutoutError:
    """What is said of a file that astropy cannot read."""
    is_told = isinstance(error, OSError | VerifyError | CfitsioException)
    why = reason(error) if is_told else "its header makes no sense"
    return CutoutError(f"The FITS file is damaged ({why}): copy or download it again.")


def scan(hdus: fits.HDUList) -> tuple[list[Image], list[str]]:
    """Images of the file, and what else it holds."""
    images: list[Image] = []
    others: list[str] = []
    for index in range(structure.MAX_HDUS):
        try:
            with mapped(damaged):
                try:
                    hdu = hdus[index]
                except IndexError:
                    break
                shape = tuple(int(n) for n in hdu.shape) if hdu.is_image else ()
        except CutoutError:
            if not images:
                raise
            break  # what was read before the damage is kept; astropy's note tells of the rest
        if isinstance(hdu, fits.GroupsHDU):
            others.append("random-groups visibilities")
        elif not hdu.is_image:
            others.append("a table")
        elif len(shape) >= 2:
            images.append(Image(hdu, index, f"{hdu.name or 'image'} {index}", shape))
        elif len(shape) == 1:
            others.append("a spectrum or list of one axis")
    return images, others


def choose(images: list[Image], others: list[str], notes: list[str]) -> Image:
    """The first image of two axes that is large enough, else the first cube, else the first of any size."""
    if not images:
        held = f"only {' and '.join(dict.fromkeys(others))}" if others else "nothing but a header"
        raise CutoutError(f"The FITS file holds {held}, no image: choose a file with an image.")
    usable = [image for image in images if min(image.size) >= MIN_SIDE]
    flat = [image for image in usable if int(np.prod(image.lead, dtype=np.int64)) == 1]
    image = (flat or usable or images)[0]
    left = [other.label for other in images if other is not image]
    if left:
        more = f" and {len(left) - 6} more" if len(left) > 6 else ""
        notes.append(f"{len(images)} images in the file: {image.label} is shown, not {', '.join(left[:6])}{more}.")
    elif image.index > 0:
        notes.append(f"The image was found in extension {image.label}.")
    return image


def _load(image: Image, primary: fits.Header, name: str, plane: int, cut: Cut, size: int, notes: list[str]) -> Raw:
    check_side(*image.size)
    _note_axes(image, notes)
    lead = plane_index(image.lead, plane, notes)
    key: list[Any] = list(lead)
    y, x = image.axes
    key.insert(y, slice(None))
    key.insert(x, slice(None))
    _check_length(image, size)

    header = _cards(image.hdu.header, primary if image.index else None, notes)
    naxis = len(image.shape)
    wcs = sky.celestial(image.hdu.header, (naxis - x, naxis - y), image.size, notes)
    y0, y1, x0, x1 = 0, image.size[0], 0, image.size[1]
    if cut:
        y0, y1, x0, x1 = sky.region(cut, wcs, image.size)
        notes.append(f"Cut from an image of {image.size[1]} × {image.size[0]} pixels; the noise is that of the cut.")
    pixels = y1 - y0, x1 - x0
    if pixels[0] * pixels[1] > MAX_PIXELS:
        text = f"{pixels[1]:,} × {pixels[0]:,} pixels"
        raise NeedsPart(
            f"A cut of {text} is too large: choose a smaller one."
            if cut
            else f"The image has {text}: give a position (RA, Dec) or a pixel box to cut from it."
        )
    inner = max(y0, 0), min(y1, image.size[0]), max(x0, 0), min(x1, image.size[1])
    key[y], key[x] = slice(inner[0], inner[1]), slice(inner[2], inner[3])
    part = _pixels(image, tuple(key))
    if part.shape != pixels:
        whole = np.full(pixels, np.nan, np.float32)
        whole[inner[0] - y0 : inner[1] - y0, inner[2] - x0 : inner[3] - x0] = part
        part = whole
        notes.append("The cut reaches beyond the image; what lies outside has no data.")
    if wcs is not None and cut:
        wcs = sky.shifted(wcs, y0, x0, pixels)

    unit = beams.unit(header, notes)
    stokes, frequency = _plane_axes(header, image, lead)
    where = origin(name, header, unit, frequency=frequency, stokes=stokes)
    if stokes in STOKES and stokes != 1:
        notes.append(f"The plane shows Stokes {STOKES[stokes]}.")
    beam = beams.beam(header, where.survey, sky.mean_scale(wcs) if wcs is not None else None, notes)
    facing = sky.row0(wcs) if wcs is not None else "unknown"
    return Raw(part, "fits", notes, unit, wcs, beam, header, where, facing, planes=prod(image.lead))


def _note_axes(image: Image, notes: list[str]) -> None:
    dropped = sum(1 for n in image.lead if n == 1)
    if dropped:
        words = {1: "one degenerate one dropped", 2: "two degenerate ones dropped"}
        notes.append(f"{len(image.shape)} axes, {words.get(dropped, f'{dropped} degenerate ones dropped')}.")


def _check_length(image: Image, size: int) -> None:
    """Refuse before reading what the file cannot hold, or tiles that would unpack to more than the limit."""
    if isinstance(image.hdu, fits.CompImageHDU):
        if int(np.prod(image.hdu.tile_shape, dtype=np.float64)) > MAX_PIXELS:
            raise CutoutError("The compressed image has tiles larger than the limit: store it with smaller tiles.")
        return
    with mapped(damaged):
        start = int(image.hdu.fileinfo()["datLoc"])
        promised = abs(int(image.hdu.header["BITPIX"])) // 8 * int(np.prod(image.shape, dtype=object))
    if start + promised > size:
        raise CutoutError(
            f"The file is cut short: its header promises {size_text(promised)} of pixels and {size_text(size - start)} "
            "follow: copy or download it again."
        )


def _pixels(image: Image, key: tuple[Any, ...]) -> NDArray[np.float32]:
    """The part as native float32, read without the rest of the file, with BSCALE, BZERO and BLANK applied."""
    with mapped(damaged):
        data = np.asarray(image.hdu.section[key])
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(data, dtype=np.float32)


def _cards(header: fits.Header, primary: fits.Header | None, notes: list[str]) -> dict[str, Any]:
    """Cards by keyword; an extension inherits from the primary header what describes the observation."""
    cards: dict[str, Any] = {}
    bad = 0
    for source in (header, primary):
        for card in source.cards if source is not None else ():
            try:
                with mapped(damaged):
                    keyword, value = card.keyword, card.value
            except CutoutError:
                bad += 1
                continue
            if keyword in ("COMMENT", "HISTORY"):
                if source is header:
                    cards[keyword] = f"{cards[keyword]}\n{value}" if keyword in cards else str(value)
            elif keyword and not (source is primary and (keyword.startswith(STRUCTURE) or keyword == "EXTNAME")):
                cards.setdefault(keyword, None if isinstance(value, Undefined) else value)
    if bad:
        notes.append(f"{bad} unreadable header card{'s' if bad > 1 else ''} left out.")
    return cards


def _plane_axes(header: dict[str, Any], image: Image, lead: tuple[int, ...]) -> tuple[int | None, float | None]:
    """Stokes number and frequency in GHz of the chosen plane, where the header has such axes."""
    stokes: int | None = None
    frequency: float | None = None
    naxis = len(image.shape)
    fits_axes = [naxis - i for i in range(naxis) if i not in image.axes]
    places = dict(zip(fits_axes, lead, strict=True))
    for axis in range(1, 8):
        kind = str(header.get(f"CTYPE{axis}", "")).strip().upper()
        start = beams.number(header.get(f"CRVAL{axis}"))
        if start is None or not kind.startswith(("STOKES", "FREQ")):
            continue
        step = beams.number(header.get(f"CDELT{axis}")) or 0.0
        value = start + step * (places.get(axis, 0) + 1 - (beams.number(header.get(f"CRPIX{axis}")) or 1.0))
        if kind.startswith("STOKES"):
            stokes = round(value)
        elif value > 0:
            frequency = value / 1e9
    return stokes, frequency
