"""Two VLASS epochs of one simulated field: neighbours of known flux, another beam, a shift, a flux scale, a change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vlass_explorer.datasets.sky_model import Component, FlatGrid, Observation, noise
from vlass_explorer.schema import Beam, Cutout, Origin

BEAMS = (Beam(3.0, 2.2, 10.0), Beam(2.7, 2.4, 100.0))
RMS = 130e-6
PIXEL = 1.0
SIDE = 360


@dataclass(frozen=True)
class Truth:
    """What is put into two epochs."""

    snr: float = 100.0
    """Of the target's peak over the noise of the first image."""
    change: float = 0.0
    scale: float = 1.0
    """Flux scale of the second image over the first's."""
    shift: tuple[float, float] = (0.0, 0.0)
    """(east, north) in arcsec of the second image."""
    neighbours: int = 14
    size: float = 0.0
    """Full width of the target in arcsec."""
    rms: float = RMS
    epochs: tuple[str, str] = ("2.1", "3.1")


def epoch(number: int, quick_look: bool = True, name: str = "2.1") -> Origin:
    """Origin of a Quick Look image, so that it has the flux scale of one."""
    dates = ("2020-08-01", "2023-03-26")
    return Origin("VLASS", "total intensity", 3.0, name, date=dates[number], quick_look=quick_look)


def sky(random: np.random.Generator, truth: Truth) -> list[Component]:
    """The target in the middle and neighbours at least 30 arcsec from each other and from the border."""
    half = SIDE * PIXEL / 2 - 20.0
    places = [(float(random.uniform(-0.5, 0.5)), float(random.uniform(-0.5, 0.5)))]
    while len(places) <= truth.neighbours:
        x, y = random.uniform(-half, half, 2)
        if min(np.hypot(x - a, y - b) for a, b in places) > 32.0:
            places.append((float(x), float(y)))
    fluxes = RMS * 10 ** random.uniform(np.log10(25.0), np.log10(150.0), truth.neighbours)
    own = Component(RMS * truth.snr, *places[0], truth.size, truth.size)
    rest = [
        Component(float(flux), x, y, wide, wide)
        for flux, (x, y), wide in zip(fluxes, places[1:], random.uniform(0.0, 0.8, truth.neighbours), strict=True)
    ]
    return [own, *rest]


def pair(seed: int, truth: Truth) -> tuple[Cutout, Cutout]:
    """Both epochs with noise (autocorrelation: the beam); ``truth.rms`` 0 makes them without."""
    random = np.random.default_rng(seed)
    parts = sky(random, truth)
    grid = FlatGrid((SIDE, SIDE), PIXEL)
    east, north = truth.shift
    later = [
        part.moved(-east, north, truth.scale * (1.0 + (truth.change if place == 0 else 0.0)))
        for place, part in enumerate(parts)
    ]
    made = []
    for number, (seen, beam) in enumerate(zip((parts, later), BEAMS, strict=True)):
        sky_noise = noise(random, grid, beam, truth.rms) if truth.rms else 0.0
        cutout = Observation(tuple(seen), beam, grid).cutout(
            sky_noise, f"epoch {number + 1}", epoch(number, name=truth.epochs[number])
        )
        made.append(cutout if cutout.noise else replace(cutout, noise=None))
    return made[0], made[1]
