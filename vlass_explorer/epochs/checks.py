"""What an image needs before it is compared with another one, and one sentence for each thing that it lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from ..cutouts import to_pixels
from ..measure import TO_JY_BEAM
from ..schema import Cutout, PairError

Position = tuple[float, float]
"""(RA, Dec) in degrees, ICRS."""


def name(cutout: Cutout) -> str:
    """What an image is called beside others: survey and VLASS epoch, else its file."""
    origin = cutout.origin
    if origin.survey is None:
        return cutout.name
    return f"{origin.survey} {origin.vlass_epoch}" if origin.vlass_epoch else origin.survey


def ready(cutout: Cutout) -> Cutout:
    """The image in Jy/beam; PairError where it has no unit, beam, noise or coordinates to be compared with."""
    if cutout.kind != "fits":
        raise PairError(f"{name(cutout)} is a picture: its brightness has no unit, so nothing can be compared.")
    if cutout.unit not in TO_JY_BEAM:
        unit = f"in {cutout.unit}" if cutout.unit else "of no named unit"
        raise PairError(f"{name(cutout)} is {unit}, not in Jy/beam: its flux cannot be compared.")
    if cutout.origin.product not in ("total intensity", "unknown"):
        raise PairError(f"{name(cutout)} is no total-intensity image ({cutout.origin.product}).")
    if cutout.beam is None:
        raise PairError(f"{name(cutout)} gives no beam: it cannot be brought to that of another image.")
    if cutout.wcs is None or cutout.pixel_shape is None:
        raise PairError(f"{name(cutout)} has no sky coordinates (WCS) to lie on another image with.")
    if cutout.noise is None:
        raise PairError(f"{name(cutout)} has no noise left to measure: nothing tells what differs.")
    factor = TO_JY_BEAM[cutout.unit]
    if factor == 1.0:
        return cutout
    noise = replace(cutout.noise, rms=cutout.noise.rms * factor)
    return replace(cutout, pixels=cutout.pixels * np.float32(factor), unit="Jy/beam", noise=noise, sha256="")


def different(first: Cutout, second: Cutout) -> None:
    """PairError where both are one file."""
    if first.file_sha256 == second.file_sha256:
        raise PairError(f"Both images are the same file of {name(first)}: choose two.")


def centre(cutout: Cutout) -> Position:
    """Position of the centre of an image with coordinates."""
    assert cutout.wcs is not None
    ny, nx = cutout.shape
    place = cutout.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
    return float(place.ra.deg), float(place.dec.deg)


def place(cutout: Cutout, position: Position) -> tuple[float, float] | None:
    """(y, x) of a position in an image with coordinates; None where it lies outside."""
    assert cutout.wcs is not None
    x, y = (float(value) for value in to_pixels(cutout.wcs, SkyCoord(*position, unit="deg")))
    ny, nx = cutout.shape
    inside = np.isfinite([x, y]).all() and -0.5 <= y <= ny - 0.5 and -0.5 <= x <= nx - 0.5
    return (y, x) if inside else None


def shown(cutout: Cutout, position: Position) -> tuple[float, float]:
    """(y, x) of a position; PairError where the image lies elsewhere or holds no data there."""
    found = place(cutout, position)
    if found is None:
        away = SkyCoord(*centre(cutout), unit="deg").separation(SkyCoord(*position, unit="deg"))
        far = f"{away.deg:.2g}°" if away > 1 * u.deg else f"{away.arcmin:.1f}′"
        raise PairError(f"{name(cutout)} does not show this source: the centre of its image is {far} away.")
    if not np.isfinite(cutout.pixels[round(found[0]), round(found[1])]):
        raise PairError(f"{name(cutout)} holds no data (NaN) at the source.")
    return found
