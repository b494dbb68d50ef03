"""The source itself in two images of one beam and grid: peak and flux of each, and whether they differ.

Two questions are told apart. *Relative*: does it differ from the other sources of the field, whose ratio takes out what
the flux scales of the images have in common? *Absolute*: does it differ by more than the published errors of both flux
scales allow? Brightness at one place and the sum over one footprint are compared, both drawn from the mean of the two
images, so that no image chooses its own noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .. import measure
from ..measure import Blank, FluxScale, Footprint, blank_sky, flux_scale
from ..measure.geometry import beam_covariance, to_sky
from ..schema import Cutout, PairError
from .neighbours import Scale

NEAR = 22.0  # arcsec from a position within which a source begins, as far as islands are linked
FINE, MARGIN = 10, 8  # steps to half a pixel in which the peak is looked for; pixels around it that a spline needs
DIFFERS = 3.0  # sigma from which a difference is called one

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """The source in one image at the common beam; Jy/beam and Jy, errors 1 sigma of the noise."""

    peak: float
    peak_error: float
    flux: float
    flux_error: float
    flux_scale: FluxScale | None = None
    """Of the image's survey and product, which adds its own uncertainty; None where it is not known."""

    @property
    def peak_total(self) -> float | None:
        """Error of the peak with the flux scale's; None where that is not known."""
        scale = self.flux_scale
        return None if scale is None else float(np.hypot(self.peak_error, scale.uncertainty * self.peak))

    @property
    def flux_total(self) -> float | None:
        """Error of the flux with the flux scale's; None where that is not known."""
        scale = self.flux_scale
        return None if scale is None else float(np.hypot(self.flux_error, scale.uncertainty * self.flux))

    @property
    def offset(self) -> float:
        """Measured over true flux where that is published and the peak is bright enough for it, else 1."""
        scale = self.flux_scale
        if scale is None or scale.measured_over_true is None or self.peak < scale.faintest:
            return 1.0
        return scale.measured_over_true


@dataclass(frozen=True)
class Change:
    """Second less first in Jy (/beam), the second brought to the first's scale where that is known."""

    value: float
    error: float
    first: float
    detectable: tuple[float, float] | None
    """Shares of the first by which a source has to fall and to rise to be seen (3 sigma), infinite where none suffices;
    None where the first is not seen."""

    @property
    def sigma(self) -> float:
        """How many errors the difference is."""
        return self.value / self.error

    @property
    def share(self) -> float | None:
        """The difference over the first; None where the first is not seen."""
        return None if self.detectable is None else self.value / self.first

    @property
    def is_real(self) -> bool:
        """True beyond 3 sigma."""
        return abs(self.sigma) > DIFFERS


@dataclass(frozen=True, eq=False)
class Target:
    """What both images say of the source."""

    measured: tuple[Measured, Measured]
    peak: tuple[Change | None, Change | None]
    """Relative to the neighbours (None: too few) and absolute (None: a flux scale is not known)."""
    flux: tuple[Change | None, Change | None]
    peak_yx: tuple[int, int]
    footprint: NDArray[np.bool_]
    """Pixels (ny, nx) of the whole image that the fluxes are summed over."""
    detected: bool
    """False where nothing reaches 5 rms: peak and flux are then those of the beam fitted at the position."""
    notes: tuple[str, ...] = ()


def own_pixels(mean: Cutout, place: tuple[float, float]) -> NDArray[np.bool_]:
    """Pixels (ny, nx) of the source at a place of an image, as ``measure.source_mask`` finds it at a centre.

    None of them where the nearest source begins more than 22 arcsec (or a beam) away: that is another one.
    """
    (y, x), (ny, nx) = (round(place[0]), round(place[1])), mean.shape
    pads = [(max(n - 1 - 2 * at, 0), max(2 * at - (n - 1), 0)) for at, n in ((y, ny), (x, nx))]
    centred = mean
    if any(map(any, pads)):
        padded = np.pad(mean.pixels, pads, constant_values=np.nan)
        centred = replace(mean, pixels=padded, sha256="-", declared_scale=None)
    found = measure.source_mask(centred)[pads[0][0] : pads[0][0] + ny, pads[1][0] : pads[1][0] + nx]
    if not found.any() or mean.pixel_shape is None or mean.beam is None:
        return found
    steps = (np.argwhere(found) - np.array(place)) @ mean.pixel_shape.steps
    is_here = np.hypot(*steps.T).min() <= max(NEAR, mean.beam.major)
    return found if is_here else np.zeros_like(found)


def target(
    first: Cutout, second: Cutout, mean: Cutout, own: NDArray[np.bool_], place: tuple[float, float], scale: Scale | None
) -> Target:
    """The source of the pixels ``own`` in two images of one grid; PairError where the beam has no size there."""
    area = measure.beam_pixels(mean)
    matrix = to_sky(mean, *place)
    if area is None or matrix is None or mean.beam is None:
        raise PairError("The sky coordinates do not reach the source.")
    if not own.any():
        return _unseen(first, second, place, scale)
    footprint = measure.grow(mean, own, area)
    covariance = beam_covariance(mean.beam, matrix)
    image = np.where(own, mean.pixels, -np.inf)
    peak = tuple(int(i) for i in np.unravel_index(int(np.argmax(image)), image.shape))
    top = _top(mean, (peak[0], peak[1]))
    seen = [_seen(each, footprint, covariance, area, top) for each in (first, second)]
    whole = np.zeros(mean.shape, bool)
    whole[footprint.box] = footprint.mask
    notes = []
    if footprint.blanked:
        share = 100.0 * footprint.blanked / int(footprint.mask.sum())
        notes.append(f"{share:.2g} % of the source hold no data in one of the images: its fluxes are lower limits.")
    if footprint.at_edge:
        notes.append("The source reaches the edge of an image: its fluxes are lower limits.")
    measured = seen[0].measured, seen[1].measured
    return Target(
        measured,
        _changes(
            (measured[0].peak, measured[1].peak), (measured[0].peak_error, measured[1].peak_error), measured, scale
        ),
        _changes((seen[0].total, seen[1].total), (seen[0].error, seen[1].error), measured, scale),
        (peak[0], peak[1]),
        whole,
        True,
        tuple(notes),
    )


