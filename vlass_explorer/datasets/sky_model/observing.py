"""What an instrument makes of components: the noise-free image, what is left of each component, and a cutout of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ... import measure
from ...cutouts import sky
from ...schema import Beam, Cutout, Origin
from .components import Component, Covariance, beam_covariance
from .grids import FlatGrid, Grid
from .resolved_out import bowl_covariance, kept_fraction

REACH = 5.5  # sigmas to which a component is drawn: 1e-7 of its flux lies beyond


def observe(
    parts: Sequence[Component], beam: Beam, grid: Grid, largest_scale: float | None = None
) -> NDArray[np.float64]:
    """Noise-free image (ny, nx) in flux per beam, row 0 the south on a flat grid, of components seen by a beam.

    ``largest_scale`` in arcsec takes off what an interferometer resolves out. Brightness is that at the pixel centres:
    the sum of a component over all pixels, times their area, over that of the beam, is its flux to 1e-6 where half
    the beam's minor axis is no less than the pixel's larger side. NaN where the grid has no sky.
    """
    image = np.zeros(grid.shape)
    for part in parts:
        seen = beam_covariance(beam) + part.covariance
        _add(image, part, part.flux * peak_fraction(part, beam), seen, grid)
        if largest_scale is not None:
            wide = seen + bowl_covariance(largest_scale)
            _add(image, part, -part.flux * _concentration(beam, wide), wide, grid)
    if not isinstance(grid, FlatGrid):
        image[np.isnan(grid.offsets[0])] = np.nan
    return image


def peak_fraction(part: Component, beam: Beam) -> float:
    """Peak in flux per beam over total flux: 1 for a point, less the more a component is resolved."""
    return _concentration(beam, beam_covariance(beam) + part.covariance)


def _concentration(beam: Beam, seen: Covariance) -> float:
    return float(np.sqrt(np.linalg.det(beam_covariance(beam)) / np.linalg.det(seen)))


def _add(image: NDArray[np.float64], part: Component, peak: float, seen: Covariance, grid: Grid) -> None:
    index, dx, dy = grid.around(part.x, part.y, REACH * np.sqrt(np.diag(seen)))
    (xx, xy), (_, yy) = np.linalg.inv(seen)
    shape = np.exp(-0.5 * (xx * dx**2 + 2 * xy * dx * dy + yy * dy**2))
    image[index] += peak * shape


@dataclass(frozen=True, eq=False)
class Observation:
    """Components as a beam on a grid sees them, without noise, and what is known to be true of them."""

    parts: tuple[Component, ...]
    """Components with fluxes in Jy."""
    beam: Beam
    grid: Grid
    largest_scale: float | None = None
    """Largest angular scale in arcsec that is not resolved out; None keeps all flux."""

    @cached_property
    def image(self) -> NDArray[np.float64]:
        """Noise-free image (ny, nx) in Jy/beam."""
        return observe(self.parts, self.beam, self.grid, self.largest_scale)

    @property
    def fluxes(self) -> NDArray[np.float64]:
        """Flux density of each component on the sky in Jy (n)."""
        return np.array([part.flux for part in self.parts])

    @property
    def kept(self) -> NDArray[np.float64]:
        """Share of each component's flux that is not resolved out, see ``resolved_out.kept_fraction`` (n)."""
        return np.array([kept_fraction(part, self.beam, self.largest_scale) for part in self.parts])

    def alone(self, index: int) -> NDArray[np.float64]:
        """Noise-free image (ny, nx) of one component in Jy/beam."""
        return observe(self.parts[index : index + 1], self.beam, self.grid, self.largest_scale)

    def mask(self, level: float, index: int | None = None) -> NDArray[np.bool_]:
        """Pixels (ny, nx) where one component, or all together, are brighter than ``level`` in Jy/beam."""
        image = self.image if index is None else self.alone(index)
        return np.asarray(np.nan_to_num(image, nan=-np.inf) > level)

    def total(self, image: NDArray[np.float64]) -> float:
        """Flux in Jy of an image in Jy/beam on this grid: sum over pixels of brightness times area over the beam's."""
        return float(np.nansum(image * self.grid.area) / self.beam.solid_angle)

    def cutout(
        self, noise: NDArray[np.float64] | float = 0.0, name: str = "simulated", origin: Origin | None = None
    ) -> Cutout:
        """The image with ``noise`` (ny, nx) in Jy/beam as a reader gives it: WCS, beam, measured noise, hash.

        The noise may be that of a real image on its own WCS, so that the sources are injected into it.
        """
        pixels = np.asarray(self.image + noise, np.float32)
        return Cutout(
            name,
            pixels,
            unit="Jy/beam",
            wcs=self.grid.wcs,
            beam=self.beam,
            noise=measure.noise(pixels),
            origin=origin or Origin(product="total intensity", simulated=True),
            row0=sky.row0(self.grid.wcs),
            sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
        )
