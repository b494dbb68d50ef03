"""Two images of one frequency at one beam, on one grid, one less the other: what changed between two VLASS epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np

from .. import match, measure, quantities
from ..common_beam import to_common_beam
from ..schema import Beam, Cutout, Noise, PairError
from . import changes, checks, neighbours
from .changes import Target
from .checks import Position, name
from .neighbours import Neighbour, Scale, Shift

RESOLVED_OUT = {"VLASS": 30.0, "FIRST": 60.0, "NVSS": 480.0}
"""Size in arcsec from which a survey loses flux: half the largest angular scale of the VLA handbook (58, 120, 970)."""
ALIKE = 0.05  # relative difference of two frequencies below which a change is not the spectrum


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two images of a source compared; ``first`` is the earlier one where their dates are known."""

    first: Cutout
    second: Cutout
    """At the common beam in Jy/beam, on one grid, the second moved by the shift where that is known."""
    names: tuple[str, str]
    dates: tuple[str | None, str | None]
    position: Position
    place: tuple[float, float]
    """(y, x) of the position."""
    beam: Beam
    widened: bool
    """True where the beam is larger than the smallest common one, so that the pixels can sample the kernels."""
    difference: Cutout
    """Second over its scale (1 where that is not known) less first, Jy/beam, with its own measured noise."""
    neighbours: tuple[Neighbour, ...]
    shift: Shift | None
    scale: Scale | None
    target: Target
    cautions: tuple[str, ...]
    files: tuple[str, str]
    """SHA-256 of the two files."""


def compare(one: Cutout, other: Cutout, position: Position | None = None) -> Comparison:
    """What differs between two images at a position (RA, Dec in degrees), by default the centre of the first.

    PairError where they are one file, show no common place, hold no data there, are at different frequencies, or lack
    unit, beam, noise or coordinates; MatchError where the pixels allow no common beam.
    """
    checks.different(one, other)
    pair = sorted((one, other), key=_when) if _when(one)[0] == _when(other)[0] else [one, other]
    names = name(pair[0]), name(pair[1])
    first, second = (checks.ready(cutout) for cutout in pair)
    cautions = _cautions(first, second, names)
    position = position or checks.centre(one)
    for cutout in (first, second):
        checks.shown(cutout, position)
    size = max(own_size(cutout, position) for cutout in (first, second))
    cautions = (*cautions, *resolved_out((first, second), names, size, "a change"))
    together = to_common_beam((first, second))
    first, second = on_one_grid(together.cutouts)
    place = checks.shown(first, position)
    # Once to see who is there and how the second lies, once more with that taken back.
    found = neighbours.find(first, second, changes.own_pixels(neighbours.mean_of(first, second), place))
    shift = neighbours.shift(found)
    if shift is not None and shift.is_known:
        first, second = on_one_grid(together.cutouts, shift)
    scale, found = neighbours.scale(found)
    mean = neighbours.mean_of(first, second, 1.0 if scale is None else scale.value)
    own = changes.own_pixels(mean, place)
    target = changes.target(first, second, mean, own, place, scale)
    return Comparison(
        first,
        second,
        names,
        (pair[0].origin.date, pair[1].origin.date),
        position,
        place,
        together.beam,
        together.widened,
        _difference(first, second, scale, names),
        tuple(found),
        shift,
        scale,
        target,
        (*cautions, *target.notes),
        (pair[0].file_sha256, pair[1].file_sha256),
    )


def own_size(cutout: Cutout, position: Position) -> float:
    """Largest size in arcsec of the source in an image, less that of a point of its S/N; 0 where it is not seen."""
    found = changes.own_pixels(cutout, checks.shown(cutout, position))
    if not found.any() or cutout.beam is None or cutout.pixel_shape is None or cutout.noise is None:
        return 0.0
    extent = measure.extent(found, cutout.pixel_shape.steps)
    level = float(cutout.pixels[found].max()) / (3.0 * cutout.noise.rms)
    point = cutout.beam.major * sqrt(max(log(level, 2.0), 0.0))
    return sqrt(max(extent**2 - point**2, 0.0))


