"""What each sample gets in each training epoch, from nothing but the seed, the epoch and its index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..schema import RunConfig

# Raised clip levels, as a share of the peak: from a slightly to a clearly shallower image of the same source.
RECLIP = (0.003, 0.05)
WIDEST = 1.5
"""Largest width of the blurred beam in units of the beam."""


@dataclass(frozen=True)
class Draw:
    """What one sample gets."""

    angle: float
    """Radians."""
    mirror: tuple[float, float]
    """-1 on the mirrored axis (y, x), 1 elsewhere."""
    shift: tuple[float, float]
    """Native pixels (y, x)."""
    zoom: float
    """Above 1 the source appears larger."""
    noise: float
    """Added noise in units of the rms of the image; 0 for none."""
    reclip: float
    """Raised clip level as a share of the peak; 0 for none."""
    generator: np.random.Generator
    """Draws the pixels of the noise."""
    blur: float = 1.0
    """Width of the beam afterwards in units of the beam before; 1 for none."""

    @property
    def is_identity(self) -> bool:
        """True where the geometry leaves the crop as it is."""
        return self.angle == 0 and self.mirror == (1, 1) and self.shift == (0, 0) and self.zoom == 1


def draw(config: RunConfig, epoch: int, index: int) -> Draw:
    """The augmentation of sample ``index`` in training epoch ``epoch`` under ``config.seed``."""
    generator = np.random.default_rng(np.random.SeedSequence((config.seed, epoch, index)))
    u = generator.random(10)  # always ten, so that switching one option off leaves the others as they were
    mirrored = u[1] < config.flip
    turned, moved, wide = config.rotate, True, 1.0
    if config.blur or config.rotate_probability < 1 or config.move_probability < 1:
        # From a stream of its own: runs without these options keep their numbers.
        v = np.random.default_rng(np.random.SeedSequence((config.seed, epoch, index, 1))).random(4)
        turned, moved = turned and v[0] < config.rotate_probability, v[1] < config.move_probability
        wide = float(1 + (WIDEST - 1) * v[3]) if v[2] < config.blur else 1.0
    return Draw(
        angle=float(2 * np.pi * u[0]) if turned else 0.0,
        mirror=(-1 if mirrored and u[2] < 0.5 else 1, -1 if mirrored and u[2] >= 0.5 else 1),
        shift=(float(config.shift * (2 * u[3] - 1)), float(config.shift * (2 * u[4] - 1))) if moved else (0.0, 0.0),
        zoom=float((1 + config.zoom) ** (2 * u[5] - 1)) if moved else 1.0,
        noise=float(u[7]) if u[6] < config.noise else 0.0,
        reclip=float(RECLIP[0] * (RECLIP[1] / RECLIP[0]) ** u[9]) if u[8] < config.reclip else 0.0,
        generator=generator,
        blur=wide,
    )
