"""All numbers of the source at the centre of a cutout, each with its error or the reason why it is off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..quantities import flux as jansky
from ..quantities import rounded
from ..schema import NO_NOISE, Cutout
from .covariance import Blank, blank_sky
from .detection import FINEST_BEAM, TO_JY_BEAM, angular_size, beam_pixels, source_mask
from .flux_scale import flux_scale
from .footprint import Footprint, grow
from .gaussian import GaussianFit, fit_gaussian, fit_peak
from .geometry import beam_covariance, places, to_sky
from .kept import kept
from .photometry import Flux, forced, integrate

BOWL = 3.0  # sigma below zero from which the sky around a source is called a bowl
LIMIT = 3.0  # sigma of an upper limit
NOT_THE_SKY = (
    "rms", "residual", "background", "mask", "weights", "psf", "primary beam", "alpha", "optical depth", "velocity map",
    "fractional polarisation", "polarisation angle", "Faraday depth",
)  # fmt: skip
"""Products without sources to detect: a peak over their scatter is no S/N."""
SUBTRACTED = "The median of the sky around the source was subtracted from its flux."


@dataclass(frozen=True)
class Measurements:
    """Numbers of the source at the centre of a cutout; None where ``off`` says why.

    Which pixels are the source says ``source_mask``; how it is measured, ``footprint``, ``photometry`` and
    ``gaussian``. Errors are 1 sigma of the noise; ``flux_scale_error`` is the survey's and stands apart.
    """

    peak: float
    """Brightest pixel of the source, else of the whole cutout, in the cutout's unit."""
    peak_yx: tuple[int, int]
    rms: float | None = None
    snr: float | None = None
    angular_size: float | None = None
    """Largest distance between two pixels of the source in arcsec, beam not removed: 2 to 3 beams for a point."""
    source_pixels: int = 0
    peak_fit: float | None = None
    """Peak of the beam fitted to a source that is not resolved, in the cutout's unit."""
    peak_error: float | None = None
    """Error of ``peak_fit``, else noise of one pixel, in the cutout's unit."""
    major: float | None = None
    """Full width at half maximum in arcsec of one Gaussian with the beam removed; ``pa`` in degrees."""
    minor: float | None = None
    pa: float | None = None
    major_error: float | None = None
    minor_error: float | None = None
    size_limit: float | None = None
    """Upper limit (3 sigma) of ``major`` in arcsec where the source is not resolved."""
    flux: float | None = None
    """Integrated flux density in Jy, corrected for the few per cent outside the footprint."""
    flux_error: float | None = None
    """Statistical error of ``flux`` in Jy, from the noise as it is correlated in this image."""
    flux_raw: float | None = None
    """Sum over the footprint in Jy, not corrected."""
    flux_beams: float | None = None
    """Area of the footprint in beams."""
    flux_limit: float | None = None
    """Upper limit (3 sigma) in Jy of a point source at the centre, where there is no source."""
    flux_scale_error: float | None = None
    """Uncertainty of the survey's flux scale for ``flux`` in Jy; None where it is not known."""
    flux_corrected: float | None = None
    """``flux`` with the known offset of the survey's flux scale taken out, in Jy."""
    flux_scale_source: str | None = None
    """Where the flux scale is published."""
    bowl: float | None = None
    """Median of the sky around the source in the cutout's unit; never subtracted unless asked for."""
    blanked: int = 0
    """Pixels of the footprint without data, counted as 0."""
    at_edge: bool = False
    notes: tuple[str, ...] = ()
    """What bears on the flux and is odd, one sentence each."""
    off: Mapping[str, str] = field(default_factory=dict)


def measure(cutout: Cutout, *, local_background: bool = False, flux: bool = True) -> Measurements:
    """Peak, S/N, sizes and integrated flux of the central source, with a reason for each missing one.

    ``local_background`` subtracts the median of the sky around the source from its flux; by default the background of
    an interferometer's image is 0. Without ``flux`` peak, S/N and angular size are measured alone, which is quick.
    """
    if local_background or not flux:
        return _measured(cutout, local=local_background, flux=flux)
    return _plain(cutout)


