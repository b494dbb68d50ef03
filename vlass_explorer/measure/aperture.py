"""Statistics inside a circle or a box that somebody drew, as CARTA gives them, with an error of the sum.

Which pixels: those whose centre lies inside or on the edge. The flux density is their sum over the beam area, as that
of a source is, without a background subtracted and without a correction for what lies outside. Its error is that of
correlated noise: the region is where it was drawn, and does not move with the noise as a footprint does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..schema import NO_NOISE, Cutout
from .covariance import blank_sky
from .detection import TO_JY_BEAM, beam_pixels, thresholds
from .flux_scale import flux_scale
from .footprint import NEIGHBOURHOOD
from .geometry import FWHM, beam_covariance, distance, to_sky
from .islands import bright_islands
from .measurements import no_flux

LARGEST = 4_000_000  # pixels of a region above which its noise is not convolved: seconds and gigabytes


@dataclass(frozen=True)
class Region:
    """A circle or a box along the axes of the image, in pixels from the centre of the first one."""

    kind: Literal["circle", "box"]
    y: float
    x: float
    height: float
    """Full extent along y; of a circle its diameter there, which differs from that along x where pixels are oblong."""
    width: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.y, self.x, self.height, self.width]).all() and min(self.height, self.width) > 0):
            raise ValueError("A region has a finite centre and sides above zero.")

    def box(self, shape: tuple[int, int], margin: float = 1.0) -> tuple[slice, slice]:
        """The part (y, x) of an image that holds the region with a margin in pixels; may be empty."""
        rows, columns = (
            slice(int(np.clip(at - size / 2 - margin, 0, n)), int(np.clip(np.ceil(at + size / 2 + margin) + 1, 0, n)))
            for at, size, n in self.sides(shape)
        )
        return rows, columns

    def mask(self, box: tuple[slice, slice]) -> NDArray[np.bool_]:
        """Pixels of a part of the image whose centre lies inside or on the edge."""
        v = 2.0 * (np.arange(box[0].start, box[0].stop)[:, None] - self.y) / self.height
        u = 2.0 * (np.arange(box[1].start, box[1].stop)[None, :] - self.x) / self.width
        edge = 1.0 + 1e-9
        return np.hypot(v, u) <= edge if self.kind == "circle" else (np.abs(v) <= edge) & (np.abs(u) <= edge)

    def sides(self, shape: tuple[int, int]) -> list[tuple[float, float, int]]:
        """Centre, extent and size of the image, along y and x."""
        return [(self.y, self.height, shape[0]), (self.x, self.width, shape[1])]

    @property
    def area(self) -> float:
        """Square pixels of the shape itself."""
        return self.height * self.width * (np.pi / 4.0 if self.kind == "circle" else 1.0)


@dataclass(frozen=True)
class Statistics:
    """Numbers of the pixels inside a region; None where ``off`` says why. Brightness in the cutout's unit."""

    pixels: int
    """Pixels with data; sums and means are over these."""
    blanked: int
    """Pixels inside without data."""
    total: float
    """Sum of the pixels, in the cutout's unit times pixels."""
    mean: float
    rms: float
    """Root of the mean square, as in CARTA: not about the mean."""
    std: float
    """Standard deviation about the mean, of n - 1."""
    least: float
    peak: float
    peak_yx: tuple[int, int]
    snr: float | None = None
    """Peak over the rms of the image."""
    area: float | None = None
    """Square arcsec of the pixels with data."""
    beams: float | None = None
    flux: float | None = None
    """Flux density in Jy."""
    flux_error: float | None = None
    """1 sigma in Jy from the noise as it is correlated around the region."""
    flux_scale_error: float | None = None
    """Uncertainty of the survey's flux scale for ``flux`` in Jy; None where it is not known."""
    notes: tuple[str, ...] = ()
    off: Mapping[str, str] = field(default_factory=dict)


