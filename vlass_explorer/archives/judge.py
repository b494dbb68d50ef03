"""What an image that a service sent is worth at a position: does it lie there, how much of the square holds data."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from .. import cutouts
from ..foreign import mapped, reason
from ..schema import Cutout, CutoutError, ServiceError, Verdict, pixel_shape
from . import answers
from .contract import Position

ENOUGH = 0.995  # of the square; a few blank pixels are no edge


@dataclass(frozen=True)
class Judged:
    """Verdict of an image, the share of the square that holds data, and the image as a cutout (None where blank)."""

    verdict: Verdict
    covered: float
    cutout: Cutout | None = None


def judge(service: str, data: bytes, name: str, position: Position, size: float) -> Judged:
    """Verdict of a FITS image for a square of ``size`` arcsec; raises ServiceError for none, or one elsewhere."""
    if _is_blank(service, data):
        return Judged("blank", 0.0)
    try:
        cutout = cutouts.read(data, name)
    except CutoutError as error:
        raise ServiceError(service, f"sent a file that cannot be used: {str(error).rstrip('.')}") from error
    return of(service, cutout, position, size)


def of(service: str, cutout: Cutout, position: Position, size: float) -> Judged:
    """Verdict of a cutout, as ``judge``."""
    if cutout.wcs is None:
        raise ServiceError(service, "sent an image without sky coordinates")
    place = SkyCoord(*position, unit="deg")
    ny, nx = cutout.shape
    with mapped(lambda error: ServiceError(service, f"sent an image whose coordinates fail ({reason(error)})")):
        centre = cutout.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
        x, y = (float(value) for value in cutouts.to_pixels(cutout.wcs, place))
        scale = pixel_shape(cutout.wcs, (ny - 1) / 2, (nx - 1) / 2).scale
    away = float(centre.separation(place).arcsec)
    reach = 0.5 * float(np.hypot(ny * scale[0], nx * scale[1]))
    if not np.isfinite([x, y]).all() or away > reach + 0.75 * size:
        far = f"{away / 3600:.2g} deg" if away > 3600 else f"{away:.0f} arcsec"
        raise ServiceError(service, f"sent an image that lies elsewhere, {far} away")
    rows, columns = (
        _inside(centre, size / step, length) for centre, step, length in zip((y, x), scale, (ny, nx), strict=True)
    )
    wanted = (size / scale[0]) * (size / scale[1])
    has_data = int(np.isfinite(cutout.pixels[rows, columns]).sum())
    covered = min(has_data / wanted, 1.0)
    is_whole = has_data >= ENOUGH * round(size / scale[0]) * round(size / scale[1])
    if has_data == 0:
        return Judged("blank" if cutout.pixels[rows, columns].size else "outside", 0.0)
    return Judged("found" if is_whole else "partly outside", 1.0 if is_whole else covered, cutout)


def _inside(centre: float, side: float, length: int) -> slice:
    """Pixels along one axis whose centres lie in the square, those that the image has."""
    first = int(np.ceil(centre - side / 2 - 1e-6))
    return slice(min(max(first, 0), length), min(max(first + round(side), 0), length))


def _is_blank(service: str, data: bytes) -> bool:
    """Is there no finite pixel, or one value everywhere?"""
    with (
        mapped(lambda error: ServiceError(service, f"sent a damaged file ({reason(error)})")),
        answers.reading(),
        fits.open(io.BytesIO(data), memmap=False) as hdus,
    ):
        pixels = next((hdu.data for hdu in hdus if getattr(hdu, "shape", None) and hdu.data is not None), None)
        if pixels is None or getattr(pixels.dtype, "names", None):
            raise ServiceError(service, "sent a FITS file without an image")
        finite = pixels[np.isfinite(pixels)]
        return finite.size == 0 or bool(finite.min() == finite.max())
