"""What a sky is made of: elliptical Gaussians, a point being one of no size, and how they are turned and moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...schema import Beam

Generator = np.random.Generator
Covariance = NDArray[np.float64]
"""Covariance (2, 2) of a Gaussian, axes (x, y), in square arcsec unless said otherwise."""
FWHM = float(np.sqrt(8 * np.log(2)))  # full width at half maximum of a Gaussian in sigmas


@dataclass(frozen=True)
class Component:
    """An elliptical Gaussian; ``major`` 0 is a point."""

    flux: float
    x: float
    y: float
    major: float = 0.0
    minor: float = 0.0
    pa: float = 0.0
    essential: bool = True
    """True where the class can only be told if this component stands out of the noise."""
    part: str = ""
    """What it is part of, so that fluxes can be added up: core, jet, lobe, hotspot, bridge, tail or filament."""

    @property
    def covariance(self) -> Covariance:
        """Covariance of the Gaussian, zero for a point."""
        return covariance(self.major, self.minor, self.pa)

    def moved(self, x: float, y: float, times: float = 1.0) -> Component:
        """The component shifted by (x, y) arcsec, with ``times`` the flux."""
        return replace(self, flux=self.flux * times, x=self.x + x, y=self.y + y)


def placed(parts: Sequence[Component], flux: float, x: float = 0.0, y: float = 0.0, pa: float = 0.0) -> list[Component]:
    """A source turned by ``pa`` about its origin (north to east), shifted by (x, y), of total flux density ``flux``."""
    times = flux / sum(part.flux for part in parts)
    turned_parts = []
    for part in parts:
        along, across = part.y, part.x  # at position angle 0 the axis points north, and across it is west
        new_x, new_y = turned(along, across, pa)
        turned_parts.append(replace(part, flux=part.flux * times, x=new_x + x, y=new_y + y, pa=part.pa + pa))
    return turned_parts


def beam_covariance(beam: Beam) -> Covariance:
    """Covariance of a beam."""
    return covariance(beam.major, beam.minor, beam.pa)


def covariance(major: float, minor: float, pa: float) -> Covariance:
    """Covariance of a Gaussian from full widths at half maximum and position angle."""
    axis = np.array(turned(1.0, 0.0, pa))
    across = np.array([axis[1], -axis[0]])
    return ((major / FWHM) ** 2) * np.outer(axis, axis) + ((minor / FWHM) ** 2) * np.outer(across, across)


def turned(along: float, across: float, pa: float) -> tuple[float, float]:
    """Offset (x, y) of a point given along and across an axis at position angle ``pa`` (east is to the left)."""
    angle = np.radians(pa)
    sin, cos = float(np.sin(angle)), float(np.cos(angle))
    return -along * sin + across * cos, along * cos + across * sin


def log_uniform(random: Generator, low: float, high: float) -> float:
    """A number between two positive limits, equally likely in every factor."""
    return float(low * (high / low) ** random.random())