@kept
def _plain(cutout: Cutout) -> Measurements:
    return _measured(cutout, local=False, flux=True)


def _measured(cutout: Cutout, *, local: bool, flux: bool) -> Measurements:
    off: dict[str, str] = {}
    source = source_mask(cutout)
    found = bool(source.any())
    image = np.where(source if found else np.isfinite(cutout.pixels), cutout.pixels, -np.inf)
    y, x = (int(i) for i in np.unravel_index(int(np.argmax(image)), image.shape))
    peak = float(cutout.pixels[y, x])

    is_no_sky = cutout.origin.product in NOT_THE_SKY
    rms = None if cutout.noise is None or cutout.kind == "image" else cutout.noise.rms
    if cutout.kind == "image":
        off["rms"] = "A picture holds counts after an unknown stretch, not brightness."
    elif rms is None:
        off["rms"] = NO_NOISE
    if rms is None:
        off["snr"] = off["rms"]
    elif is_no_sky:
        off["snr"] = no_total_intensity(cutout)
    nothing = "There is no emission above 5 rms near the centre." if rms else "There is no emission near the centre."
    size = None
    if cutout.pixel_shape is None:
        off["angular_size"] = "The file has no sky coordinates, so no angular scale."
    elif is_no_sky:
        off["angular_size"] = no_total_intensity(cutout)
    elif not found:
        off["angular_size"] = nothing
    else:
        size = angular_size(cutout)
    numbers: dict[str, Any] = {}
    reason = no_flux(cutout) or off.get("rms") or (None if flux else "It was not asked for.")
    if reason is None and found:
        numbers, why = _photometry(cutout, peak, local)
        off |= why
    elif reason is None:
        off |= dict.fromkeys(("flux", "flux_error", "major"), nothing)
        numbers = _limit(cutout)
    else:
        off |= dict.fromkeys(("flux", "flux_error", "major"), reason)
    snr = None if rms is None or is_no_sky else peak / rms
    return Measurements(peak, (y, x), rms, snr, size, int(source.sum()), **numbers, off=off)


def no_flux(cutout: Cutout) -> str | None:
    """Why no integrated flux can be given, or None."""
    if cutout.kind == "image":
        return "A picture holds counts after an unknown stretch, not brightness."
    if cutout.unit not in TO_JY_BEAM:
        return f"The unit is {cutout.unit}, not Jy/beam." if cutout.unit else "The file names no brightness unit."
    if cutout.origin.product not in ("total intensity", "unknown"):
        return no_total_intensity(cutout)
    if cutout.beam is None:
        return "The file gives no beam."
    if cutout.wcs is None:
        return "The file has no sky coordinates, so the beam has no size in pixels."
    pixel, beam = cutout.pixel_shape, cutout.beam
    if pixel is not None and beam.major * beam.minor < FINEST_BEAM**2 * pixel.area:
        return "The beam is much finer than a pixel: a sum over the pixels is no flux."
    return None


def no_total_intensity(cutout: Cutout) -> str:
    """Why flux, and of an image that shows no sky S/N and size too, are off."""
    return f"The image is no total-intensity image ({cutout.origin.product})."


def _limit(cutout: Cutout) -> dict[str, Any]:
    """Upper limit of a point source at the centre; with what is there where it is over 3 sigma but below detection."""
    found = forced(cutout, [((cutout.shape[0] - 1) / 2, (cutout.shape[1] - 1) / 2, 0.0)])
    if found is None:
        return {}
    value, error = float(found.values[0]), float(found.errors[0])
    return {"flux_limit": LIMIT * error + (value if value > LIMIT * error else 0.0)}


def size_limit(cutout: Cutout) -> float | None:
    """``Measurements.size_limit`` alone, without the flux; what it was found from is kept for ``measure``."""
    if no_flux(cutout) or cutout.noise is None or not source_mask(cutout).any():
        return None
    found = _fitted(cutout)
    shape = None if found is None else found.shape
    return shape.limit if shape is not None and shape.single else None


