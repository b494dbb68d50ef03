"""The changes a cutout is put through: each plan says its levels and makes the changed cutouts one after the other.

Noise has the autocorrelation of the image's own beam (``datasets.sky_model.noise``), and is added so that the rms of
the whole is the level times the measured one. Smoothing is ``match.smooth`` to the same beam, wider, noise measured
again. Shifts are whole pixels, what comes in being the sky beside the source and no data beyond the image. Turns are
about the centre in pixels, by cubic splines, both ways and mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import match, measure, preprocess
from ..datasets.sky_model import FlatGrid, SkyGrid
from ..datasets.sky_model import noise as beam_noise
from ..foreign import mapped, reason
from ..schema import Cutout, FloatArray, InputSpec, MatchError, Noise, Window

NOISE = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Times the measured rms: as it is, and ten more."""
SMOOTHING = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
"""Times the beam."""
SHIFTS = (0.0, 1 / 90, 1 / 36, 1 / 18, 1 / 12, 1 / 9, 1 / 6, 1 / 4, 1 / 3)
"""Shares of the field of view: 0 to 60 arcsec of 180."""
TURNS = tuple(np.arange(0.0, 181.0, 15.0))
"""Degrees."""
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
WAYS = ((False, 1), (True, 1), (False, -1), (True, -1))
"""Mirrored or not, and the sense of the turn; both senses of 0 and 180 degrees are one."""
POINTWISE = ("linear", "first_png", "sqrt", "mirabest", "asinh")
"""Stretches of which a pixel's value does not depend on pixels far away, beside the rms."""
LARGE = 1 << 21
"""Pixels from which only the middle is smoothed."""


@dataclass(frozen=True, eq=False)
class Plan:
    """One change: its levels, how many draws each has, and what is known of it (fields of ``Curve``)."""

    levels: tuple[float, ...]
    draws: int
    count: int
    """How many cutouts come."""
    cutouts: Iterator[tuple[int, int, Cutout]]
    """(level, draw, changed cutout), the cutout as it is once; a draw that cannot be made is left out."""
    facts: dict[str, Any] = field(default_factory=dict)


def noise(cutout: Cutout, spec: InputSpec, draws: int, seed: int) -> Plan:
    """Raises MatchError where noise, beam or pixel size is not known."""
    measured = cutout.noise
    if measured is None:
        raise MatchError("The noise of this image was cut away or cannot be measured: there is no rms to add to.")
    if cutout.beam is None:
        raise MatchError("The beam is not known, so the noise that it correlates is not either.")
    small = middle(cutout, spec)
    grid = _grid(small)
    beam, rms = cutout.beam, measured.rms

    def made() -> Iterator[tuple[int, int, Cutout]]:
        for draw in range(draws):
            drawn = beam_noise(np.random.default_rng([seed, draw]), grid, beam, rms)
            for index, level in enumerate(NOISE):
                if index == 0 and draw > 0:
                    continue
                added = (small.pixels + np.sqrt(level**2 - 1.0) * drawn).astype(np.float32)
                louder = Noise(level * rms, f"{level:g} × {measured.method}", measured.pixels)
                yield index, draw, replace(small, pixels=added, noise=louder)

    source = measure.source_mask(cutout)
    background = measure.thresholds(cutout)[0] - 3.0 * rms
    limit = (float(cutout.pixels[source].max()) - background) / (5.0 * rms) if source.any() else 1.0
    unit = cutout.unit if cutout.unit in measure.TO_JY_BEAM else None
    facts = {"rms": rms, "unit": unit, "limit": limit if limit <= NOISE[-1] else None, "seed": seed}
    return Plan(NOISE, draws, 1 + draws * (len(NOISE) - 1), made(), facts)


def smoothing(cutout: Cutout, spec: InputSpec, draws: int, seed: int) -> Plan:
    """Raises MatchError as ``match.smooth`` does, where that holds at every level."""
    large = middle(cutout, spec, always=True) if cutout.pixels.size > LARGE else cutout
    beam = match.starting_beam(cutout)
    wider = [replace(beam, major=times * beam.major, minor=times * beam.minor) for times in SMOOTHING]
    match.smooth(large, wider[SMOOTHING.index(2.0)])

    def made() -> Iterator[tuple[int, int, Cutout]]:
        yield 0, 0, cutout
        for index, target in enumerate(wider[1:], 1):
            try:
                yield index, 0, match.smooth(large, target)
            except MatchError:
                continue  # a kernel too narrow for these pixels, or wider than the image

    return Plan(SMOOTHING, 1, len(SMOOTHING), made(), {"beam": beam})