@dataclass(frozen=True)
class _Seen:
    measured: Measured
    total: float
    """Sum over the footprint in Jy, and the error of that sum."""
    error: float


def _seen(image: Cutout, footprint: Footprint, covariance: Array, area: float, top: tuple[float, float]) -> _Seen:
    assert image.noise is not None
    pixels = image.pixels[footprint.box].astype(np.float64)
    blank: Blank = blank_sky(pixels, footprint.blank & np.isfinite(pixels), image.noise.rms, covariance, footprint.mask)
    flux = measure.integrate(image, footprint, blank, area)
    weights = (footprint.mask & np.isfinite(pixels)).astype(np.float64)
    middle = blank.autocorrelation.shape[0] // 2
    measured = Measured(
        peak=float(_between(image, np.array(top)[:, None])[0]),
        peak_error=float(np.sqrt(blank.autocorrelation[middle, middle])),
        flux=flux.value,
        flux_error=flux.error,
        flux_scale=flux_scale(image.origin),
    )
    return _Seen(measured, flux.raw, float(np.sqrt(blank.variance(weights))) / area)


def _top(mean: Cutout, peak: tuple[int, int]) -> tuple[float, float]:
    """Where an image is brightest between its pixels, around its brightest one: that alone is up to 15 % too low."""
    steps = np.arange(-FINE, FINE + 1) / (2.0 * FINE) + np.array(peak)[:, None]
    y, x = (each.ravel() for each in np.meshgrid(*steps, indexing="ij"))
    best = int(np.argmax(_between(mean, np.stack([y, x]))))
    return float(y[best]), float(x[best])


def _between(image: Cutout, places: Array) -> Array:
    """Brightness (n) at places (2, n) between the pixels, by cubic splines of the pixels around; blanks are 0."""
    low = np.maximum(np.floor(places.min(axis=1)).astype(int) - MARGIN, 0)
    high = np.ceil(places.max(axis=1)).astype(int) + MARGIN + 1
    part = np.nan_to_num(image.pixels[low[0] : high[0], low[1] : high[1]].astype(np.float64))
    return np.asarray(ndimage.map_coordinates(part, places - low[:, None], order=3, mode="nearest"))


def _unseen(first: Cutout, second: Cutout, place: tuple[float, float], scale: Scale | None) -> Target:
    """The beam fitted at a place where there is no source."""
    measured = []
    for image in (first, second):
        forced = measure.forced(image, [(*place, 0.0)])
        if forced is None:
            raise PairError("The source has too little data around it in one of the images.")
        value, error = float(forced.values[0]), float(forced.errors[0])
        measured.append(Measured(value, error, value, error, flux_scale(image.origin)))
    both = measured[0], measured[1]
    changes = _changes((both[0].peak, both[1].peak), (both[0].peak_error, both[1].peak_error), both, scale)
    note = "Nothing reaches 5 rms here in the mean of both: the fluxes are those of a point at the position."
    nowhere = np.zeros(first.shape, bool)
    return Target(both, changes, changes, (round(place[0]), round(place[1])), nowhere, False, (note,))


def _changes(
    values: tuple[float, float],
    errors: tuple[float, float],
    measured: tuple[Measured, Measured],
    scale: Scale | None,
) -> tuple[Change | None, Change | None]:
    """Relative and absolute change of two numbers with errors of the noise."""
    relative = absolute = None
    if scale is not None:
        common = float(np.hypot(scale.error, scale.scatter))
        relative = _change(values, errors, (1.0, scale.value), (0.0, common))
    if all(one.flux_scale is not None for one in measured):
        shares = [one.flux_scale.uncertainty for one in measured if one.flux_scale is not None]
        absolute = _change(values, errors, (measured[0].offset, measured[1].offset), (shares[0], shares[1]))
    return relative, absolute


def _change(
    values: tuple[float, float],
    errors: tuple[float, float],
    over: tuple[float, float],
    shares: tuple[float, float],
) -> Change:
    """Difference of ``values`` divided by ``over``, whose scales are uncertain by ``shares``."""
    first, second = values[0] / over[0], values[1] / over[1]
    noise = float(np.hypot(errors[0] / over[0], errors[1] / over[1]))

    def error(at_first: float, at_second: float) -> float:
        return float(np.sqrt(noise**2 + (shares[0] * at_first) ** 2 + (shares[1] * at_second) ** 2))

    is_seen = first > DIFFERS * errors[0] / over[0]
    return Change(
        value=second - first,
        error=error(first, second),
        first=first,
        detectable=_detectable(noise / first, shares) if is_seen else None,
    )


def _detectable(noise: float, shares: tuple[float, float]) -> tuple[float, float]:
    """Fall and rise c that are 3 sigma: c**2 = 9 (noise**2 + shares[0]**2 + shares[1]**2 (1 + c)**2), all as shares."""
    nine = DIFFERS**2
    other, both = nine * shares[1] ** 2, nine * (noise**2 + shares[0] ** 2 + shares[1] ** 2)
    if other >= 1.0:
        return np.inf, np.inf
    root = np.sqrt(other**2 + (1.0 - other) * both)
    fall, rise = (root - other) / (1.0 - other), (root + other) / (1.0 - other)
    return float(fall) if fall <= 1.0 else np.inf, float(rise)
