"""Several images brought to one beam: the smallest that holds all of theirs, or a little more where pixels ask for it.

radio-beam finds the smallest ellipse that contains the beams. It touches each of them in some direction, where the
kernel to it has no width; a kernel narrower than 1.4 pixels cannot be sampled (``match``), so the beam is then widened
by the narrowest one that can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import radio_beam
from astropy import units as u

from . import match
from .foreign import mapped, reason
from .measure.geometry import sky_covariance
from .schema import Beam, Cutout, MatchError


@dataclass(frozen=True, eq=False)
class Together:
    """Images of one beam, in their order, each on its own pixels."""

    cutouts: tuple[Cutout, ...]
    beam: Beam
    smoothed: bool = False
    """False where their beams agreed to 1 % and nothing was done."""
    widened: bool = False
    """True where the beam is larger than the smallest common one, so that these pixels can sample the kernels."""


def to_common_beam(cutouts: Sequence[Cutout]) -> Together:
    """The images smoothed to their smallest common beam, as ``match.smooth`` does; raises MatchError as that does.

    Each needs its beam, a brightness per beam and a WCS where the beams differ.
    """
    beams = [cutout.beam for cutout in cutouts if cutout.beam is not None]
    if len(beams) < len(cutouts):
        nameless = next(cutout for cutout in cutouts if cutout.beam is None)
        raise MatchError(f"The beam of {nameless.name} is not known: it has none in common with others.")
    if all(differ(beams[0], other) <= match.ALIKE for other in beams):
        return Together(tuple(cutouts), beams[0])
    smallest = _smallest(tuple(beams))
    try:
        return Together(tuple(match.smooth(cutout, smallest) for cutout in cutouts), smallest, smoothed=True)
    except MatchError:
        narrowest = match.NARROWEST * 1.01 * max(max(cutout.pixel_scale or (0.0,)) for cutout in cutouts)
        major, minor = (float(np.hypot(axis, narrowest)) for axis in (smallest.major, smallest.minor))
        wider = Beam(major, minor, smallest.pa)
        smoothed = tuple(match.smooth(cutout, wider) for cutout in cutouts)
        return Together(smoothed, wider, smoothed=True, widened=True)


def differ(one: Beam, other: Beam) -> float:
    """Largest relative difference of two beams in any direction."""
    here, there = (sky_covariance(beam.major, beam.minor, beam.pa) for beam in (one, other))
    return float(np.abs(np.sqrt(np.linalg.eigvals(np.linalg.solve(there, here)).real) - 1.0).max())


@lru_cache(maxsize=256)
def _smallest(beams: tuple[Beam, ...]) -> Beam:
    # With one beam twice radio-beam takes the way of many beams: of just two its answer can be a quarter too large.
    rows = [*beams, beams[-1]]
    major, minor, pa = ([getattr(beam, name) for beam in rows] for name in ("major", "minor", "pa"))
    with mapped(lambda error: MatchError(f"The images have no common beam ({reason(error)}).")):
        found = radio_beam.Beams(major * u.arcsec, minor * u.arcsec, pa * u.deg).common_beam()
        long, short = (float(axis.to_value(u.arcsec)) for axis in (found.major, found.minor))
        return Beam(long, short, float(found.pa.to_value(u.deg)))