def resolved_out(cutouts: Sequence[Cutout], names: Sequence[str], size: float, what: str) -> list[str]:
    """A sentence for each image whose survey loses flux of a source of that size (arcsec), taken for ``what``."""
    told = []
    for cutout, title in zip(cutouts, names, strict=True):
        most = RESOLVED_OUT.get(cutout.origin.survey or "")
        if most is not None and size > most:
            told.append(
                f"Flux resolved out: the source is {quantities.angle(size)} large, and {title} loses flux from about "
                f"{quantities.angle(most)} on. What {title} lacks is taken for {what}."
            )
    return told


def on_one_grid(cutouts: Sequence[Cutout], shift: Shift | None = None) -> tuple[Cutout, Cutout]:
    """Two images on the pixels of the one whose pixels are finer, the second with a shift taken back."""
    first, second = cutouts
    moved = (0.0, 0.0) if shift is None else (shift.east, shift.north)
    fine = _finer(first, second)
    assert fine.wcs is not None
    if fine is second and shift is None:
        return match.onto(first, fine.wcs, fine.shape), second
    first = first if fine is first else match.onto(first, fine.wcs, fine.shape)
    return first, match.onto(second, fine.wcs, fine.shape, moved)


def _finer(first: Cutout, second: Cutout) -> Cutout:
    assert first.pixel_shape is not None and second.pixel_shape is not None
    return second if second.pixel_shape.area < first.pixel_shape.area * (1.0 - match.ALIKE) else first


def _difference(first: Cutout, second: Cutout, scale: Scale | None, names: tuple[str, str]) -> Cutout:
    value = 1.0 if scale is None else scale.value
    pixels = (second.pixels / np.float32(value) - first.pixels).astype(np.float32)
    if not np.isfinite(pixels).any():
        raise PairError(f"{names[0]} and {names[1]} have no pixel in common.")
    noise = measure.noise(pixels)
    title = f"{names[1]} less {names[0]}"
    origin = replace(first.origin, vlass_epoch=None, product="residual", quick_look=False)
    return replace(
        first, name=title, pixels=pixels, noise=noise or Noise(0.0, "none", 0), origin=origin, sha256="", notes=()
    )


def _when(cutout: Cutout) -> tuple[bool, str]:
    """Whether the time is known, and what sorts by it."""
    told = cutout.origin.date or cutout.origin.vlass_epoch
    return told is not None, told or ""


def _cautions(first: Cutout, second: Cutout, names: tuple[str, str]) -> tuple[str, ...]:
    """What bears on a comparison; PairError where the frequencies make it none of time."""
    told = []
    here, there = first.origin.frequency_ghz, second.origin.frequency_ghz
    if here is not None and there is not None and abs(there / here - 1.0) > ALIKE:
        raise PairError(
            f"{names[0]} is at {here:.3g} GHz and {names[1]} at {there:.3g} GHz: a difference of their fluxes is the "
            "spectrum of the source, not a change."
        )
    for cutout, title in zip((first, second), names, strict=True):
        if cutout.origin.frequency_ghz is None:
            told.append(f"The frequency of {title} is not known: a difference may be the spectrum of the source.")
        if cutout.beam is not None and cutout.beam.assumed:
            told.append(f"The beam of {title} is assumed, so the common beam is no more than that.")
    if first.origin.survey == second.origin.survey and first.origin.survey is not None and names[0] == names[1]:
        told.append(f"Both images are {names[0]}: what differs is tile, version or processing, not time.")
    quick = {first.origin.quick_look, second.origin.quick_look}
    if quick == {True, False} and "VLASS" in (first.origin.survey, second.origin.survey):
        told.append("One is a Quick Look image and one is not: their flux scales differ by up to 15 %.")
    return tuple(told)
