"""Places of an image: typed by a person, named on a page, and the part of the image around one."""

from __future__ import annotations

import re

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from numpy.typing import NDArray

from ..foreign import mapped
from ..schema import Cutout, CutoutError
from .sky import icrs, to_pixels

NUMBER = r"[-+−]?\d+(?:\.\d*)?"
PIXEL = re.compile(rf"^(?:pixel|px|xy|x)[\s:=]*({NUMBER})[\s,;]+(?:y[\s:=]*)?({NUMBER})$", re.IGNORECASE)
DEGREES = re.compile(rf"^({NUMBER})\s*°?[\s,;]+({NUMBER})\s*°?$")
COMPACT = re.compile(r"^J?(\d\d)(\d\d)(\d\d(?:\.\d*)?)([-+−])(\d\d)(\d\d)(\d\d(?:\.\d*)?)$", re.IGNORECASE)
SIDE = 300  # pixels of the part around a place of an image without sky coordinates
HELP = "give it as 00:13:57.2 -09:19:51, 3.4883 -9.3310 (degrees) or pixel 1200 640"


def find(text: str, cutout: Cutout) -> tuple[float, float]:
    """Pixel (y, x), from 0, of a typed place: sexagesimal RA and Dec, degrees (ICRS), or ``pixel X Y``.

    CutoutError with one sentence where it is none, or lies outside the image.
    """
    words = text.strip().replace("−", "-")
    if (match := PIXEL.match(words)) is not None:
        x, y = float(match[1]), float(match[2])
    else:
        position = _position(words)
        if cutout.wcs is None:
            raise CutoutError("The image has no sky coordinates to find the position with: give pixel X Y.")
        x, y = (float(value) for value in to_pixels(cutout.wcs, position))
    ny, nx = cutout.shape
    if not (np.isfinite([y, x]).all() and -0.5 <= y <= ny - 0.5 and -0.5 <= x <= nx - 0.5):
        raise CutoutError("This place lies outside the image.")
    return y, x


def _position(words: str) -> SkyCoord:
    if (match := DEGREES.match(words)) is not None:
        with mapped(_unread):
            return SkyCoord(float(match[1]) * u.deg, float(match[2]) * u.deg)
    if (match := COMPACT.match(words)) is not None:
        words = "{}:{}:{} {}{}:{}:{}".format(*match.groups())
    if not re.search(r"\d[:hHdD°\s]+\d", words):
        raise CutoutError(f"This is no position: {HELP}.")
    marks: dict[str, str | int | None] = {"°": "d", "′": "m", "″": "s", "'": "m", '"': "s", ",": " ", ";": " "}
    cleaned = words.translate(str.maketrans(marks))
    with mapped(_unread):
        return SkyCoord(cleaned, unit=(u.hourangle, u.deg))


def _unread(error: Exception) -> CutoutError:
    return CutoutError(f"This is no position: {HELP}.")


def position(cutout: Cutout, y: float, x: float) -> tuple[float, float] | None:
    """(RA, Dec) in degrees, ICRS, of a pixel; None where the image has no sky there."""
    if cutout.wcs is None:
        return None
    with mapped(_unread):
        return icrs(cutout.wcs, y, x)


def corners(cutout: Cutout, points: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """Points (n, 2) of x and y in pixels as RA and Dec in degrees, ICRS; None where the image has no sky at one."""
    if cutout.wcs is None or not cutout.wcs.has_celestial:
        return None
    sky = cutout.wcs.celestial.pixel_to_world(points[:, 0], points[:, 1]).icrs
    found = np.stack([sky.ra.deg, sky.dec.deg], axis=1)
    return found if np.isfinite(found).all() else None


def name(cutout: Cutout, y: float, x: float) -> str:
    """What to call a pixel: ``00:13:57.17 −09:19:51.5``, else ``pixel 1200 640``."""
    place = position(cutout, y, x)
    if place is None:
        return f"pixel {x:.0f} {y:.0f}"
    hours = Angle(place[0], "deg").to_string(unit="hourangle", sep=":", precision=2, pad=True)
    degrees = Angle(place[1], "deg").to_string(unit="deg", sep=":", precision=1, pad=True, alwayssign=True)
    return f"{hours} {degrees}"


def around(cutout: Cutout, y: float, x: float) -> tuple[tuple[float, float] | None, tuple[int, int, int, int] | None]:
    """``position`` or ``box`` with which ``read`` cuts the part around a pixel out of the same file, as fine as it is.

    A position, for 540 arcsec; where there is no sky a box of 300 pixels, moved inside the image.
    """
    if (place := position(cutout, y, x)) is not None:
        return place, None
    (y0, y1), (x0, x1) = (_inside(at, side) for at, side in zip((y, x), cutout.shape, strict=True))
    return None, (y0, y1, x0, x1)


def _inside(at: float, side: int) -> tuple[int, int]:
    length = min(SIDE, side)
    start = int(np.clip(round(at + 0.5 - length / 2), 0, side - length))
    return start, start + length
