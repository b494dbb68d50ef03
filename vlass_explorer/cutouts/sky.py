"""Sky coordinates of a FITS header, made two-dimensional, and cuts by position or pixel box."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io.fits import Card, Header
from astropy.wcs import (
    WCS,
    InconsistentAxisTypesError,
    InvalidTransformError,
    NoConvergence,
    SingularMatrixError,
    Sip,
    Wcsprm,
)
from astropy.wcs.utils import proj_plane_pixel_scales
from astropy.wcs.wcsapi.high_level_api import high_level_objects_to_values
from numpy.typing import NDArray

from ..foreign import mapped, reason
from ..schema import CutoutError, NeedsPart, PixelPlace, Row0, pixel_place, pixel_shape
from . import axes, pair
from .hdus import Image
from .notes import Notes
from .raw import Cut

MOST_DIGITS = 20  # characters of a number in a card
DEFAULT_SIZE = 540.0  # arcsec; wide enough to measure the noise beside the source
REASONS: dict[type[Exception], str] = {
    InconsistentAxisTypesError: "their two axes do not belong together, or their projection is unknown",
    InvalidTransformError: "the parameters of their projection are impossible",
    SingularMatrixError: "their matrix gives pixels no area",
}


def celestial(image: Image, notes: Notes) -> WCS | None:
    """Celestial WCS of an image (ny, nx) as stored, its axes in the file's order; None and a note where it has none."""
    if image.pair is None:
        has_types = any(axes.ctype(image.cards, axis) for axis in range(1, len(image.shape) + 1))
        notes.append(
            "The header's coordinates are not sky coordinates; they are left out."
            if has_types
            else "The file has no sky coordinates (WCS)."
        )
        return None
    try:
        header = pair.header(image.cards, image.pair, notes)
        wcs, scale, middle = _tried(header, image.size, notes)
    except (pair.Unusable, CutoutError) as error:
        notes.append(f"The sky coordinates (WCS) cannot be used and are left out: {error}.")
        return None
    if not (np.isfinite(middle).all() and np.isfinite(scale).all() and (scale > 0).all() and (scale < 90).all()):
        notes.append("The sky coordinates (WCS) give no position for the centre of the image and are left out.")
        return None
    wcs.array_shape = image.size
    return wcs


def _tried(
    header: dict[str, Any], size: tuple[int, int], notes: Notes
) -> tuple[WCS, NDArray[np.float64], NDArray[np.float64]]:
    """WCS, pixel scales and centre of a header of the sky pair; a distortion (SIP) that is broken is left out."""
    distortion = [key for key in header if pair.SIP.match(key)]
    try:
        return _evaluated(header, size)
    except CutoutError:
        if not distortion:
            raise
    notes.append("The distortion of the coordinates (SIP) is broken and left out.")
    for key in distortion:
        del header[key]
    for key in ("CTYPE1", "CTYPE2"):
        header[key] = header[key].removesuffix("-SIP")
    return _evaluated(header, size)


def _evaluated(header: dict[str, Any], size: tuple[int, int]) -> tuple[WCS, NDArray[np.float64], NDArray[np.float64]]:
    with mapped(_unusable):
        wcs = _made(header)
        middle = wcs.all_pix2world([[(size[1] - 1) / 2, (size[0] - 1) / 2]], 0)
        return wcs, proj_plane_pixel_scales(wcs), middle


def _made(header: dict[str, Any]) -> WCS:
    """What ``WCS(header)`` is, in a quarter of its time: astropy parses and writes a header five times over."""
    if any(pair.SIP.match(key) for key in header):
        return WCS(Header(header))
    wcs = WCS(naxis=2, fix=False)
    wcs.wcs = Wcsprm(header="".join(map(_card, header, header.values())).encode("ascii"))
    wcs.fix()
    wcs.wcs.set()
    return wcs


def _card(keyword: str, value: Any) -> str:
    """A card as astropy writes it, digits included."""
    if isinstance(value, str):
        return f"{keyword:8}= '{value:8}'".ljust(80)
    text = str(value).upper()
    if len(text) > MOST_DIGITS:
        return str(Card(keyword, value).image)  # which cuts it to 20 characters
    return f"{keyword:8}= {text:>20}".ljust(80)


def _unusable(error: Exception) -> CutoutError:
    return CutoutError(REASONS.get(type(error), "their projection makes no sense"))


def centre(wcs: WCS) -> PixelPlace:
    """What the coordinates say of the pixel at the centre of the image."""
    ny, nx = wcs.array_shape
    return pixel_place(wcs, (ny - 1) / 2, (nx - 1) / 2)


def row0(wcs: WCS, here: PixelPlace | None = None) -> Row0:
    """Which end of the sky row 0 is at: from the direction in which declination grows along y at the ``centre``."""
    if not wcs.wcs.ctype[wcs.wcs.lat].startswith("DEC"):
        return "unknown"
    steps = (here or centre(wcs)).steps
    if steps is None or abs(steps[1, 1]) < abs(steps[0, 1]):
        return "unknown"
    return "south" if steps[1, 1] > 0 else "north"


