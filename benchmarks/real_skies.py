"""Sources put into blank places of real images, and how far so little sky can say anything of their errors.

Two draws on one patch of sky share its noise and are one draw. Scores are therefore resampled by blocks of sky, squares
of 60 arcsec: errors of fluxes measured in FIRST and VLASS are not correlated beyond 30 arcsec.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vlass_explorer import cutouts, measure  # noqa: E402
from vlass_explorer.datasets.sky_model import Component, FlatGrid, observe  # noqa: E402
from vlass_explorer.schema import Beam, Cutout  # noqa: E402

HALF = 60  # pixels; cutouts are 121 pixels wide
AWAY = 30.0  # arcsec from all pixels of emission that reaches 5 rms
BLOCK = 60.0  # arcsec
RESAMPLED = 1000
Verdict = Literal["yes", "open", "no"]


class Draw(NamedTuple):
    """A cutout with a source of known flux in Jy, and the number of the block of sky that it lies in."""

    cutout: Cutout
    true: float
    block: int


class Score(NamedTuple):
    """Median of measured over true flux and share of draws whose 1 sigma covers the truth, each with its interval.

    Intervals hold 95 % of the values that ``RESAMPLED`` resamplings of the blocks of sky give.
    """

    median: float
    covered: float
    none: int
    """Draws without a flux, which are in none of the figures."""
    medians: tuple[float, float]
    shares: tuple[float, float]
    blocks: int


def score(ratios: Sequence[float], covered: Sequence[bool], blocks: Sequence[int], none: int = 0) -> Score:
    """Score of draws (n) that lie in these blocks of sky (n); draws of one block are resampled together."""
    values, inside = np.asarray(ratios, float), np.asarray(covered, float)
    names, block = np.unique(blocks, return_inverse=True)
    times = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLED)
    order = np.argsort(values)
    weights = times[:, block[order]]
    below = np.cumsum(weights, axis=1)
    medians = values[order][(below >= below[:, -1:] / 2).argmax(axis=1)]
    shares = weights @ inside[order] / below[:, -1]
    return Score(float(np.median(values)), float(inside.mean()), none, _middle(medians), _middle(shares), len(names))


def _middle(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def verdict(value: float, interval: tuple[float, float], asked: tuple[float, float]) -> Verdict:
    """``yes`` for a value within what is asked, ``no`` where its whole interval is not, else ``open``."""
    if asked[0] <= value <= asked[1]:
        return "yes"
    return "no" if interval[1] < asked[0] or interval[0] > asked[1] else "open"


@lru_cache
def peak(parts: tuple[Component, ...], beam: Beam) -> float:
    """Peak of a source in flux per beam, where each of its components has the flux of 1."""
    return float(observe(parts, beam, FlatGrid((401, 401), 0.1)).max())


@dataclass(frozen=True, eq=False)
class Field:
    """A real image and where a source can be put into it."""

    image: Cutout
    taken: NDArray[np.bool_]
    """Pixels (ny, nx) without data, and of emission that reaches 5 rms."""
    places: NDArray[np.int64]
    """(k, 2) pixels (y, x), away from all that is taken and from the edges."""

    @property
    def pixel(self) -> float:
        """Side of a pixel in arcsec."""
        assert self.image.pixel_scale is not None
        return float(self.image.pixel_scale[0])

    @property
    def blocks(self) -> NDArray[np.int64]:
        """(k, 2) the block of each place."""
        return np.asarray(self.places * self.pixel // BLOCK, dtype=np.int64)


def fields(paths: Sequence[Path]) -> list[Field]:
    """The images that have a place for a source."""
    found = []
    for path in paths:
        image = cutouts.read(path)
        if image.noise is None or image.pixel_scale is None or min(image.shape) < 2 * HALF + 2:
            continue
        pixels = np.nan_to_num(image.pixels)
        islands, number = ndimage.label(pixels > 3 * image.noise.rms, structure=np.ones((3, 3)))
        bright = ndimage.maximum(pixels, islands, np.arange(number + 1)) >= 5 * image.noise.rms
        bright[0] = False
        taken = bright[islands] | ~np.isfinite(image.pixels)
        free = ndimage.distance_transform_edt(~taken) * image.pixel_scale[0] > AWAY
        free[:HALF], free[-HALF:], free[:, :HALF], free[:, -HALF:] = (False,) * 4
        if free.any():
            found.append(Field(image, taken, np.argwhere(free)))
    return found


def described(skies: Sequence[Field]) -> list[str]:
    """How much sky of each field there is for a source to lie in, and of all of them."""
    sizes = [(len(sky.places) * sky.pixel**2, len(np.unique(sky.blocks, axis=0))) for sky in skies]
    names = [*(sky.image.name for sky in skies), "all"]
    sizes.append((sum(area for area, _ in sizes), sum(blocks for _, blocks in sizes)))
    return [
        f"{name}: {area:,.0f} square arcsec of blank sky in {n} blocks"
        for name, (area, n) in zip(names, sizes, strict=True)
    ]


def real_draws(paths: Sequence[Path], shape: tuple[Component, ...], snr: float, count: int) -> Iterator[Draw]:
    """At most ``count`` sources put into blank places, each field as often as the others; cut to 121 pixels.

    A source that detection links with one of the image's own is left out: its flux is not what was put in.
    """
    random = np.random.default_rng([0, int(snr)])
    skies = fields(paths)
    for _ in range(count):
        number = int(random.integers(len(skies)))
        field, places = skies[number].image, skies[number].places
        chosen = int(random.integers(len(places)))
        (y, x), pixel = (int(i) for i in places[chosen]), skies[number].pixel
        offset = random.uniform(-0.5, 0.5, 2) * pixel
        assert field.beam and field.wcs and field.noise
        box = slice(y - HALF, y + HALF + 1), slice(x - HALF, x + HALF + 1)
        flux = snr * field.noise.rms / peak(shape, field.beam)
        parts = tuple(part.moved(*offset, flux) for part in shape)
        added = observe(parts, field.beam, FlatGrid((2 * HALF + 1, 2 * HALF + 1), pixel))
        pixels = (field.pixels[box] + added).astype(np.float32)
        cutout = replace(field, pixels=pixels, wcs=field.wcs[box], noise=measure.noise(pixels))
        if (measure.source_mask(cutout) & skies[number].taken[box]).any():
            continue
        row, column = (int(i) for i in skies[number].blocks[chosen])
        yield Draw(cutout, float(sum(part.flux for part in parts)), (number * 1000 + row) * 1000 + column)
