"""Simulated radio sources as sums of Gaussians, seen by an elliptical beam: the physics behind ``simulated``.

Positions in arcsec from the image centre, x to the west (right) and y to the north (up); sizes are full widths at half
maximum in arcsec; position angles in degrees from north through east (left). Fluxes are relative until ``observe``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..schema import Beam

Generator = np.random.Generator
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


def point_source(random: Generator) -> list[Component]:
    """One unresolved component, at most a fifth of a beam wide."""
    width = random.uniform(0.0, 0.5)
    return [Component(1.0, 0.0, 0.0, width, width)]


def extended(random: Generator) -> list[Component]:
    """One resolved island of 6 to 28 arcsec: an elliptical body with clumps inside, and no separate lobes."""
    major = _log_uniform(random, 6.0, 28.0)
    minor, pa = major * random.uniform(0.45, 0.95), random.uniform(0.0, 180.0)
    body = [Component(1.0, 0.0, 0.0, major, minor, pa)]
    for _ in range(random.integers(1, 5)):
        along, across = random.uniform(-0.35, 0.35, 2)
        x, y = _turned(along * major, across * minor, pa)
        size = major * random.uniform(0.25, 0.6)
        clump = random.uniform(0.05, 0.5) * (size / major) ** 2
        body.append(Component(clump, x, y, size, size * random.uniform(0.6, 1.0), random.uniform(0, 180), False))
    return body


def double_lobes(random: Generator) -> list[Component]:
    """Two lobes 8 to 48 arcsec apart, brightest towards their outer ends, perhaps with a faint bridge; no core."""
    apart, pa = _log_uniform(random, 8.0, 48.0), random.uniform(0.0, 360.0)
    ratio, arms = _log_uniform(random, 1.0, 3.0), random.uniform(0.85, 1.15)
    parts = []
    for side, flux, length in ((1, 1.0, apart / (1 + arms)), (-1, 1.0 / ratio, apart * arms / (1 + arms))):
        tilt = pa + random.normal(0.0, 6.0)
        x, y = _turned(side * length, 0.0, tilt)
        parts.append(Component(flux, x, y, random.uniform(0.5, 2.0), 0.5, tilt))
        size = apart * random.uniform(0.1, 0.28)
        lobe_x, lobe_y = _turned(side * (length - 0.5 * size), 0.0, tilt)
        lobe = flux * random.uniform(0.3, 1.5)
        parts.append(Component(lobe, lobe_x, lobe_y, size, size * random.uniform(0.5, 0.9), tilt, False))
    if random.random() < 0.3:
        parts.append(Component(random.uniform(0.05, 0.3), 0.0, 0.0, 0.7 * apart, 0.12 * apart, pa, False))
    return parts


def three_points(random: Generator) -> list[Component]:
    """A core between two compact components, 7 to 22 arcsec away on either side, bent by up to 35 degrees."""
    arm, pa = _log_uniform(random, 7.0, 22.0), random.uniform(0.0, 360.0)
    parts = [Component(1.0, 0.0, 0.0, 0.3, 0.3)]
    for side in (1, -1):
        length = arm * _log_uniform(random, 0.8, 1.25)
        tilt = pa + random.uniform(-17.5, 17.5)
        x, y = _turned(side * length, 0.0, tilt)
        size = random.uniform(0.2, 0.15 * length)
        parts.append(Component(_log_uniform(random, 0.35, 2.0), x, y, size, size * random.uniform(0.6, 1.0), tilt))
    return parts


MORPHOLOGIES: dict[str, Callable[[Generator], list[Component]]] = {
    "Extended": extended,
    "Point Source": point_source,
    "Double Lobes": double_lobes,
    "Three Points": three_points,
}


def neighbours(random: Generator, around: list[Component], half: float) -> list[Component]:
    """Unresolved field sources, one in every fourth image, at least 20 arcsec from the source's own components."""
    found = []
    for _ in range(random.poisson(0.25)):
        x, y = random.uniform(-half, half, 2)
        if min(np.hypot(x - part.x, y - part.y) for part in around) > 20.0:
            found.append(Component(_log_uniform(random, 0.2, 1.0), float(x), float(y), 0.0, 0.0, 0.0, False))
    return found


def observe(parts: list[Component], beam: Beam, pixel: float, size: int) -> NDArray[np.float64]:
    """Image (size, size) in flux per beam, row 0 the south, of components seen by a beam; ``pixel`` in arcsec."""
    image = np.zeros((size, size))
    for part in parts:
        covariance = beam_covariance(beam) + _covariance(part.major, part.minor, part.pa)
        spread = np.sqrt(np.diag(covariance))
        centre = (np.array([part.x, part.y]) / pixel) + (size - 1) / 2
        low = np.maximum(np.floor(centre - 5.5 * spread / pixel), 0).astype(int)
        high = np.minimum(np.ceil(centre + 5.5 * spread / pixel) + 1, size).astype(int)
        if (low >= high).any():
            continue
        dx = ((np.arange(low[0], high[0]) - centre[0]) * pixel)[None, :]
        dy = ((np.arange(low[1], high[1]) - centre[1]) * pixel)[:, None]
        (xx, xy), (_, yy) = np.linalg.inv(covariance)
        shape = np.exp(-0.5 * (xx * dx**2 + 2 * xy * dx * dy + yy * dy**2))
        image[low[1] : high[1], low[0] : high[0]] += part.flux * peak_fraction(part, beam) * shape
    return image


def peak_fraction(part: Component, beam: Beam) -> float:
    """Peak in flux per beam over total flux: 1 for a point, less the more a component is resolved."""
    own = beam_covariance(beam)
    whole = own + _covariance(part.major, part.minor, part.pa)
    return float(np.sqrt(np.linalg.det(own) / np.linalg.det(whole)))


def beam_covariance(beam: Beam) -> NDArray[np.float64]:
    """Covariance (x, y) of a beam in square arcsec."""
    return _covariance(beam.major, beam.minor, beam.pa)


def _covariance(major: float, minor: float, pa: float) -> NDArray[np.float64]:
    axis = np.array(_turned(1.0, 0.0, pa))
    across = np.array([axis[1], -axis[0]])
    return ((major / FWHM) ** 2) * np.outer(axis, axis) + ((minor / FWHM) ** 2) * np.outer(across, across)


def _turned(along: float, across: float, pa: float) -> tuple[float, float]:
    """Offset (x, y) of a point given along and across an axis at position angle ``pa`` (east is to the left)."""
    angle = np.radians(pa)
    sin, cos = float(np.sin(angle)), float(np.cos(angle))
    return -along * sin + across * cos, along * cos + across * sin


def _log_uniform(random: Generator, low: float, high: float) -> float:
    return float(low * (high / low) ** random.random())
