"""Tiles of one VLASS epoch that meet at a source, put together: one beam, one grid, the mean where they overlap.

The beam is the smallest that holds those of all tiles (radio-beam). Where the kernel to it is too narrow for the pixels
it is a little larger, so that it can be sampled; both are told.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from reproject import reproject_interp
from scipy import ndimage

from ..common_beam import to_common_beam
from ..cutouts import square_grid
from ..foreign import mapped, reason
from ..schema import ArchiveError, Beam, Cutout, MatchError
from .contract import Position

FEATHER = 20.0  # pixels from its edge over which a tile gains its full weight
KEPT = ("BUNIT", "BTYPE", "OBJECT", "TELESCOP", "INSTRUME", "OBSERVER", "DATE-OBS", "RESTFRQ", "SURVEY", "PROPCODE")


def join(tiles: Sequence[Cutout], position: Position, size: float) -> tuple[bytes, tuple[str, ...]]:
    """FITS of ``size`` arcsec around a position from two or more tiles, and sentences on what was done.

    A pixel is the weighted mean of the tiles that have data there (bicubic, each smoothed to the common beam), NaN
    where none has. Raises ArchiveError where beams or coordinates do not let them be put together.
    """
    alike, beam, said = _one_beam(tiles)
    scale = tiles[0].pixel_scale
    assert scale is not None
    pixel = float(np.sqrt(scale[0] * scale[1]))
    side = max(8, round(size / pixel))
    wcs = square_grid(position, pixel, side)
    total, count = np.zeros((side, side)), np.zeros((side, side))
    with mapped(lambda error: ArchiveError(f"The tiles cannot be put onto one grid ({reason(error)}).")):
        for tile in alike:
            values, weight = _on(tile, wcs, (side, side))
            total += np.where(weight > 0, weight * values, 0.0)
            count += weight
    pixels = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0).astype(np.float32)
    notes = (f"Put together from {len(tiles)} tiles that meet here, each seen in a part of it.", *said)
    return _packed(pixels, wcs, tiles[0], beam, [tile.name for tile in tiles], notes), notes


def _one_beam(tiles: Sequence[Cutout]) -> tuple[Sequence[Cutout], Beam | None, tuple[str, ...]]:
    """The tiles at one beam, that beam where it is not the first one's own, and what is told of it."""
    if any(tile.beam is None for tile in tiles):
        return tiles, None, ("Not every tile says its beam: they are taken as they are.",)
    try:
        together = to_common_beam(tiles)
    except MatchError as error:
        raise ArchiveError(f"The tiles cannot be brought to one beam: {error}") from error
    if not together.smoothed:
        return tiles, None, ()
    told = f"Tiles with beams of {', '.join(dict.fromkeys(str(tile.beam) for tile in tiles))} smoothed to"
    if together.widened:
        said = f"{told} {together.beam}, the smallest one that these pixels can sample the kernels to."
    else:
        said = f"{told} their smallest common beam, {together.beam}."
    return together.cutouts, together.beam, (said,)


def _on(tile: Cutout, wcs: WCS, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A tile on another grid and its weight there: how far the nearest pixel lies from the tile's edge and blanks.

    Smoothing at an edge knows the sky of one side only, so a tile counts little there where another has data.
    """
    has_data = np.isfinite(tile.pixels)
    filled = tile.pixels.astype(np.float64)
    if not has_data.all():  # one NaN under the bicubic filter blanks all
        nearest = ndimage.distance_transform_edt(~has_data, return_distances=False, return_indices=True)
        filled = filled[tuple(nearest)]
    far = np.minimum(ndimage.distance_transform_edt(np.pad(has_data, 1))[1:-1, 1:-1], FEATHER) / FEATHER
    values, inside = reproject_interp((filled, tile.wcs), wcs, shape_out=shape, order="bicubic")
    weight, _ = reproject_interp((far**2, tile.wcs), wcs, shape_out=shape, order="nearest-neighbor")
    return values, np.where((inside > 0) & np.isfinite(values), np.nan_to_num(weight), 0.0)


def _packed(
    pixels: NDArray[np.float32], wcs: WCS, first: Cutout, beam: Beam | None, names: Sequence[str], notes: Sequence[str]
) -> bytes:
    header = wcs.to_header()
    for name, value in first.header.items():
        if (name in KEPT or name.startswith("FILNAM")) and isinstance(value, (str, int, float)):
            header[name] = value
    shown = beam or first.beam
    if shown is not None:
        header["BMAJ"], header["BMIN"], header["BPA"] = shown.major / 3600, shown.minor / 3600, shown.pa
    for line in (*(f"VLASS Explorer mosaic of {name}" for name in names), *notes):
        header.add_history(line.encode("ascii", "replace").decode())
    buffer = io.BytesIO()
    fits.PrimaryHDU(pixels, header).writeto(buffer)
    return buffer.getvalue()
