"""The slope of a source between two frequencies at one beam, with its errors, and never without what speaks against it.

S is proportional to the frequency to the power of the index. Between 1.4 and 3 GHz a flux scale that is off by 15 %
shifts it by 0.21; an interferometer that resolves out flux at the higher frequency makes it too steep without limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, log

from ..common_beam import to_common_beam
from ..schema import Beam, Cutout, PairError
from . import changes, checks, neighbours
from .changes import Measured
from .checks import Position, name
from .difference import ALIKE, on_one_grid, own_size, resolved_out

OFF = 0.15  # of a flux scale: what VLASS Quick Look of epoch 1 is known to be off by


@dataclass(frozen=True, eq=False)
class SpectralIndex:
    """Index of S ~ frequency**index between two images at one beam, with all that limits it."""

    value: float
    error: float
    """1 sigma of the noise."""
    scale_error: float | None
    """Of both flux scales; None where one is not known."""
    shift: float
    """By how much a flux scale off by 15 % shifts it."""
    names: tuple[str, str]
    frequencies: tuple[float, float]
    """GHz."""
    beam: Beam
    fluxes: tuple[Measured, Measured]
    size: float
    """Largest size of the source in arcsec, the beam taken off."""
    warnings: tuple[str, ...]
    """Never empty."""

    def __str__(self) -> str:
        """The value with its errors and every warning."""
        scales = "flux scales not known" if self.scale_error is None else f"± {self.scale_error:.2f} (flux scales)"
        return f"{self.value:.2f} ± {self.error:.2f} (noise), {scales}. {' '.join(self.warnings)}"


def spectral_index(one: Cutout, other: Cutout, position: Position | None = None) -> SpectralIndex:
    """Index between two images at a position (RA, Dec in degrees), by default the centre of the first.

    Both at their smallest common beam on one grid, summed over one footprint. PairError as ``compare``, and where a
    frequency is not known, both are the same, or the source is not seen in both; MatchError without a common beam.
    """
    checks.different(one, other)
    first, second = (checks.ready(cutout) for cutout in (one, other))
    low, high = _frequencies(first, second)
    if low > high:
        first, second, low, high = second, first, high, low
    names = name(first), name(second)
    position = position or checks.centre(one)
    for cutout in (first, second):
        checks.shown(cutout, position)
    natives = first, second
    together = to_common_beam((first, second))
    first, second = on_one_grid(together.cutouts)
    place = checks.shown(first, position)
    mean = neighbours.mean_of(first, second)
    own = changes.own_pixels(mean, place)
    found = changes.target(first, second, mean, own, place, None)
    fluxes = found.measured
    for measured, title in zip(fluxes, names, strict=True):
        if measured.flux <= changes.DIFFERS * measured.flux_error:
            raise PairError(f"{title} does not show the source at 3σ: there is no spectral index, only a limit.")
    span = log(high / low)
    size = max(own_size(cutout, position) for cutout in (*natives, first, second))
    scales = [measured.flux_scale for measured in fluxes]
    known = [scale.uncertainty for scale in scales if scale is not None]
    return SpectralIndex(
        value=log((fluxes[1].flux / fluxes[1].offset) / (fluxes[0].flux / fluxes[0].offset)) / span,
        error=hypot(*(measured.flux_error / measured.flux for measured in fluxes)) / span,
        scale_error=hypot(*known) / span if len(known) == 2 else None,
        shift=-log(1.0 - OFF) / span,
        names=names,
        frequencies=(low, high),
        beam=together.beam,
        fluxes=fluxes,
        size=size,
        warnings=(*_warnings(natives, fluxes, names, size, -log(1.0 - OFF) / span), *found.notes),
    )


def _frequencies(first: Cutout, second: Cutout) -> tuple[float, float]:
    for cutout in (first, second):
        if cutout.origin.frequency_ghz is None:
            raise PairError(f"The frequency of {name(cutout)} is not known: there is no spectral index.")
    low, high = first.origin.frequency_ghz, second.origin.frequency_ghz
    assert low is not None and high is not None
    if abs(high / low - 1.0) <= ALIKE:
        raise PairError(f"{name(first)} and {name(second)} are at one frequency: there is no spectral index.")
    return low, high


def _warnings(
    natives: tuple[Cutout, Cutout],
    fluxes: tuple[Measured, Measured],
    names: tuple[str, str],
    size: float,
    shift: float,
) -> list[str]:
    told = resolved_out(natives, names, size, "spectrum")
    told.append(f"A flux scale that is off by {100 * OFF:.0f} % shifts the index by {shift:.2f}.")
    for measured, title in zip(fluxes, names, strict=True):
        if measured.flux_scale is None:
            told.append(f"The flux scale of {title} is not known here.")
        elif measured.offset != 1.0:
            told.append(f"{title} is taken {1.0 / measured.offset:.2f} times brighter than measured, as published.")
    dates = [cutout.origin.date for cutout in natives]
    if None not in dates and dates[0] != dates[1]:
        told.append(f"Observed on {dates[0]} and {dates[1]}: a source that varies looks like another spectrum.")
    return told
