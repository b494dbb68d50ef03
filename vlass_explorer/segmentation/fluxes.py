"""Flux of each component with an error, what no component holds, and the total that they add up to.

A component's flux is the sum over its mask over the beam area; its error that of correlated noise, as ``measure`` has
it. The total is that of the source by ``measure``: the components that count, grown until they hold nearly all of the
flux and corrected for the rest. The remainder is what lies between: components and remainder are the total, exactly.
So the wings of a point, which a mask at 3 rms cuts off, are not lost and not given to a neighbour either.

That a pixel may be of another class is an error term of its own, from the scores p of the classes that pixels were
given: the sum of brightness times sqrt(p (1 - p)) over a component and the half beam around it, as if all of them were
right or wrong together, times ``TOGETHER``, for they are not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..cutouts import places
from ..cutouts.sky import shifted
from ..measure import TO_JY_BEAM, Blank, beam_pixels, blank_sky, grow, integrate, noise, thresholds
from ..measure.footprint import ASSOCIATED, EMISSION, fixed
from ..measure.geometry import beam_covariance, to_sky
from ..measure.islands import bright_islands
from ..measure.measurements import no_flux
from ..measure.photometry import NOT_KNOWN
from ..schema import NO_NOISE, Cutout
from .components import Pieces

TOGETHER = 0.9
"""With it 70 % of the class fluxes from the masks of ``sim-panoptic-fpn`` on images of the validation part lie within
the error and 90 % within two; scores of another model may be more or less right (benchmarks/component_fluxes.py)."""
LARGEST = 4096
"""Pixels a side of an image whose noise is one number; of a larger one each component has its own surroundings."""
NEIGHBOURHOOD = 40.0
"""Their width in beams on each side."""
MOSAIC = (
    f"An image of more than {LARGEST} pixels a side has no total: the noise of each component is that of its "
    "surroundings."
)


@dataclass(frozen=True)
class Component:
    """One row of the table; None where ``Fluxes.off`` says why."""

    number: int
    label: str
    pixels: int
    peak: float
    """Brightest pixel in the cutout's unit, at ``peak_yx``."""
    peak_yx: tuple[int, int]
    centroid_yx: tuple[float, float]
    """Mean place of its pixels, weighed by their brightness above zero."""
    counts: bool = True
    """False where it is left out of total and shares."""
    beams: float | None = None
    flux: float | None = None
    """Jy inside the mask."""
    flux_error: float | None = None
    """1 sigma of the noise; the survey's flux scale is a term of its own."""
    class_error: float | None = None
    """Jy, 1 sigma of what the model's scores leave open: pixels that are of another class; None without scores."""
    share: float | None = None
    """Of the total."""
    ra: float | None = None
    """ICRS, degrees."""
    dec: float | None = None

    @property
    def snr(self) -> float | None:
        """Flux over its error."""
        return self.flux / self.flux_error if self.flux is not None and self.flux_error else None


@dataclass(frozen=True)
class Sum:
    """A flux in Jy with its error."""

    flux: float
    flux_error: float


@dataclass(frozen=True)
class Fluxes:
    """All components of a cutout, the remainder and the total."""

    components: tuple[Component, ...]
    remainder: Sum | None = None
    """What no component that counts holds."""
    total: Sum | None = None
    off: Mapping[str, str] = field(default_factory=dict)
    """``flux`` or ``beams`` -> why it is missing."""
    notes: tuple[str, ...] = ()


def fluxes(cutout: Cutout, pieces: Pieces) -> Fluxes:
    """Measure the components of a cutout, in the order of their numbers; pixels without data count as 0."""
    rows = tuple(_plain(cutout, pieces, number) for number in pieces.in_turn(cutout.pixels))
    if not rows:
        return Fluxes(rows, off={"flux": "No component was found."})
    why = no_flux(cutout)
    if why is None and cutout.noise is None:
        why = NO_NOISE
    area = beam_pixels(cutout)
    if why is not None or area is None:
        off = {"flux": why or "The sky coordinates do not reach the source."}
        return Fluxes(rows, off=off if area else {**off, "beams": "Beam or pixel size is not known."})
    if max(cutout.shape) > LARGEST:
        turns = zip(pieces.in_turn(cutout.pixels), rows, strict=True)
        return Fluxes(tuple(_alone(cutout, pieces, row, area) for _, row in turns), off={"total": MOSAIC})
    counted = [row.number for row in rows if row.counts]
    measured = _Measured(cutout, pieces, counted, area)
    rows = tuple(measured.of(row) for row in rows)
    if not counted:
        return Fluxes(rows, off={"total": "No component counts: there is no total."})
    total, remainder, notes = measured.sums(rows)
    if total.flux > 0:
        rows = tuple(
            replace(row, share=row.flux / total.flux) if row.counts and row.flux is not None else row for row in rows
        )
    return Fluxes(rows, remainder, total, notes=notes)


def _plain(cutout: Cutout, pieces: Pieces, number: int) -> Component:
    """What needs no beam and no noise."""
    rows, columns = pieces.boxes[number]
    ys, xs = np.nonzero(pieces.mask(number))
    ys, xs = ys + rows.start, xs + columns.start
    values = np.nan_to_num(cutout.pixels[ys, xs].astype(np.float64), nan=-np.inf)
    first = int(values.argmax())
    weights = np.maximum(values, 0.0)
    weights = weights if weights.sum() > 0 else np.ones_like(weights)
    y, x = float(weights @ ys / weights.sum()), float(weights @ xs / weights.sum())
    ra, dec = places.position(cutout, y, x) or (None, None)
    area = beam_pixels(cutout)
    return Component(
        number,
        pieces.labels[number],
        len(ys),
        float(values[first]),
        (int(ys[first]), int(xs[first])),
        (y, x),
        counts=number not in pieces.left_out,
        beams=None if area is None else len(ys) / area,
        ra=ra,
        dec=dec,
    )