def statistics(cutout: Cutout, region: Region) -> Statistics | None:
    """Sum, peak, mean, rms, area and flux density inside a region; None where it holds no pixel with data.

    NaN is left out of every number and counted. Without unit, beam, coordinates or noise the flux is off with the
    reason, and so is the error of a region beyond four million pixels.
    """
    box = region.box(cutout.shape)
    mask, image = region.mask(box), cutout.pixels[box]
    inside = mask & np.isfinite(image)
    values = image[inside].astype(np.float64)
    if values.size == 0:
        return None
    row, column = np.unravel_index(np.argmax(np.where(inside, image, -np.inf)), image.shape)
    y, x = int(row) + box[0].start, int(column) + box[1].start
    rms = None if cutout.noise is None or cutout.kind == "image" else cutout.noise.rms
    numbers: dict[str, Any] = {}
    off: dict[str, str] = {}
    notes = []
    blanked = int(mask.sum()) - values.size
    if blanked:
        notes.append(f"{blanked} of {blanked + values.size} pixels inside hold no data: the sum is a lower limit.")
    if any(at - size / 2 < 0 or at + size / 2 > n - 1 for at, size, n in region.sides(cutout.shape)):
        notes.append("The region reaches the edge of the image: flux may lie beyond.")
    if cutout.pixel_shape is None:
        off["area"] = "The file has no sky coordinates, so no angular scale."
    else:
        numbers["area"] = values.size * cutout.pixel_shape.area
    if (beam := beam_pixels(cutout)) is not None:
        numbers["beams"] = values.size / beam
    else:
        off["beams"] = "The file gives no beam." if cutout.beam is None else "The beam has no size in pixels."
    if rms is not None:
        numbers["snr"] = float(cutout.pixels[y, x]) / rms
    why = no_flux(cutout) or (NO_NOISE if rms is None else None)
    if why is None and beam is not None:
        flux = float(values.sum()) * TO_JY_BEAM[cutout.unit or ""] / beam
        numbers["flux"] = flux
        if (scale := flux_scale(cutout.origin)) is not None:
            numbers["flux_scale_error"] = abs(scale.uncertainty * flux)
        error, said = _error(cutout, region, beam)
        numbers["flux_error"] = error
        if error is None:
            off["flux_error"] = said
        elif said:
            notes.append(said)
    elif why is not None:
        off["flux"] = why
    return Statistics(
        pixels=values.size,
        blanked=blanked,
        total=float(values.sum()),
        mean=float(values.mean()),
        rms=float(np.sqrt((values**2).mean())),
        std=float(values.std(ddof=1)) if values.size > 1 else 0.0,
        least=float(values.min()),
        peak=float(cutout.pixels[y, x]),
        peak_yx=(y, x),
        notes=tuple(notes),
        off=off,
        **numbers,
    )


def _error(cutout: Cutout, region: Region, beam: float) -> tuple[float | None, str]:
    """Error in Jy of the sum over a region, or None; and what is to be said of it. ``beam`` is its area in pixels.

    The noise is that of the blank sky within 30 beams, away from the region and from all emission, as for a footprint.
    """
    if region.area > LARGEST:
        return None, f"The region holds more than {LARGEST:,} pixels: draw a smaller one for an error."
    matrix = to_sky(cutout, region.y, region.x)
    if matrix is None or cutout.beam is None or cutout.noise is None:
        return None, "The sky coordinates do not reach the middle of the region."
    width = FWHM * float(np.sqrt(beam / (2.0 * np.pi)))  # of the beam in pixels
    box = region.box(cutout.shape, NEIGHBOURHOOD * width)
    image, own = np.asarray(cutout.pixels[box], np.float64), region.mask(box)
    finite = np.isfinite(image)
    low, high = thresholds(cutout)
    away = distance(bright_islands(image, low, high).mask(image.shape), (1.0, 1.0)) > width
    covariance = beam_covariance(cutout.beam, matrix)
    blank = blank_sky(image, finite & ~own & away, cutout.noise.rms, covariance, own)
    error = float(np.sqrt(blank.variance((own & finite).astype(np.float64)))) * TO_JY_BEAM[cutout.unit or ""] / beam
    assumed = "Too little sky is blank to measure how its noise is correlated: that of the beam is assumed."
    return error, "" if blank.measured else assumed