class _Fitted(NamedTuple):
    """A source's footprint, the noise around it and the Gaussian fitted to it; ``area`` of the beam in pixels."""

    area: float
    footprint: Footprint
    blank: Blank
    shape: GaussianFit | None


@kept
def _fitted(cutout: Cutout) -> _Fitted | None:
    """None where the sky coordinates do not reach the source."""
    source, area = source_mask(cutout), beam_pixels(cutout)
    ys, xs = places(source)
    matrix = to_sky(cutout, float(ys.mean()), float(xs.mean()))
    if area is None or matrix is None or cutout.beam is None or cutout.noise is None:
        return None
    footprint = grow(cutout, source, area)
    pixels = np.asarray(cutout.pixels[footprint.box], dtype=np.float64)
    blank = blank_sky(pixels, footprint.blank, cutout.noise.rms, beam_covariance(cutout.beam, matrix), footprint.mask)
    return _Fitted(area, footprint, blank, fit_gaussian(cutout, footprint, blank))


def _photometry(cutout: Cutout, peak: float, local: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """Flux and sizes of a source on an image that allows them, and why a size is off."""
    fitted = _fitted(cutout)
    if fitted is None or cutout.noise is None:
        return {}, dict.fromkeys(("flux", "flux_error", "major"), "The sky coordinates do not reach the source.")
    area, footprint, blank, shape = fitted
    flux = integrate(cutout, footprint, blank, area, local=local)
    numbers: dict[str, Any] = {
        "flux": flux.value,
        "flux_error": flux.error,
        "flux_raw": flux.raw,
        "flux_beams": flux.beams,
        "bowl": flux.bowl,
        "blanked": footprint.blanked,
        "at_edge": footprint.at_edge,
        "peak_error": cutout.noise.rms,
        "notes": (*_notes(cutout, footprint, blank, flux), *((SUBTRACTED,) if local else ())),
    }
    scale = flux_scale(cutout.origin)
    if scale is not None:
        numbers |= {"flux_scale_error": scale.uncertainty * flux.value, "flux_scale_source": scale.source}
        if scale.measured_over_true is not None and peak * TO_JY_BEAM[cutout.unit or ""] >= scale.faintest:
            numbers["flux_corrected"] = flux.value / scale.measured_over_true
    if shape is None or not shape.single:
        return numbers, {"major": "The source is not one Gaussian: only its largest angular size is given."}
    return numbers | _size(cutout, footprint, blank, shape), {}


def _size(cutout: Cutout, footprint: Footprint, blank: Blank, shape: GaussianFit) -> dict[str, Any]:
    if shape.limit is None:
        axes = ("major", "minor", "pa", "major_error", "minor_error")
        return {name: getattr(shape, name) for name in axes}
    point = fit_peak(cutout, footprint, blank)
    peak = {} if point is None else {"peak_fit": point.peak, "peak_error": point.peak_error}
    return {"size_limit": shape.limit, **peak}


def _notes(cutout: Cutout, footprint: Footprint, blank: Blank, flux: Flux) -> list[str]:
    notes = []
    bowl, bowl_error = flux.bowl, flux.bowl_error
    if footprint.blanked:
        share = 100.0 * footprint.blanked / max(int(footprint.mask.sum()), 1)
        notes.append(f"{rounded(share)} % of the source's footprint hold no data: its flux is a lower limit.")
    if footprint.at_edge:
        notes.append("The source reaches the edge of the image: its flux is a lower limit.")
    if bowl is not None and bowl_error is not None and bowl < -BOWL * bowl_error and cutout.noise is not None:
        notes.append(
            f"The source sits in a negative bowl of {abs(bowl) / cutout.noise.rms:.2g} rms: flux on large scales is "
            "missing, and the integrated flux is a lower limit."
        )
    if bowl is not None and flux.background and cutout.noise is not None:
        notes.append(
            f"The sky around the source lies {bowl / cutout.noise.rms:.2g} rms above zero: {jansky(flux.background)} "
            "of the flux are background or faint emission, not subtracted."
        )
    if not blank.measured:
        notes.append("Too little sky is blank to measure how its noise is correlated: that of the beam is assumed.")
    return notes
