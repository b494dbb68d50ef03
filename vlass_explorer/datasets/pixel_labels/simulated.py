"""Simulated radio galaxies with the class of every pixel: background, compact core, lobe, jet, artefact.

Sources of ``sky_model.radio_galaxy`` at the resolution and depth of a VLASS Quick Look image, in beam-correlated noise.
A pixel belongs to the part of the source that is brightest there, where the source is brighter than three times the
noise, as far as an image can show it (``parts``); a hotspot and a bridge are lobe, a tail is jet. Every second image of
a morphology has stripes, as an imperfect calibration leaves them: pixels where these alone are beyond three times the
noise are artefact. The truth is known without noise, so that a flux measured in a mask can be held against it. All of
an image follows from its seed and index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from ...schema import Beam, Cutout, DatasetError, Origin
from .. import sky_model
from ..sky_model.components import log_uniform
from . import parts
from .items import Mask, MaskedItem, MaskSet

CLASSES = ("background", "compact core", "lobe", "jet", "artefact")
CLASS_OF = {"core": 1, "lobe": 2, "hotspot": 2, "bridge": 2, "jet": 3, "tail": 3, "filament": 3}
"""Part of a source -> class."""
ARTEFACT = CLASSES.index("artefact")
SIZE, PIXEL, RMS = 150, 1.0, 130e-6
VERSION = 2  # changes with the images, so that the cache keeps none of the old ones
LEVEL = 3.0
"""Brightness in units of the noise from which on a pixel belongs to a source or to an artefact."""
BRIGHTEST = (8.0, 80.0)
"""Peak of the source over the noise."""


@dataclass(frozen=True, eq=False)
class Sky:
    """One image and all that is true of it."""

    pixels: NDArray[np.float32]
    mask: Mask
    source: NDArray[np.float64]
    """Brightness of the source without noise and stripes, Jy/beam."""
    grid: sky_model.SkyGrid
    beam: Beam

    @property
    def fluxes(self) -> Mapping[str, float]:
        """Flux of the source in Jy inside the mask of each class."""
        brightness = self.source * self.grid.area / self.beam.solid_angle
        return {name: float(brightness[self.mask == number].sum()) for number, name in enumerate(CLASSES)}


def simulate(count: int, *, seed: int = 0, size: int = SIZE) -> MaskSet:
    """``count`` images of a seed (size, size), made when they are read; morphologies take turns.

    Raises DatasetError for no image, a negative seed, or fewer than 64 pixels a side.
    """
    if count < 1 or seed < 0 or size < 64:
        raise DatasetError("Simulate at least one image of at least 64 pixels a side, with a seed of 0 or more.")
    items = tuple(
        MaskedItem(
            f"simulated-{seed}-{index}",
            partial(_cutout, seed, index, size),
            partial(_mask, seed, index, size),
            key=f"simulated masks {VERSION} {seed} {index} {size}",
            fluxes=partial(_fluxes, seed, index, size),
        )
        for index in range(count)
    )
    return MaskSet(
        "Simulated radio galaxies with masks",
        items,
        CLASSES,
        beam_arcsec=(2.7, 2.25),
        pixel_scale_arcsec=PIXEL,
        licence="MIT (simulated by VLASS Explorer)",
        simulated=True,
    )


def _cutout(seed: int, index: int, size: int) -> Cutout:
    from ...measure import noise

    found = sky(seed, index, size)
    return Cutout(
        f"simulated-{seed}-{index}",
        found.pixels,
        unit="Jy/beam",
        wcs=found.grid.wcs,
        beam=found.beam,
        noise=noise(found.pixels),
        origin=Origin("VLASS", "total intensity", 3.0, simulated=True),
        row0="south",
    )


def _mask(seed: int, index: int, size: int) -> Mask:
    return sky(seed, index, size).mask.copy()


def _fluxes(seed: int, index: int, size: int) -> Mapping[str, float]:
    return dict(sky(seed, index, size).fluxes)


@lru_cache(maxsize=8)
def sky(seed: int, index: int, size: int) -> Sky:
    """The image of a seed and index; kept for the next question about it."""
    random = np.random.default_rng([7, seed, index])
    beam = Beam(random.uniform(2.4, 3.1), random.uniform(2.1, 2.4), random.uniform(0.0, 180.0))
    position = (float(random.uniform(0.0, 360.0)), float(random.uniform(-40.0, 60.0)))
    grid = sky_model.SkyGrid(sky_model.projected("SIN", position, PIXEL, (size, size)), (size, size))
    label = list(sky_model.radio_galaxies.BUILDERS)[index % len(sky_model.radio_galaxies.BUILDERS)]
    extent = min(0.6 * size * PIXEL, max(0.5, sky_model.radio_galaxies.drawn_size(random, label) - 8.0))
    galaxy = sky_model.radio_galaxy(random, label, extent)
    x, y = random.uniform(-0.1, 0.1, 2) * size * PIXEL
    unit = sky_model.placed(galaxy.parts, 1.0, float(x), float(y))
    shares = np.zeros((len(CLASSES), size, size))
    for number in {CLASS_OF[part.part] for part in unit}:
        shares[number] = sky_model.observe([part for part in unit if CLASS_OF[part.part] == number], beam, grid)
    flux = RMS * log_uniform(random, *BRIGHTEST) / float(np.nanmax(shares.sum(0)))
    shares *= flux
    source = shares.sum(0)
    mask = parts.told_apart(shares / RMS, LEVEL, beam.solid_angle / PIXEL**2)
    stripes = _stripes(random, size) if index // len(sky_model.radio_galaxies.BUILDERS) % 2 else np.zeros((size, size))
    mask[(np.abs(stripes) > LEVEL * RMS) & (mask == 0)] = ARTEFACT
    pixels = source + stripes + sky_model.noise(random, grid, beam, rms=RMS, kind="beam")
    return Sky(pixels.astype(np.float32), mask.astype(np.uint8), source, grid, beam)


def _stripes(random: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Waves of one direction under an envelope that fades over a quarter of the image, at most 8 times the noise."""
    y, x = np.mgrid[:size, :size] * PIXEL
    angle, wave = random.uniform(0.0, np.pi), random.uniform(8.0, 16.0)
    centre = random.uniform(0.1, 0.9, 2) * size * PIXEL
    along = x * np.cos(angle) + y * np.sin(angle)
    envelope = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * (0.12 * size * PIXEL) ** 2))
    waves: NDArray[np.float64] = RMS * random.uniform(4.0, 8.0) * envelope * np.cos(2 * np.pi * along / wave)
    return waves
