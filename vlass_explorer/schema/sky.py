"""What a cutout is: pixels with unit, beam, noise, coordinates and origin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..quantities import angle
from .pixels import PixelShape, pixel_shape

if TYPE_CHECKING:
    from astropy.wcs import WCS

Row0 = Literal["south", "north", "unknown"]


@dataclass(frozen=True)
class Beam:
    """Restoring beam: full widths at half maximum in arcsec, position angle in degrees north through east."""

    major: float
    minor: float
    pa: float = 0.0
    assumed: bool = False
    """True where the file says nothing and the survey's nominal beam stands in."""
    source: str = "header"

    def __post_init__(self) -> None:
        if not (np.isfinite([self.major, self.minor, self.pa]).all() and self.major >= self.minor > 0):
            raise ValueError(f"A beam needs finite axes with major >= minor > 0, got {self.major} x {self.minor}.")

    @property
    def solid_angle(self) -> float:
        """Area of the elliptical Gaussian beam in square arcsec."""
        return float(np.pi * self.major * self.minor / (4.0 * np.log(2.0)))

    def described(self, before_pa: str) -> str:
        """Both axes with the position angle; of a round beam, which has none, the axes alone."""
        major, minor = angle(self.major), angle(self.minor)
        return f"{major} × {minor}" + ("" if major == minor else f"{before_pa}{self.pa:.0f}°")

    def __str__(self) -> str:
        """As sentences name it: 5.4″ for a round one, else 3.0″×2.2″."""
        major, minor = (_side(axis) for axis in (self.major, self.minor))
        return major if major == minor else f"{major}×{minor}"


def _side(arcsec: float) -> str:
    """One digit behind the point up to 10 arcsec, none above; finer ones in a unit of their size."""
    if arcsec < 1.0 or arcsec >= 600.0:
        return angle(arcsec)
    return f"{arcsec:.1f}″" if arcsec < 10 else f"{arcsec:.0f}″"


NO_NOISE = "The noise was cut away before the file was written, or there was none."
"""Why what is measured against the noise is off where a cutout has none."""


@dataclass(frozen=True)
class Noise:
    """Noise of a whole cutout in its own unit, measured once and never again on a crop."""

    rms: float
    method: str
    pixels: int


@dataclass(frozen=True)
class Origin:
    """What file name and header say about where an image comes from; None where they say nothing."""

    survey: str | None = None
    """VLASS, FIRST, NVSS, LoTSS, WISE, ... or None."""
    product: str = "unknown"
    """total intensity, rms, tt1, alpha, model, residual, psf, background, infrared, optical, stokes QUV, mask,
    primary beam, weights, polarised intensity, Faraday depth, RR correlation, ... or unknown."""
    frequency_ghz: float | None = None
    vlass_epoch: str | None = None
    tile: str | None = None
    version: str | None = None
    date: str | None = None
    quick_look: bool = False
    simulated: bool = False


@dataclass(frozen=True)
class Native:
    """What a cutout was before it was smoothed or regridded."""

    sha256: str
    beam: Beam | None
    scale: tuple[float, float] | None
    """Pixel size (y, x) in arcsec."""
    noise: Noise | None
    steps: tuple[str, ...] = ()
    """What was done since, a sentence each."""


@dataclass(frozen=True, eq=False)
class Cutout:
    """One sky image, axes (ny, nx), row 0 at the bottom; NaN means no data and is kept until preprocessing."""

    name: str
    pixels: NDArray[np.float32]
    unit: str | None = None
    """FITS unit string ("Jy/beam"), "count" for PNG, JPEG and TIFF, None where the file does not say."""
    wcs: WCS | None = None
    """Celestial two-dimensional WCS of ``pixels`` as stored, or None."""
    beam: Beam | None = None
    noise: Noise | None = None
    """None where no noise is left to measure (an already clipped or constant image)."""
    header: Mapping[str, Any] = field(default_factory=dict)
    """FITS cards by keyword, HISTORY and COMMENT joined by newlines; empty for other formats."""
    origin: Origin = field(default_factory=Origin)
    notes: tuple[str, ...] = ()
    """What is odd about the file, at most five sentences, the important first."""
    more_notes: tuple[str, ...] = ()
    """What else is odd, which changes nothing that is shown."""
    kind: Literal["fits", "image", "array"] = "fits"
    row0: Row0 = "unknown"
    """Where row 0 of ``pixels`` lies: "south" from the WCS or declared, else "unknown"."""
    sha256: str = ""
    """Hash of the bytes that were read and of what was cut from them, the key of every cache; of the pixels, unit and
    beam of a cutout that was made in memory. Never empty."""
    declared_scale: float | None = None
    """Pixel size in arcsec that the user or a data set declares where the file has no WCS."""
    stretch: str | None = None
    """Stretch of a picture that the user declared ("log:100") and that was undone in ``pixels``."""
    colour: NDArray[np.float32] | None = None
    """Channels (3, ny, nx) of a colour picture, whose luminance ``pixels`` is; None for everything else."""
    planes: int = 1
    """How many planes of a cube or pages of a TIFF the file offers, of which this is one."""
    blanked: float = 0.0
    """Share of the pixels that had one value along the edge, where nothing was observed, and became NaN."""
    native: Native | None = None
    """What this was as it was read, where it has been smoothed or regridded since; else None."""

    def __post_init__(self) -> None:
        if self.colour is not None and self.colour.shape != (3, *self.pixels.shape):
            raise ValueError("Cutout.colour must be three planes like pixels.")
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32 or not self.pixels.dtype.isnative:
            raise ValueError("Cutout.pixels must be a native float32 array (ny, nx).")
        self.pixels.setflags(write=False)
        if not self.sha256:
            digest = hashlib.sha256(repr((self.shape, self.unit, self.beam)).encode())
            for plane in (self.pixels, self.colour):
                digest.update(b"" if plane is None else plane.tobytes())
            object.__setattr__(self, "sha256", digest.hexdigest())

    @property
    def shape(self) -> tuple[int, int]:
        """Size (ny, nx) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def pixel_scale(self) -> tuple[float, float] | None:
        """Pixel size (y, x) in arcsec, positive: on the sky at the cutout's centre, else as declared, else None."""
        return None if self.pixel_shape is None else self.pixel_shape.scale

    @cached_property
    def pixel_shape(self) -> PixelShape | None:
        """Shape on the sky of the pixel at the centre of the cutout; a declared size is that of a square.

        Kept once computed, outside the fields: ``dataclasses.replace`` makes a cutout that computes its own.
        """
        if self.wcs is None:
            return None if self.declared_scale is None else PixelShape.square(self.declared_scale)
        return pixel_shape(self.wcs, (self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2)

    @property
    def file_sha256(self) -> str:
        """``sha256`` of the cutout as it was read, whatever was done to it since."""
        return self.sha256 if self.native is None else self.native.sha256

    @property
    def is_clipped(self) -> bool:
        """True where the noise was cut away before the file was written, so that no rms can be measured."""
        return self.noise is None


@dataclass(frozen=True)
class Window:
    """A rectangle on a cutout in pixel edges: pixel i covers [i, i + 1]; it may reach beyond the image."""

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Size (ny, nx) in native pixels."""
        return self.y1 - self.y0, self.x1 - self.x0
