"""Pixels as they lie on the sky: a celestial WCS differentiated at a place of the image.

CDELT and the CD matrix give the size of a pixel at the reference point of the projection. Away from it pixels are
others: those of a plate carrée (CAR) about the equator are half as wide at declination 60.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from astropy.wcs import WCS

SPAN = (5e-3, 10.0)  # arcsec; below, wcslib's degrees lose digits, above, a difference is no derivative
FLOAT_NOISE = 1e-7  # relative; real images at their reference point differ by 1e-9 from what their header says


@dataclass(frozen=True, eq=False)
class PixelShape:
    """The parallelogram that one pixel is on the sky, whatever way it is turned."""

    scale: tuple[float, float]
    """Length (y, x) of one step along each pixel axis in arcsec, positive."""
    area: float
    """Square arcsec; less than the product of the lengths where the axes are not at right angles."""
    elongation: float
    """How many times longer a pixel is in one direction than in another: 1 for a square or any turned square."""
    steps: NDArray[np.float64]
    """Steps along y and x (rows) in arcsec on a plane whose first axis lies along y: for distances and areas."""

    @classmethod
    def square(cls, side: float) -> PixelShape:
        """A square of a side in arcsec."""
        return cls((side, side), side * side, 1.0, np.diag([side, side]))


def sky_steps(wcs: WCS, y: float, x: float, header: tuple[float, float] | None = None) -> NDArray[np.float64] | None:
    """Matrix (2, 2) that turns an offset (x, y) in pixels into (east, north) in arcsec at a place of the image.

    Central differences over one pixel (5 mas to 10 arcsec) of unit vectors, so that a pole is a place like any other;
    distortions (SIP) count. None where the projection has no sky. ``header`` is ``header_scale(wcs)`` if known.
    """
    pixel = math.sqrt(math.prod(header or header_scale(wcs)))
    half = 0.5 * min(max(pixel, SPAN[0]), SPAN[1]) / pixel
    probes = [[x, y], [x + half, y], [x - half, y], [x, y + half], [x, y - half]]
    world = np.asarray(wcs.all_pix2world(probes, 0), np.float64)
    lon, lat = np.radians(world[:, wcs.wcs.lng]), np.radians(world[:, wcs.wcs.lat])
    if not (np.isfinite(world).all() and (np.abs(lat) <= np.pi / 2 + 1e-12).all()):
        return None
    (cos_lon, cos_lat), (sin_lon, sin_lat) = np.cos([lon, lat]), np.sin([lon, lat])
    places = np.array([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])
    east = [-sin_lon[0], cos_lon[0], 0.0]
    north = [-sin_lat[0] * cos_lon[0], -sin_lat[0] * sin_lon[0], cos_lat[0]]
    differences = places[:, 1::2] - places[:, 2::2]
    return np.asarray(np.degrees(np.array([east, north]) @ differences) * 3600.0 / (2.0 * half))


@dataclass(frozen=True, eq=False)
class PixelPlace:
    """All that a WCS says of a pixel, computed once."""

    shape: PixelShape
    header: tuple[float, float]
    """``header_scale``."""
    steps: NDArray[np.float64] | None
    """``sky_steps`` of the pixel; None as well where the header gives pixels no finite size."""


def pixel_shape(wcs: WCS, y: float, x: float) -> PixelShape:
    """Shape of the pixel at a place of the image; that on the projection plane where the projection has no sky.

    A header whose pixels have no finite size gives what it says.

    Where header and sky agree to float noise the header's own number stands, so that a pixel of 1.8 arcsec is one of
    1.8: fields of view are rounded to whole pixels.
    """
    return pixel_place(wcs, y, x).shape


def pixel_place(wcs: WCS, y: float, x: float) -> PixelPlace:
    """Shape of a pixel, see ``pixel_shape``, with what it was found from."""
    header = header_scale(wcs)
    if not (np.isfinite(header).all() and min(header) > 0):
        return PixelPlace(PixelShape(header, header[0] * header[1], np.nan, np.diag(header)), header, None)
    matrix = sky_steps(wcs, y, x, header)
    return PixelPlace(_shape(wcs, header, matrix), header, matrix)


def _shape(wcs: WCS, header: tuple[float, float], matrix: NDArray[np.float64] | None) -> PixelShape:
    header_y, header_x = header
    if matrix is None:
        matrix = wcs.pixel_scale_matrix[[wcs.wcs.lng, wcs.wcs.lat]] * 3600.0
    along_x, along_y = matrix.T
    width, height = float(np.hypot(*along_x)), float(np.hypot(*along_y))
    if _agree(width, header_x) and _agree(height, header_y):
        width, height = header_x, header_y
    area, aslant = abs(float(np.linalg.det(matrix))), float(along_x @ along_y) / height
    steps = np.diag([height, width])
    if abs(aslant) <= FLOAT_NOISE * width:
        area = height * width
    else:
        steps[1] = aslant, area / height
    longest, shortest = np.linalg.svd(matrix, compute_uv=False)
    steps.setflags(write=False)
    return PixelShape((height, width), area, float(longest / shortest), steps)


def header_scale(wcs: WCS) -> tuple[float, float]:
    """Pixel size (y, x) in arcsec by CDELT or the CD matrix, at the reference point."""
    from astropy.wcs.utils import proj_plane_pixel_scales  # here, so that importing the types stays fast

    width, height = proj_plane_pixel_scales(wcs) * 3600.0
    return float(height), float(width)


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= FLOAT_NOISE * other
