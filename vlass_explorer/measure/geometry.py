"""Pixels of a cutout as places and areas on the sky, near the source that is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..schema import Beam, Cutout, sky_steps

EIGHT = np.ones((3, 3), bool)  # pixels that touch at a corner are one island
LONG = 150  # places around a pixel, up to which each is looked at
FWHM = float(np.sqrt(8.0 * np.log(2.0)))  # full width at half maximum of a Gaussian in sigmas


def to_sky(cutout: Cutout, y: float, x: float) -> NDArray[np.float64] | None:
    """Matrix (2, 2) that turns an offset (x, y) in pixels into (east, north) in arcsec at a place; None without WCS.

    Mirrored, turned and sheared images, and those far from their reference point, are right.
    """
    return None if cutout.wcs is None else sky_steps(cutout.wcs, y, x)


def beam_covariance(beam: Beam, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance (x, y) of a beam in square pixels, where ``matrix`` turns pixels into the sky."""
    back = np.linalg.inv(matrix)
    return back @ sky_covariance(beam.major, beam.minor, beam.pa) @ back.T


def sky_covariance(major: float, minor: float, pa: float) -> NDArray[np.float64]:
    """Covariance (east, north) in square arcsec of a Gaussian of full widths in arcsec; pa from north through east."""
    angle = np.radians(pa)
    axes = np.array([[np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)]])
    return axes.T @ np.diag([major**2, minor**2]) @ axes / FWHM**2


def axes_of(covariance: NDArray[np.float64]) -> tuple[float, float, float]:
    """Full widths (major, minor) in arcsec and position angle in degrees, 0 to 180, of a covariance (east, north).

    A direction without extent (deconvolved below zero) has width 0.
    """
    values, vectors = np.linalg.eigh(covariance)
    minor, major = FWHM * np.sqrt(np.maximum(values, 0.0))
    east, north = vectors[:, 1]
    return float(major), float(minor), float(np.degrees(np.arctan2(east, north)) % 180.0)


def places(mask: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places (n) along y and x of what is not zero, as ``np.nonzero``, which takes ten times as long for a few."""
    ys, xs = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return ys, xs


def box_around(mask: NDArray[np.bool_], margin: float = 0.0) -> tuple[slice, slice]:
    """The smallest box around a mask, which is not empty, with a margin in pixels, inside the image."""
    grown, more = [], int(np.ceil(margin))
    for axis in (0, 1):
        held = np.flatnonzero(mask.any(axis=1 - axis))
        grown.append(slice(max(0, int(held[0]) - more), min(mask.shape[axis], int(held[-1]) + more + 1)))
    return grown[0], grown[1]


def rim(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels (ny, nx) of a mask with a side at a pixel outside of it, or at the edge."""
    found = mask.copy()
    inner = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    found[1:-1, 1:-1] &= ~inner
    return found


def distance(mask: NDArray[np.bool_], step: tuple[float, float]) -> NDArray[np.float64]:
    """Distance of each pixel (ny, nx) from a mask, infinite from an empty one; ``step`` is the pixel size (y, x)."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    nearest = ndimage.distance_transform_edt(~mask, sampling=step, return_distances=False, return_indices=True)
    # As scipy's own distances, which take it as long again to compute.
    squares = (nearest[0] - np.arange(mask.shape[0], dtype=np.int32)[:, None]) * float(step[0])
    squares *= squares
    across = (nearest[1] - np.arange(mask.shape[1], dtype=np.int32)) * float(step[1])
    across *= across
    squares += across
    return np.asarray(np.sqrt(squares, out=squares))


def within(mask: NDArray[np.bool_], length: float, step: tuple[float, float]) -> NDArray[np.bool_]:
    """Pixels (ny, nx) no farther from a mask than a length, as ``distance`` says; soon known where it is short."""
    reach = [int(length / side) + 1 for side in step]
    if (2 * reach[0] + 1) * (2 * reach[1] + 1) > LONG:
        return distance(mask, step) <= length
    ny, nx = mask.shape
    found = np.zeros((ny + 2 * reach[0], nx + 2 * reach[1]), bool)
    ys, xs = places(mask)
    for y in range(-reach[0], reach[0] + 1):
        for x in range(-reach[1], reach[1] + 1):
            if np.sqrt((y * step[0]) ** 2 + (x * step[1]) ** 2) <= length:
                found[ys + (y + reach[0]), xs + (x + reach[1])] = True
    return found[reach[0] : reach[0] + ny, reach[1] : reach[1] + nx]
