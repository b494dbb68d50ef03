"""Radio galaxies in the mix and with the sizes of the labelled FIRST set: compact, FR I, FR II and bent.

Counts are those of the set (Griese et al. 2023, Data in Brief 47, 108974), sizes the largest angular sizes of its
islands above 3 rms in FIRST images, measured: 5, 50 and 95 %. A faint point has one and a half beams there, so the
extent on the sky is taken that much smaller. Structures after Fanaroff and Riley 1974, MNRAS 167, 31P.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .components import Component, Generator, log_uniform, turned
from .structures import jet, lobe

SIZES = {
    "Compact": (13.0, 17.0, 31.0),
    "FRI": (26.0, 57.0, 126.0),
    "FRII": (20.0, 40.0, 109.0),
    "Bent": (33.0, 64.0, 131.0),
}
COUNTS = {"Compact": 291, "FRI": 395, "FRII": 824, "Bent": 248}
POINT = 8.0  # arcsec; largest angular size of a faint point in FIRST, one and a half beams
SMALLEST = 0.5  # arcsec


@dataclass(frozen=True)
class RadioGalaxy:
    """A source about the origin, its components with a total flux of 1."""

    label: str
    extent: float
    """Largest distance of the components' contours at a sixteenth of their peaks in arcsec, without a beam."""
    parts: tuple[Component, ...]


def radio_galaxy(random: Generator, label: str | None = None, extent: float | None = None) -> RadioGalaxy:
    """A radio galaxy of the mix, or of the class and the extent in arcsec that are given."""
    if label is None:
        label = str(random.choice(list(COUNTS), p=np.array(list(COUNTS.values())) / sum(COUNTS.values())))
    if extent is None:
        extent = max(SMALLEST, drawn_size(random, label) - POINT)
    parts = fitted(BUILDERS[label](random), extent)
    total = sum(part.flux for part in parts)
    return RadioGalaxy(label, extent, tuple(replace(part, flux=part.flux / total) for part in parts))


def drawn_size(random: Generator, label: str) -> float:
    """A largest angular size in arcsec as FIRST shows it, by the quantiles of a class, straight in its logarithm."""
    low, middle, high = np.log(SIZES[label])
    ends = (low - (middle - low) / 9, high + (high - middle) / 9)  # the outer 5 % go on as the inner 45 %
    return float(np.exp(np.interp(random.random(), [0, 0.05, 0.5, 0.95, 1], [ends[0], low, middle, high, ends[1]])))


def extent(parts: Sequence[Component]) -> float:
    """Largest distance of the components' contours at a sixteenth of their peaks, in arcsec, each taken as round."""
    x, y, reach = (np.array([getattr(part, name) for part in parts]) for name in ("x", "y", "major"))
    return float((np.hypot(x[:, None] - x, y[:, None] - y) + reach[:, None] + reach).max())


def fitted(parts: Sequence[Component], size: float) -> list[Component]:
    """Components with all lengths multiplied so that ``extent`` is ``size``."""
    times = size / extent(parts)
    return [
        replace(part, x=part.x * times, y=part.y * times, major=part.major * times, minor=part.minor * times)
        for part in parts
    ]


def compact(random: Generator) -> list[Component]:
    """One elliptical Gaussian, or a close pair."""
    pa = random.uniform(0.0, 180.0)
    if random.random() < 0.7:
        return [Component(1.0, 0.0, 0.0, 1.0, random.uniform(0.3, 1.0), pa, True, "core")]
    x, y = turned(0.35, 0.0, pa)
    return [
        Component(1.0, x, y, 0.3, 0.2, pa, True, "lobe"),
        Component(log_uniform(random, 0.3, 1.0), -x, -y, 0.3, 0.2, pa, True, "lobe"),
    ]


def fr_one(random: Generator) -> list[Component]:
    """A core and two jets that widen into plumes and fade outwards, brighter on one side."""
    pa = random.uniform(0.0, 360.0)
    parts = [Component(random.uniform(0.05, 0.4), 0.0, 0.0, part="core")]
    for side, flux in ((0.0, 1.0), (180.0, log_uniform(random, 0.4, 1.0))):
        start, end = (
            turned(0.03, 0.0, pa + side),
            turned(random.uniform(0.8, 1.0), 0.0, pa + side + random.normal(0, 6)),
        )
        bend = turned(0.5, random.normal(0.0, 0.06), pa + side)
        parts += jet(flux, [start, bend, end], (0.06, random.uniform(0.2, 0.35)), random.uniform(0.8, 2.0))
    return parts


def fr_two(random: Generator) -> list[Component]:
    """Two lobes, brightest at hotspots at their outer ends, a bridge between them, a faint core, perhaps a jet."""
    pa, arm = random.uniform(0.0, 360.0), random.uniform(0.8, 1.2)
    parts = [Component(log_uniform(random, 0.005, 0.1), 0.0, 0.0, part="core", essential=False)]
    for side, flux, length in ((0.0, 1.0, 1.0), (180.0, log_uniform(random, 0.4, 1.0), arm)):
        angle = pa + side + random.normal(0.0, 4.0)
        tip = turned(length, 0.0, angle)
        parts += lobe(flux, tip, random.uniform(0.3, 0.7), angle, random.uniform(0.2, 0.6))
        parts += jet(flux * log_uniform(random, 0.03, 0.3), [(0.0, 0.0), tip], (0.25, 0.3), -1.0, "bridge")
        if random.random() < 0.3:
            parts += jet(0.06 * flux, [(0.0, 0.0), tip], (0.05, 0.08), 2.0)
    return parts


def bent(random: Generator) -> list[Component]:
    """A core whose two tails are swept back to one side, 40 to 140 degrees apart."""
    towards, half = random.uniform(0.0, 360.0), random.uniform(20.0, 70.0)
    parts = [Component(random.uniform(0.05, 0.3), 0.0, 0.0, part="core")]
    for side, flux in ((1, 1.0), (-1, log_uniform(random, 0.5, 1.0))):
        launch = turned(0.35, 0.0, towards + side * min(90.0, 1.6 * half))
        end = turned(random.uniform(0.8, 1.0), 0.0, towards + side * half)
        fading = random.choice([-1.5, 1.0, 2.0])  # wide-angle tails often end in bright warm spots
        parts += jet(flux, [(0.0, 0.0), launch, end], (0.06, random.uniform(0.15, 0.25)), float(fading), "tail")
    return parts


BUILDERS: dict[str, Callable[[Generator], list[Component]]] = {
    "Compact": compact,
    "FRI": fr_one,
    "FRII": fr_two,
    "Bent": bent,
}
