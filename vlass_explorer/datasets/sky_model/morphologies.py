"""The four morphologies of VLASS-Vision and the field around them, with relative fluxes: what ``simulated`` shows.

The order and number of random draws is part of them: the images of a seed follow from it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .components import Component, Generator, log_uniform, turned


def point_source(random: Generator) -> list[Component]:
    """One unresolved component, at most a fifth of a beam wide."""
    width = random.uniform(0.0, 0.5)
    return [Component(1.0, 0.0, 0.0, width, width)]


def extended(random: Generator) -> list[Component]:
    """One resolved island of 6 to 28 arcsec: an elliptical body with clumps inside, and no separate lobes."""
    major = log_uniform(random, 6.0, 28.0)
    minor, pa = major * random.uniform(0.45, 0.95), random.uniform(0.0, 180.0)
    body = [Component(1.0, 0.0, 0.0, major, minor, pa)]
    for _ in range(random.integers(1, 5)):
        along, across = random.uniform(-0.35, 0.35, 2)
        x, y = turned(along * major, across * minor, pa)
        size = major * random.uniform(0.25, 0.6)
        clump = random.uniform(0.05, 0.5) * (size / major) ** 2
        body.append(Component(clump, x, y, size, size * random.uniform(0.6, 1.0), random.uniform(0, 180), False))
    return body


def double_lobes(random: Generator) -> list[Component]:
    """Two lobes 8 to 48 arcsec apart, brightest towards their outer ends, perhaps with a faint bridge; no core."""
    apart, pa = log_uniform(random, 8.0, 48.0), random.uniform(0.0, 360.0)
    ratio, arms = log_uniform(random, 1.0, 3.0), random.uniform(0.85, 1.15)
    parts = []
    for side, flux, length in ((1, 1.0, apart / (1 + arms)), (-1, 1.0 / ratio, apart * arms / (1 + arms))):
        tilt = pa + random.normal(0.0, 6.0)
        x, y = turned(side * length, 0.0, tilt)
        parts.append(Component(flux, x, y, random.uniform(0.5, 2.0), 0.5, tilt))
        size = apart * random.uniform(0.1, 0.28)
        lobe_x, lobe_y = turned(side * (length - 0.5 * size), 0.0, tilt)
        lobe = flux * random.uniform(0.3, 1.5)
        parts.append(Component(lobe, lobe_x, lobe_y, size, size * random.uniform(0.5, 0.9), tilt, False))
    if random.random() < 0.3:
        parts.append(Component(random.uniform(0.05, 0.3), 0.0, 0.0, 0.7 * apart, 0.12 * apart, pa, False))
    return parts


def three_points(random: Generator) -> list[Component]:
    """A core between two compact components, 7 to 22 arcsec away on either side, bent by up to 35 degrees."""
    arm, pa = log_uniform(random, 7.0, 22.0), random.uniform(0.0, 360.0)
    parts = [Component(1.0, 0.0, 0.0, 0.3, 0.3)]
    for side in (1, -1):
        length = arm * log_uniform(random, 0.8, 1.25)
        tilt = pa + random.uniform(-17.5, 17.5)
        x, y = turned(side * length, 0.0, tilt)
        size = random.uniform(0.2, 0.15 * length)
        parts.append(Component(log_uniform(random, 0.35, 2.0), x, y, size, size * random.uniform(0.6, 1.0), tilt))
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
            found.append(Component(log_uniform(random, 0.2, 1.0), float(x), float(y), 0.0, 0.0, 0.0, False))
    return found
