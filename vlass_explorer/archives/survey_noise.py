"""The survey's own noise image in place of what is measured on a cutout: local at the source."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from .. import cutouts
from ..cutouts import to_pixels
from ..measure import TO_JY_BEAM
from ..schema import Cutout, CutoutError, Noise
from .contract import Position

METHOD = "survey's rms image"
RADIUS = 15.0  # arcsec around the source


def local(rms: Cutout, position: Position) -> Noise | None:
    """Median of a noise image (ny, nx) within 15 arcsec of a position, in its unit; None where it has no data there."""
    if rms.wcs is None or rms.pixel_scale is None:
        return None
    x, y = (float(value) for value in to_pixels(rms.wcs, SkyCoord(*position, unit="deg")))
    if not np.isfinite([x, y]).all():
        return None
    rows, columns = np.indices(rms.shape)
    near = np.hypot((rows - y) * rms.pixel_scale[0], (columns - x) * rms.pixel_scale[1]) <= RADIUS
    values = rms.pixels[near & np.isfinite(rms.pixels) & (rms.pixels > 0)]
    return Noise(float(np.median(values)), METHOD, int(values.size)) if values.size else None


def beside(path: Path) -> Path | None:
    """The noise image that the command ``cutouts`` put beside a cutout (../rms); None where there is none."""
    name = path.name.replace(".tt0.", ".tt0.rms.")
    found = path.resolve().parent.parent / "rms" / name
    return found if name != path.name and found.is_file() else None


def read(path: Path, **reading: Any) -> Cutout:
    """A cutout with the noise of the survey's image beside it; ``reading`` are options of ``cutouts.read``.

    Raises CutoutError where the file cannot be read, and where no such image is beside it.
    """
    cutout = cutouts.read(path, **reading)
    noise = beside(path)
    if noise is None or cutout.wcs is None:
        raise CutoutError("There is no noise image of the survey beside this file, as the command cutouts puts one.")
    ny, nx = cutout.shape
    centre = cutout.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
    return with_survey_noise(cutout, cutouts.read(noise), (float(centre.ra.deg), float(centre.dec.deg)))


def read_with(path: Path, noise: Path | None, position: Position) -> Cutout:
    """A cutout with the noise of a survey's image at a position, or as it is without one; raises CutoutError."""
    cutout = cutouts.read(path)
    return cutout if noise is None else with_survey_noise(cutout, cutouts.read(noise), position)


def with_survey_noise(cutout: Cutout, rms: Cutout, position: Position) -> Cutout:
    """The cutout with the noise of the survey's rms image at a position, and a note on how the two differ.

    The same object where that image has no data there, or is in another unit.
    """
    found = local(rms, position)
    here, there = (TO_JY_BEAM.get(image.unit or "") for image in (cutout, rms))
    if found is None or here is None or there is None:
        return cutout
    used = replace(found, rms=found.rms * there / here)
    note = f"Noise from the survey's rms image around the source: {1e6 * here * used.rms:.0f} µJy/beam"
    if cutout.noise is not None:
        measured = cutout.noise.rms
        note += f"; measured on the whole cutout: {1e6 * here * measured:.0f} ({measured / used.rms:.2f} times)"
    digest = hashlib.sha256(f"{cutout.sha256} {used}".encode()).hexdigest()
    return replace(cutout, noise=used, notes=(note + ".", *cutout.notes)[:5], sha256=digest)