def is_mirrored(here: PixelPlace) -> bool:
    """True where east lies clockwise of north, unlike the sky as it is seen."""
    return here.steps is not None and bool(np.linalg.det(here.steps) > 0)


def to_pixels(wcs: WCS, places: SkyCoord) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel coordinates (x, y) of places, from 0; NaN where the projection or its distortion (SIP) reaches none.

    ``WCS.world_to_pixel`` warns of an iteration that runs away and returns where it stood.
    """
    with mapped(_unfound):
        values = high_level_objects_to_values(places, low_level_wcs=wcs)
        x, y = _converged(wcs, *(np.asarray(value, np.float64) for value in values))
    return x, y


def _converged(wcs: WCS, *values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels (2, ...) of world coordinates; one place that does not converge costs no other."""
    try:
        return np.asarray(wcs.all_world2pix(*values, 0), np.float64)
    except NoConvergence:
        if values[0].size == 1:
            return np.full((2, *values[0].shape), np.nan)
        each = [_converged(wcs, *place) for place in zip(*(value.ravel() for value in values), strict=True)]
        return np.stack(each, axis=-1).reshape(2, *values[0].shape)


def _unfound(error: Exception) -> NeedsPart:
    return NeedsPart(f"The image's coordinates find no pixel ({reason(error)}): give a pixel box.")


def icrs(wcs: WCS, y: float, x: float) -> tuple[float, float] | None:
    """RA and Dec in degrees, ICRS, of a pixel; None where the projection has no sky there.

    Coordinates that are ICRS already are taken as wcslib gives them, which is a hundred times faster than through
    astropy's ``SkyCoord`` and the same.
    """
    if wcs.wcs.radesys == "ICRS" and wcs.wcs.lngtyp == "RA":
        world = wcs.pixel_to_world_values(x, y)
        found = float(world[wcs.wcs.lng]), float(world[wcs.wcs.lat])
    else:
        sky = wcs.pixel_to_world(x, y).icrs
        found = float(sky.ra.deg), float(sky.dec.deg)
    return found if np.isfinite(found).all() else None


def region(cut: Cut, wcs: WCS | None, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pixel edges (y0, y1, x0, x1) of a cut; those of a position may reach beyond the image, it stays centred."""
    ny, nx = shape
    if cut.box is not None:
        y0, y1, x0, x1 = cut.box
        if not (0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx):
            raise NeedsPart(
                f"The pixel box (y {y0} to {y1}, x {x0} to {x1}) does not lie inside the image of {nx} × {ny} pixels."
            )
        return y0, y1, x0, x1
    assert cut.position is not None
    if wcs is None:
        raise NeedsPart("The image has no sky coordinates to find the position with: give a pixel box.")
    ra, dec = cut.position
    if not (np.isfinite([ra, dec]).all() and -360 <= ra <= 360 and -90 <= dec <= 90):
        raise NeedsPart(f"RA {ra:g}°, Dec {dec:g}° is no position on the sky: give both in degrees.")
    x, y = (float(v) for v in to_pixels(wcs, SkyCoord(ra * u.deg, dec * u.deg)))
    if not (np.isfinite([x, y]).all() and -0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
        raise NeedsPart(f"RA {ra:.5f}°, Dec {dec:+.5f}° lies outside the image: choose a position inside it.")
    size = DEFAULT_SIZE if cut.size_arcsec is None else cut.size_arcsec
    if not (np.isfinite(size) and size > 0):
        raise NeedsPart(f"A cut of {size:g}″ is impossible: give a positive size in arcsec.")
    sides = [max(8, min(round(size / scale), 2 * max(ny, nx))) for scale in pixel_shape(wcs, y, x).scale]
    # The lower one of two equally good.
    y0, x0 = (round(v + 0.5 - side / 2 - 1e-6) for v, side in zip((y, x), sides, strict=True))
    return y0, y0 + sides[0], x0, x0 + sides[1]


def shifted(wcs: WCS, y0: int, x0: int, shape: tuple[int, int]) -> WCS:
    """The WCS of a part that begins at pixel (y0, x0)."""
    moved = wcs.deepcopy()
    moved.wcs.crpix = moved.wcs.crpix - np.array([x0, y0])
    if moved.sip is not None:
        sip = moved.sip
        moved.sip = Sip(sip.a, sip.b, sip.ap, sip.bp, sip.crpix - np.array([x0, y0]))
    moved.array_shape = shape
    return moved


def square_grid(position: tuple[float, float], pixel: float, side: int) -> WCS:
    """WCS (SIN, ICRS, north up) of a square of ``side`` pixels of ``pixel`` arcsec around (RA, Dec) in degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = ["RA---SIN", "DEC--SIN"], ["deg", "deg"]
    wcs.wcs.crval = list(position)
    wcs.wcs.crpix = [(side + 1) / 2] * 2
    wcs.wcs.cdelt = [-pixel / 3600, pixel / 3600]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    wcs.array_shape = (side, side)
    return wcs
