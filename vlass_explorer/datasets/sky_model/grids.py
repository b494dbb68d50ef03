"""Where the pixels of a simulated image lie on the sky: on a plane, or by any world coordinate system.

Offsets are in arcsec from a centre, x to the west and y to the north, in the zenithal equal-area plane about it: areas
are those on the sky everywhere, distances and angles right to 1e-6 within ten arcminutes. North is that of the
coordinate system.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, int]
CYLINDRICAL = ("CAR", "CEA", "MER", "AIT", "MOL", "SFL")
ARCSEC = float(np.degrees(1.0) * 3600.0)  # in a radian


@dataclass(frozen=True)
class FlatGrid:
    """Square pixels on a plane, the centre of the sky at the centre of the image: fast, and all that cutouts need."""

    shape: Shape
    """Pixels (ny, nx)."""
    pixel: float
    """Side of a pixel in arcsec."""
    position: tuple[float, float] = (180.0, 30.0)
    """Right ascension and declination (ICRS) of the centre in degrees."""

    @cached_property
    def wcs(self) -> WCS:
        """The same pixels in orthographic projection (SIN)."""
        return projected("SIN", self.position, self.pixel, self.shape)

    @property
    def area(self) -> float:
        """Area of every pixel in square arcsec."""
        return self.pixel**2

    @property
    def jacobian(self) -> Array:
        """Change of (x, y) in arcsec a pixel, columns (column, row)."""
        return np.eye(2) * self.pixel

    def around(self, x: float, y: float, reach: Array) -> tuple[Any, Array, Array]:
        """Index of the pixels within ``reach`` (x, y) arcsec of a place, and their offsets from it, to be broadcast."""
        size = np.array(self.shape[::-1])
        centre = (np.array([x, y]) / self.pixel) + (size - 1) / 2
        low = np.maximum(np.floor(centre - reach / self.pixel), 0).astype(int)
        high = np.maximum(np.minimum(np.ceil(centre + reach / self.pixel) + 1, size).astype(int), low)
        dx = ((np.arange(low[0], high[0]) - centre[0]) * self.pixel)[None, :]
        dy = ((np.arange(low[1], high[1]) - centre[1]) * self.pixel)[:, None]
        return (slice(low[1], high[1]), slice(low[0], high[0])), dx, dy


@dataclass(frozen=True, eq=False)
class SkyGrid:
    """The pixels of a celestial two-dimensional WCS: any projection, rotation, handedness and pixel shape."""

    wcs: WCS
    shape: Shape
    """Pixels (ny, nx)."""
    centre: SkyCoord = field(default=None)
    """Where offsets begin; the centre of the image by default."""

    def __post_init__(self) -> None:
        if self.centre is None:
            ny, nx = self.shape
            object.__setattr__(self, "centre", self.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2))

    @cached_property
    def offsets(self) -> tuple[Array, Array]:
        """Offsets x and y (ny, nx) of the pixel centres; NaN where there is no sky."""
        return self._offsets(*np.indices(self.shape, float)[::-1])

    @cached_property
    def area(self) -> Array:
        """Area (ny, nx) of every pixel on the sky in square arcsec, from its corners."""
        ny, nx = self.shape
        x, y = self._offsets(*np.indices((ny + 1, nx + 1))[::-1] - 0.5)
        one, other = ((a[1:, 1:] - a[:-1, :-1], a[1:, :-1] - a[:-1, 1:]) for a in (x, y))  # the two diagonals
        return np.asarray(np.abs(one[0] * other[1] - one[1] * other[0]) / 2.0)

    @cached_property
    def jacobian(self) -> Array:
        """Change of (x, y) in arcsec a pixel at the centre of the image, columns (column, row)."""
        ny, nx = self.shape
        column, row = (nx - 1) / 2, (ny - 1) / 2
        x, y = self._offsets(column + np.array([0.5, -0.5, 0.0, 0.0]), row + np.array([0.0, 0.0, 0.5, -0.5]))
        return np.array([[x[0] - x[1], x[2] - x[3]], [y[0] - y[1], y[2] - y[3]]])

    def around(self, x: float, y: float, reach: Array) -> tuple[Any, Array, Array]:
        """Index of the pixels within ``reach`` (x, y) arcsec of a place, and their offsets from it (n)."""
        dx, dy = self.offsets[0] - x, self.offsets[1] - y
        near = (np.abs(dx) <= reach[0]) & (np.abs(dy) <= reach[1])
        return near, dx[near], dy[near]

    def _offsets(self, column: Array, row: Array) -> tuple[Array, Array]:
        places = self.wcs.pixel_to_world(column, row).spherical
        centre = self.centre.transform_to(self.wcs.pixel_to_world(0, 0).frame).spherical
        lat, lat0 = places.lat.rad, centre.lat.rad
        half, dlat = (places.lon.rad - centre.lon.rad) / 2.0, lat - lat0
        # Written in small differences: sums of products of sines would lose the last microarcseconds.
        haversine = np.sin(dlat / 2) ** 2 + np.cos(lat) * np.cos(lat0) * np.sin(half) ** 2
        scale = ARCSEC / np.sqrt(np.maximum(1.0 - haversine, np.finfo(float).tiny))
        east = scale * np.cos(lat) * np.sin(2 * half)
        north = scale * (np.sin(dlat) + 2 * np.sin(lat0) * np.cos(lat) * np.sin(half) ** 2)
        return -east, north


Grid = FlatGrid | SkyGrid


def sky_position(grid: Grid, x: float, y: float) -> SkyCoord:
    """Where on the sky an offset of a grid lies."""
    centre = SkyCoord(*grid.position, unit="deg") if isinstance(grid, FlatGrid) else grid.centre
    distance = 2.0 * np.arcsin(np.hypot(x, y) / ARCSEC / 2.0)
    return centre.directional_offset_by(np.arctan2(-x, y) * u.rad, distance * u.rad)


def projected(
    projection: str,
    position: tuple[float, float],
    pixel: float | tuple[float, float],
    shape: Shape,
    rotation: float = 0.0,
) -> WCS:
    """WCS (ICRS) of an image (ny, nx) whose centre is at ``position`` (degrees), east to the left for rotation 0.

    ``pixel`` is one side or (y, x) in arcsec at the reference point, ``rotation`` turns the image's y axis from north
    through east, in degrees. ``projection`` is a FITS code (Calabretta and Greisen 2002, A&A 395, 1077), or NCP, the
    one of east-west arrays, written as the SIN that it is. Cylindrical ones and their like have the reference point
    on the equator, as maps have: their pixels at the image's declination are not those at the reference point.
    """
    ra, dec = position
    height, width = (pixel, pixel) if isinstance(pixel, int | float) else pixel
    wcs = WCS(naxis=2)
    code = "SIN" if projection == "NCP" else projection
    wcs.wcs.ctype, wcs.wcs.cunit = [f"RA---{code}", f"DEC--{code}"], ["deg", "deg"]
    wcs.wcs.radesys, wcs.wcs.equinox = "ICRS", 2000.0
    wcs.wcs.cdelt = [-width / 3600, height / 3600]
    wcs.wcs.crval = [ra, 0.0 if code in CYLINDRICAL else dec]
    if projection == "NCP":
        if dec == 0.0:
            raise ValueError("NCP has no image of the equator: choose a declination other than 0.")
        wcs.wcs.set_pv([(2, 1, 0.0), (2, 2, 1.0 / np.tan(np.radians(dec)))])
    if rotation:
        sin, cos = np.sin(np.radians(rotation)), np.cos(np.radians(rotation))
        wcs.wcs.pc = [[cos, -sin * height / width], [sin * width / height, cos]]
    middle = [(side + 1) / 2 for side in reversed(shape)]
    wcs.wcs.crpix = [0.0, 0.0]
    wcs.wcs.set()
    wcs.wcs.crpix = np.array(middle) - wcs.all_world2pix([[ra, dec]], 1)[0] if code in CYLINDRICAL else middle
    wcs.array_shape = shape
    return wcs
