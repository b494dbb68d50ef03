"""The images of a FITS file: their cards, and which of their axes are y and x."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from astropy.io import fits
from astropy.io.fits.card import Undefined
from astropy.io.fits.hdu.compressed._compression import CfitsioException  # has no public name
from astropy.io.fits.verify import VerifyError

from ..foreign import mapped, reason
from ..schema import CutoutError
from . import axes, products, structure
from .bounds import MIN_SIDE
from .notes import Notes
from .plain import Plain

STRUCTURE = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "BSCALE", "BZERO", "BLANK")

BESIDE = ("ERR", "ERROR", "UNCERT", "VAR", "STDDEV", "DQ", "FLAG", "FLAGS", "WHT", "CTX", "EXP", "COVERAGE")


@dataclass(frozen=True)
class Image:
    """An image of a FITS file: its axes (C order) split into y, x and the others."""

    hdu: Any
    """One of astropy, or a ``Plain``."""
    index: int
    label: str
    shape: tuple[int, ...]

    @cached_property
    def _read(self) -> tuple[dict[str, Any], int]:
        return (self.hdu.cards, 0) if isinstance(self.hdu, Plain) else cards_of(self.hdu.header)

    @property
    def cards(self) -> dict[str, Any]:
        """Cards of the image's own header by keyword, see ``cards_of``."""
        return self._read[0]

    @property
    def unreadable(self) -> int:
        """Cards of the image's own header that are left out."""
        return self._read[1]

    @cached_property
    def pair(self) -> tuple[int, int] | None:
        """FITS numbers of the axes x and y if they are the sky's, whatever their place; None if they are not."""
        found = axes.sky_pair(self.cards, len(self.shape))
        return found if found and all(self.shape[-axis] > 1 for axis in found) else None

    @cached_property
    def axes(self) -> tuple[int, int]:
        """Positions of y and x in ``shape``: the sky pair as stored, else the last two axes longer than one."""
        if self.pair is not None:
            return len(self.shape) - self.pair[1], len(self.shape) - self.pair[0]
        long = [i for i, n in enumerate(self.shape) if n != 1]
        return (long[-2], long[-1]) if len(long) >= 2 else (len(self.shape) - 2, len(self.shape) - 1)

    @property
    def size(self) -> tuple[int, int]:
        """(ny, nx)."""
        y, x = self.axes
        return self.shape[y], self.shape[x]

    @property
    def lead(self) -> tuple[int, ...]:
        """Lengths of the other axes, in C order."""
        return tuple(n for i, n in enumerate(self.shape) if i not in self.axes)

    def places(self, values: tuple[int, ...]) -> dict[int, int]:
        """FITS number of each other axis with its entry in ``values``, which are in the order of ``lead``."""
        numbers = [len(self.shape) - i for i in range(len(self.shape)) if i not in self.axes]
        return dict(zip(numbers, values, strict=True))


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


def choose(images: list[Image], others: list[str], notes: Notes) -> Image:
    """The first image of two axes that is large enough, else the first cube, else the first of any size.

    One whose name is that of a mask, of weights or of noise comes after all others.
    """
    if not images:
        held = f"only {' and '.join(dict.fromkeys(others))}" if others else "nothing but a header"
        raise CutoutError(f"The FITS file holds {held}, no image: choose a file with an image.")
    usable = [image for image in images if min(image.size) >= MIN_SIDE]
    flat = [image for image in usable if prod(image.lead) == 1]
    image = min(flat or usable or images, key=lambda image: _is_beside(image.hdu.name))
    left = [other.label for other in images if other is not image]
    if left:
        more = f" and {len(left) - 6} more" if len(left) > 6 else ""
        notes.append(f"{len(images)} images in the file: {image.label} is shown, not {', '.join(left[:6])}{more}.")
    elif image.index > 0:
        notes.minor(f"The image was found in extension {image.label}.")
    return image


def _is_beside(name: str) -> bool:
    """True for an extension that goes along with an image: its mask, weights, uncertainty or quality."""
    return products.of_word(name.lower()) is not None or name.upper() in BESIDE


def cards_of(header: fits.Header) -> tuple[dict[str, Any], int]:
    """Cards by keyword, HISTORY and COMMENT joined by newlines, and how many are unreadable and left out."""
    cards: dict[str, Any] = {}
    lines: dict[str, list[str]] = {}
    bad = 0
    for card in header.cards:
        try:
            with mapped(damaged):
                keyword, value = card.keyword, card.value
        except CutoutError:
            bad += 1
            continue
        if keyword in ("COMMENT", "HISTORY"):
            cards.setdefault(keyword, "")  # in its place, as in the file
            lines.setdefault(keyword, []).append(str(value))
        elif keyword:
            cards.setdefault(keyword, None if isinstance(value, Undefined) else value)
    return cards | {keyword: "\n".join(part) for keyword, part in lines.items()}, bad


def inherited(cards: Mapping[str, Any], primary: fits.Header) -> dict[str, Any]:
    """Cards of an extension with what the primary header says of the observation."""
    more = {
        key: value
        for key, value in cards_of(primary)[0].items()
        if not key.startswith(STRUCTURE) and key not in ("EXTNAME", "COMMENT", "HISTORY") and key not in cards
    }
    return {**cards, **more}
