"""The axes of a cutout: offsets from its centre along the pixel axes, drawn without flipping the array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.coordinates import FK5, ICRS, Angle, SkyCoord
from astropy.time import Time
from astropy.wcs.utils import wcs_to_celestial_frame
from numpy.typing import NDArray

from .. import quantities
from ..schema import Cutout, Window, sky_steps

J2000 = Time("J2000")
ARCSEC_UNITS = ((1.0, "″"), (60.0, "′"), (3600.0, "°"))


@dataclass(frozen=True)
class Frame:
    """Linear axes of one cutout: offset = step * (pixel edge - centre edge), one step an axis, signed.

    ``step`` and ``centre`` are (y, x). With a WCS the offsets are in ``unit`` (″, ′ or °) and x grows to the east, so
    that it falls from left to right on most images; without one they are pixels from the lower left corner.
    """

    step: tuple[float, float]
    centre: tuple[float, float]
    unit: str
    titles: tuple[str, str]
    """Axis titles (y, x)."""
    arcsec: float = 0.0
    """Size of ``unit`` in arcsec, 0 without a WCS."""
    north: tuple[float, float] | None = None
    """Displacement (y, x) in axis units for one arcsec to the north, None without an orientation."""
    east: tuple[float, float] | None = None

    def extent(self, window: Window) -> tuple[float, float, float, float]:
        """Offsets (bottom, top, left, right) of the edges of a window."""
        y0, y1 = (self.step[0] * (edge - self.centre[0]) for edge in (window.y0, window.y1))
        x0, x1 = (self.step[1] * (edge - self.centre[1]) for edge in (window.x0, window.x1))
        return y0, y1, x0, x1

    def grid(self, window: Window, shape: tuple[int, int]) -> dict[str, float]:
        """Heatmap keys x0, dx, y0, dy of an image (ny, nx) that fills the window."""
        bottom, top, left, right = self.extent(window)
        dy, dx = (top - bottom) / shape[0], (right - left) / shape[1]
        return {"x0": left + dx / 2, "dx": dx, "y0": bottom + dy / 2, "dy": dy}

    def cells(self, window: Window, shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Offsets (y, x) of the cell centres of an image (ny, nx) that fills the window."""
        grid = self.grid(window, shape)
        return grid["y0"] + grid["dy"] * np.arange(shape[0]), grid["x0"] + grid["dx"] * np.arange(shape[1])

    def offset(self, north: NDArray[Any], east: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Axis displacement (y, x) of sky displacements in arcsec; needs an orientation."""
        assert self.north is not None and self.east is not None
        return north * self.north[0] + east * self.east[0], north * self.north[1] + east * self.east[1]


def whole(cutout: Cutout) -> Window:
    """The window that covers all pixels of a cutout."""
    ny, nx = cutout.shape
    return Window(0, ny, 0, nx)


def frame(cutout: Cutout) -> Frame:
    """Axes of a cutout: sky offsets where its WCS holds at the centre, else pixels from the lower left corner."""
    ny, nx = cutout.shape
    jacobian = _jacobian(cutout)
    if jacobian is None:
        return Frame((1.0, 1.0), (0.0, 0.0), "px", ("y (pixel)", "x (pixel)"))
    scale_x, scale_y = np.hypot(*jacobian)  # arcsec a pixel along x and y
    widest = max(scale_x * nx, scale_y * ny)
    arcsec, unit = ARCSEC_UNITS[0] if widest <= 5400 else ARCSEC_UNITS[1] if widest <= 72000 else ARCSEC_UNITS[2]
    lat, lon = _names(cutout)
    if _is_small(jacobian[1, 0], scale_x) and _is_small(jacobian[0, 1], scale_y):
        signs, titles = (np.sign(jacobian[1, 1]), np.sign(jacobian[0, 0])), (f"Δ{lat} ({unit})", f"Δ{lon} ({unit})")
    elif _is_small(jacobian[0, 0], scale_x) and _is_small(jacobian[1, 1], scale_y):  # declination runs along x
        signs, titles = (np.sign(jacobian[0, 1]), np.sign(jacobian[1, 0])), (f"Δ{lon} ({unit})", f"Δ{lat} ({unit})")
    else:
        signs, titles = (1.0, 1.0), (f"offset along y ({unit})", f"offset along x ({unit})")
    step = (float(signs[0] * scale_y / arcsec), float(signs[1] * scale_x / arcsec))
    to_pixel = np.linalg.inv(jacobian)  # arcsec (east, north) to pixel (x, y)
    east = (float(to_pixel[1, 0] * step[0]), float(to_pixel[0, 0] * step[1]))
    north = (float(to_pixel[1, 1] * step[0]), float(to_pixel[0, 1] * step[1]))
    return Frame(step, (ny / 2, nx / 2), unit, titles, arcsec, north, east)


def centre_text(cutout: Cutout) -> str | None:
    """Position of the cutout's centre, sexagesimal and in degrees, or None without a WCS that holds there.

    As in the file for ICRS and J2000, which differ by 0.03 arcsec at most, in ICRS for any other equinox.
    """
    position = _centre(cutout)
    if position is None or cutout.wcs is None:
        return None
    lon, lat = position
    if _names(cutout) != ("Dec", "RA"):
        return f"{_names(cutout)[1]}, {_names(cutout)[0]} {lon:.5f}°, {lat:+.5f}°"
    frame = wcs_to_celestial_frame(cutout.wcs)
    name = ""
    if not (isinstance(frame, ICRS) or (isinstance(frame, FK5) and frame.equinox == J2000)):
        icrs = SkyCoord(lon, lat, unit="deg", frame=frame).icrs
        lon, lat, name = float(icrs.ra.deg), float(icrs.dec.deg), " ICRS"
    degrees = f"{lon:.5f}°, {lat:+.5f}°"
    hours = Angle(lon, "deg").to_string(unit="hourangle", sep="hms", precision=2, pad=True)
    dms = Angle(lat, "deg").to_string(unit="deg", sep=("°", "′", "″"), precision=1, pad=True, alwayssign=True)
    return f"{hours} {dms}{name}  ({degrees})"


def _is_small(step: float, scale: float) -> bool:
    """True within about a degree of an axis."""
    return abs(step) < 0.02 * scale


def _names(cutout: Cutout) -> tuple[str, str]:
    assert cutout.wcs is not None
    names = {"RA": "RA", "DEC": "Dec", "GLON": "l", "GLAT": "b"}
    lat, lon = cutout.wcs.wcs.lattyp.strip(), cutout.wcs.wcs.lngtyp.strip()
    return names.get(lat, lat), names.get(lon, lon)


def _centre(cutout: Cutout) -> tuple[float, float] | None:
    if cutout.wcs is None:
        return None
    ny, nx = cutout.shape
    world = cutout.wcs.all_pix2world([[nx / 2 - 0.5, ny / 2 - 0.5]], 0)[0]
    lon, lat = float(world[cutout.wcs.wcs.lng]), float(world[cutout.wcs.wcs.lat])
    return (lon % 360.0, lat) if np.isfinite([lon, lat]).all() and abs(lat) <= 90 else None


def _jacobian(cutout: Cutout) -> NDArray[Any] | None:
    """Arcsec (east, north) for one pixel (x, y) at the centre, rows east and north; None where there is none."""
    if cutout.wcs is None:
        return None
    steps = sky_steps(cutout.wcs, cutout.shape[0] / 2 - 0.5, cutout.shape[1] / 2 - 0.5)
    return steps if steps is not None and abs(np.linalg.det(steps)) > 1e-12 else None


def origin_text(cutout: Cutout) -> str:
    """Survey, VLASS epoch, tile, version, date, frequency and position, on one line."""
    origin = cutout.origin
    parts = ["simulated"] if origin.simulated else []
    if origin.survey:
        epoch = f", VLASS epoch {origin.vlass_epoch}" if origin.vlass_epoch else ""
        look = " Quick Look" if origin.quick_look else ""
        parts.append(f"{origin.survey}{look}{epoch}")
    parts += [f"tile {origin.tile}"] if origin.tile else []
    parts += [f"version {origin.version}"] if origin.version else []
    parts += [origin.date] if origin.date else []
    parts += [quantities.frequency(origin.frequency_ghz)] if origin.frequency_ghz else []
    parts.append(centre_text(cutout) or "orientation unknown, no sky coordinates")
    return " · ".join(parts)