def shift(cutout: Cutout, spec: InputSpec, draws: int, seed: int) -> Plan:
    """In eight directions; arcsec where the pixel size is known."""
    window = preprocess.window(cutout, spec)
    side = min(window.shape)
    small = middle(cutout, spec)
    pixels = sorted({round(share * side) for share in SHIFTS})
    scale = None if cutout.pixel_scale is None else float(np.sqrt(np.prod(cutout.pixel_scale)))

    def made() -> Iterator[tuple[int, int, Cutout]]:
        for index, distance in enumerate(pixels):
            for draw, direction in enumerate(DIRECTIONS[: len(DIRECTIONS) if distance else 1]):
                dy, dx = (round(distance * part / np.hypot(*direction)) for part in direction)
                yield index, draw, replace(small, pixels=_moved(small.pixels, dy, dx))

    unit = 1.0 if scale is None else scale
    room = _room(measure.source_mask(cutout), window)
    limit = None if room is None or not 0 < room <= pixels[-1] else room * unit
    facts = {"unit": "pixels" if scale is None else "arcsec", "limit": limit}
    return Plan(
        tuple(each * unit for each in pixels), len(DIRECTIONS), 1 + len(DIRECTIONS) * (len(pixels) - 1), made(), facts
    )


def rotation(cutout: Cutout, spec: InputSpec, draws: int, seed: int) -> Plan:
    """Both ways, and mirrored: four draws a level."""
    small = middle(cutout, spec)

    def made() -> Iterator[tuple[int, int, Cutout]]:
        for index, angle in enumerate(TURNS):
            for draw, (mirror, sense) in enumerate(WAYS[: 4 if angle % 180.0 else 2]):
                pixels = _turned(small.pixels[:, ::-1] if mirror else small.pixels, sense * float(angle))
                yield index, draw, replace(small, pixels=pixels)

    return Plan(TURNS, len(WAYS), 4 * len(TURNS) - 4, made())


KINDS: dict[str, Callable[[Cutout, InputSpec, int, int], Plan]] = {
    "noise": noise,
    "smoothing": smoothing,
    "shift": shift,
    "rotation": rotation,
}


def middle(cutout: Cutout, spec: InputSpec, *, always: bool = False) -> Cutout:
    """The part about the centre that decides what the model sees of it, shifted by a third or turned; WCS cut along.

    The whole cutout where a stretch or normalisation looks at all of it. The noise stays that of the whole.
    """
    if not always and (spec.stretch not in POINTWISE or spec.normalisation == "field"):
        return cutout
    window = preprocess.window(cutout, spec)
    # As many pixels from either side: the centre, to half a pixel, stays the centre.
    y, x = (max(0, (side - 2 * seen) // 2) for side, seen in zip(cutout.shape, window.shape, strict=True))
    if not (y or x):
        return cutout
    part = np.s_[y : cutout.shape[0] - y, x : cutout.shape[1] - x]
    wcs = None if cutout.wcs is None else cutout.wcs[part]
    return replace(cutout, pixels=np.ascontiguousarray(cutout.pixels[part]), wcs=wcs)


def _grid(cutout: Cutout) -> FlatGrid | SkyGrid:
    if cutout.wcs is not None:
        with mapped(lambda error: MatchError(f"The image's coordinates cannot be followed ({reason(error)}).")):
            grid = SkyGrid(cutout.wcs, cutout.shape)
            if np.isfinite(grid.jacobian).all() and np.linalg.det(grid.jacobian) != 0.0:
                return grid
    if cutout.declared_scale is None:
        raise MatchError("The image has no sky coordinates (WCS) that tell how large its pixels are beside the beam.")
    return FlatGrid(cutout.shape, cutout.declared_scale)


def _moved(pixels: FloatArray, dy: int, dx: int) -> FloatArray:
    """The image (ny, nx) moved by whole pixels; NaN comes in."""
    moved = np.full_like(pixels, np.nan)
    ny, nx = pixels.shape
    if abs(dy) < ny and abs(dx) < nx:
        moved[max(dy, 0) : ny + min(dy, 0), max(dx, 0) : nx + min(dx, 0)] = pixels[
            max(-dy, 0) : ny + min(-dy, 0), max(-dx, 0) : nx + min(-dx, 0)
        ]
    return moved


def _turned(pixels: FloatArray, degrees: float) -> FloatArray:
    """The image (ny, nx) turned about its centre, anticlockwise with row 0 at the bottom; corners become NaN."""
    if degrees % 90.0 == 0.0 and (pixels.shape[0] == pixels.shape[1] or degrees % 180.0 == 0.0):
        return np.ascontiguousarray(np.rot90(pixels, -int(degrees // 90) % 4))
    rows, columns = np.indices(pixels.shape, float)
    y, x = rows - (pixels.shape[0] - 1) / 2, columns - (pixels.shape[1] - 1) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    y, x = y * cos - x * sin, y * sin + x * cos
    return match.sampled(pixels, y + (pixels.shape[0] - 1) / 2, x + (pixels.shape[1] - 1) / 2)


def _room(source: NDArray[np.bool_], window: Window) -> int | None:
    """Pixels from the source (ny, nx) to the nearest edge of the field of view; None without a source."""
    if not source.any():
        return None
    ys, xs = np.nonzero(source)
    return int(min(ys.min() - window.y0, window.y1 - 1 - ys.max(), xs.min() - window.x0, window.x1 - 1 - xs.max()))