def _alone(cutout: Cutout, pieces: Pieces, row: Component, area: float) -> Component:
    """A row of a mosaic with its flux, and the noise around it; None of them where there is no noise to measure."""
    margin, box = math.ceil(NEIGHBOURHOOD * math.sqrt(area)), pieces.boxes[row.number]
    if cutout.wcs is None or max(side.stop - side.start for side in box) > LARGEST:
        return row
    (y0, y1), (x0, x1) = (
        (max(side.start - margin, 0), min(side.stop + margin, n)) for side, n in zip(box, cutout.shape, strict=True)
    )
    where = slice(y0, y1), slice(x0, x1)
    pixels = np.array(cutout.pixels[where])  # no view of a mapped mosaic
    around = noise(pixels)
    if around is None:
        return row
    wcs = shifted(cutout.wcs, y0, x0, (y1 - y0, x1 - x0))
    part = replace(cutout, pixels=pixels, colour=None, wcs=wcs, noise=around)
    scores = None if pieces.scores is None else pieces.scores[where]
    near = replace(pieces, numbers=pieces.numbers[where], scores=scores)
    return _Measured(part, near, [row.number], area).of(row)


class _Measured:
    """The footprint and the noise around the components that count, and sums over them."""

    def __init__(self, cutout: Cutout, pieces: Pieces, counted: list[int], area: float) -> None:
        self.cutout, self.pieces, self.area = cutout, pieces, area
        assert cutout.noise is not None and cutout.beam is not None
        own, held = np.isin(pieces.numbers, counted), pieces.numbers > 0
        # Islands above 3 rms are grown as those of any source; what is too faint for that counts as it is.
        low = thresholds(cutout)[0]
        image = np.where(own, cutout.pixels.astype(np.float64), -np.inf)
        bright = bright_islands(image, low, low + (ASSOCIATED - 3.0) * cutout.noise.rms).mask(cutout.shape)
        grown = grow(cutout, bright, area, around=held) if bright.any() else fixed(cutout, held, area)
        box = grown.box
        mask = grown.mask | own[box] if bright.any() else own[box]
        self.footprint = replace(grown, mask=mask & ~(held & ~own)[box], blank=grown.blank & ~held[box])
        mask, blank = self.footprint.mask, self.footprint.blank
        ys, xs = np.nonzero(held)
        matrix = to_sky(cutout, float(ys.mean()), float(xs.mean()))
        assert matrix is not None
        self.image = np.asarray(cutout.pixels[box], dtype=np.float64)
        covariance = beam_covariance(cutout.beam, matrix)
        quiet = blank & (self.image < EMISSION * cutout.noise.rms)
        self.blank: Blank = blank_sky(self.image, quiet, cutout.noise.rms, covariance, mask | held[box])
        self.to_jy = TO_JY_BEAM[cutout.unit or ""] / area
        self.numbers = pieces.numbers[box]
        self.scores = None if pieces.scores is None else pieces.scores[box].astype(np.float64)
        self.places = ndimage.find_objects(self.numbers)

    def noise(self, weights: NDArray[np.bool_]) -> float:
        """Error in Jy of the sum over some pixels of the box, for the noise as it is correlated there."""
        used = (weights & np.isfinite(self.image)).astype(np.float64)
        return float(np.sqrt(self.blank.variance(used)) * self.to_jy) if used.any() else 0.0

    def of(self, row: Component) -> Component:
        """A row with its flux."""
        mask = self.numbers == row.number
        flux = float(np.nansum(self.image[mask])) * self.to_jy
        return replace(row, flux=flux, flux_error=self.noise(mask), class_error=self.contested(row.number))

    def contested(self, number: int) -> float | None:
        """Error in Jy of a component's flux for pixels that were given to it, or to what is beside it, by mistake."""
        if self.scores is None:
            return None
        reach = max(1.0, float(np.sqrt(self.area / np.pi)))  # radius of a circle as large as the beam
        grow = int(np.ceil(reach))
        place = self.places[number - 1]
        assert place is not None
        box = tuple(slice(max(0, each.start - grow), each.stop + grow) for each in place)
        near = ndimage.distance_transform_edt(self.numbers[box] != number) <= reach
        score, brightness = self.scores[box][near], np.nan_to_num(np.abs(self.image[box][near]))
        return float(TOGETHER * (brightness * np.sqrt(score * (1.0 - score))).sum() * self.to_jy)

    def sums(self, rows: tuple[Component, ...]) -> tuple[Sum, Sum, tuple[str, ...]]:
        """Total, remainder, and what is odd about them."""
        flux = integrate(self.cutout, self.footprint, self.blank, self.area)
        inside = sum(row.flux or 0.0 for row in rows if row.counts)
        rest = self.footprint.mask & (self.numbers == 0)
        outside = NOT_KNOWN * (1.0 - self.footprint.share) * flux.value
        remainder = Sum(flux.value - inside, float(np.hypot(self.noise(rest), outside)))
        notes = []
        if self.footprint.blanked:
            notes.append("Part of the source has no data: its flux is a lower limit.")
        if self.footprint.at_edge:
            notes.append("The source reaches the edge of the image: its flux is a lower limit.")
        if not self.blank.measured:
            notes.append("Too little sky is blank to measure how its noise is correlated: that of the beam is assumed.")
        return Sum(flux.value, flux.error), remainder, tuple(notes)
