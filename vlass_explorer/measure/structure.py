"""What an astronomer looks at before a class is believed: where a source's peaks lie, how bent it is, what is core.

source → peaks that stand out of the noise → ends of its 3 rms contour → core between the peaks → ratios and angle, each
with an error from noise that is correlated as the image's own is. After Fanaroff & Riley (1974, MNRAS 167, 31P), the FR
ratio is the separation of the brightest places on either side over the total extent: above 0.5 for FR II.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..quantities import angle
from ..schema import NO_NOISE, Cutout
from .covariance import Blank, blank_sky
from .detection import TO_JY_BEAM, beam_pixels, source_mask
from .footprint import Footprint, grow, grown_islands
from .geometry import beam_covariance, distance, to_sky
from .measurements import measure, no_flux
from .peaks import Shape, shape
from .photometry import FOLLOWS_NOISE, NOT_KNOWN, integrate
from .sources import other_part

FAINTEST = 10.0  # rms; below, peaks of noise and of the source cannot be told apart
SMALLEST = 4.0  # beams of extent, beam included: two beams for each of two peaks
DRAWS = 30  # of noise
CLIPPED = 0.05  # of the brightest pixel: prominence that a peak of a picture without noise needs
LOBES = 1.75  # what flux below the contour adds to the error of the lobes' ratio: benchmarks/structure_truth.py
FAINTEST_SIDE = 0.01  # of the other side's flux; artefacts of a bright source reach this (sidelobes.NEAR)
MARGIN = 3  # pixels around the footprint in which noise is drawn
NAMES = ("fr_ratio", "core_fraction", "bending", "lobe_ratio")


@dataclass(frozen=True)
class Structure:
    """Numbers of a source of at least two peaks; None where ``off`` says why. Errors are 1 sigma of the noise."""

    fr_ratio: float | None = None
    """Separation of the brightest peaks of both sides over the extent at 3 rms, the beam removed from its ends."""
    fr_ratio_error: float | None = None
    core_fraction: float | None = None
    """Peak of the core over the integrated flux: with what of the jets lies within the same beam."""
    core_fraction_error: float | None = None
    bending: float | None = None
    """Degrees by which the two sides deviate from a straight line through the core, 0 to 180."""
    bending_error: float | None = None
    lobe_ratio: float | None = None
    """Flux of the brighter side over that of the other one, the core and a beam around it left out."""
    lobe_ratio_error: float | None = None
    separation: float | None = None
    """Distance between the two peaks in arcsec."""
    extent: float | None = None
    """Total extent in arcsec, the beam removed from its ends where there is one."""
    peaks: tuple[tuple[float, float], ...] = ()
    """Pixels (y, x) of the peaks of both sides, the brighter first, then of the core if there is one."""
    off: Mapping[str, str] = field(default_factory=dict)


def structure(cutout: Cutout) -> Structure:
    """FR ratio, core fraction, bending angle and ratio of the lobes of the central source, or why each is missing.

    Withheld for a source that is faint, not resolved, of one peak or maybe in parts, or whose one side is as faint as
    an artefact of the other, and without beam or unit; of a picture with a
    scale, which has no noise, ratio and angle of positions are given without an error, the beam not removed. The same
    cutout gives the same numbers: the draws of noise are seeded.
    """
    found = source_mask(cutout)
    if cutout.pixel_shape is None:
        return _off("The file has no sky coordinates, so no angular scale.")
    if not found.any():
        return _off("There is no source near the centre.")
    if cutout.kind == "image":
        return _of_picture(cutout, found)
    why = no_flux(cutout)
    if why is None and cutout.noise is None:
        why = NO_NOISE
    if why is not None:
        return _off(why)
    if (gap := other_part(cutout, found)) is not None:
        return _off(f"A source at least a tenth as bright lies {angle(gap)} beside it: the two may be parts of one.")
    return _of_image(cutout, found)


def _off(why: str) -> Structure:
    return Structure(off=dict.fromkeys(NAMES, why))


def _of_picture(cutout: Cutout, found: NDArray[np.bool_]) -> Structure:
    """Positions alone: counts after a stretch say where a peak is, not how bright."""
    assert cutout.pixel_shape is not None
    top = float(cutout.pixels[found].max())
    seen = shape(np.asarray(cutout.pixels, float), found, 0.0, CLIPPED * top, cutout.pixel_shape.steps, None)
    if seen is None:
        return _off("The source has one peak, or all of its peaks on one side.")
    off = dict.fromkeys(("core_fraction", "lobe_ratio"), "A picture holds counts after an unknown stretch.")
    if seen.core is None:
        off["bending"] = "No core is seen between the two peaks."
    return Structure(
        fr_ratio=seen.ratio,
        bending=seen.bending,
        separation=seen.separation,
        extent=seen.extent,
        peaks=seen.peaks,
        off=off,
    )


def _of_image(cutout: Cutout, found: NDArray[np.bool_]) -> Structure:
    noise, beam, area = cutout.noise, cutout.beam, beam_pixels(cutout)
    assert noise is not None and beam is not None and cutout.pixel_shape is not None
    top = float(np.where(found, cutout.pixels, -np.inf).max())
    if top < FAINTEST * noise.rms:
        return _off(f"The source is too faint: its peak of {top / noise.rms:.0f} rms is below {FAINTEST:.0f}.")
    places = np.argwhere(found)
    matrix = to_sky(cutout, *places.mean(axis=0))
    if area is None or matrix is None:
        return _off("The sky coordinates do not reach the source.")
    footprint = grow(cutout, found, area)
    whole = np.asarray(cutout.pixels[footprint.box], float)
    steps = matrix[:, ::-1].T  # rows: a step along y and along x, (east, north) in arcsec
    covariance = beam_covariance(beam, matrix)
    blank = blank_sky(whole, footprint.blank, noise.rms, covariance, footprint.mask)
    part = ndimage.find_objects(ndimage.binary_dilation(footprint.mask, iterations=MARGIN).astype(np.uint8))[0]
    image, mask = np.nan_to_num(whole[part]), found[footprint.box][part]
    level, least = 3.0 * noise.rms, 3.0 * noise.rms
    sky_beam = matrix @ covariance @ matrix.T
    seen = shape(image, mask, level, least, steps, sky_beam)
    if seen is None or seen.raw_extent < SMALLEST * beam.major:
        measured = measure(cutout)
        if measured.size_limit is not None or measured.major is not None:
            return _off("The source is not resolved into parts: one Gaussian fits it.")
        return _off("The source has one peak, or all of its peaks on one side.")
    values: dict[str, Any] = {"separation": seen.separation, "extent": seen.extent, "peaks": seen.peaks}
    made, core = _drawn(image, mask, blank, level, least, steps, sky_beam, seen)
    fluxes, off = _fluxes(cutout, part, footprint, blank, seen, core)
    if fluxes is None:
        return _off("One side holds less than a hundredth of the other's flux: it may be an artefact of it.")
    corner = [outer.start + inner.start for outer, inner in zip(footprint.box, part, strict=True)]
    shifted = tuple((y + corner[0], x + corner[1]) for y, x in seen.peaks)
    return Structure(**values | {"peaks": shifted} | made | fluxes, off=off)


def _drawn(
    image: NDArray[np.float64],
    mask: NDArray[np.bool_],
    blank: Blank,
    level: float,
    least: float,
    steps: NDArray[np.float64],
    beam: NDArray[np.float64],
    seen: Shape,
) -> tuple[dict[str, Any], float]:
    """FR ratio and bending with their scatter when the image's own noise is added again, and the core's brightness.

    Noise lifts the ends of a contour, and the top of a peak, more often than it lowers them. What it does to the image
    once more is on average twice what it has done to it, for it then finds less to lift: half of it is taken off.
    """
    random, found = np.random.default_rng(0), []
    near = distance(mask, (1.0, 1.0)) <= 3.0
    for draw in noise_draws(blank, image.shape, DRAWS, random):
        noisy = image + draw
        again = shape(noisy, near & (noisy > level), level, least, steps, beam, seen)
        if again is not None:
            top = np.nan if again.core is None else noisy[_pixel(again.core)]
            found.append((again.ratio, np.nan if again.bending is None else again.bending, top))
    core = np.nan if seen.core is None else float(image[_pixel(seen.core)])
    values: dict[str, Any] = {"fr_ratio": seen.ratio, "bending": seen.bending}
    if len(found) < DRAWS // 2:
        return values, core
    ratios, bends, tops = np.array(found).T
    gained = float(ratios.mean() - seen.ratio) / 2.0
    values["fr_ratio"] = seen.ratio - gained
    values["fr_ratio_error"] = float(ratios.std())
    if seen.bending is not None:
        values["bending_error"] = float(np.sqrt(np.mean((bends - seen.bending) ** 2)))
        core -= float(tops.mean() - core) / 2.0
    return values, core


def _pixel(place: tuple[float, float]) -> tuple[int, int]:
    return round(place[0]), round(place[1])


def noise_draws(blank: Blank, size: tuple[int, ...], count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Images (count, ny, nx) of Gaussian noise with the autocorrelation of the blank sky."""
    acf = blank.autocorrelation
    reach = acf.shape[0] // 2
    full = [n + 2 * reach for n in size]
    kernel = np.zeros(full)
    kernel[: acf.shape[0], : acf.shape[1]] = acf
    power = np.maximum(np.fft.rfft2(np.roll(kernel, (-reach, -reach), (0, 1))).real, 0.0)
    power *= acf[reach, reach] / max(float(np.fft.irfft2(power, full)[0, 0]), 1e-300)  # what was negative is lost
    white = np.fft.rfft2(random.standard_normal((count, *full)))
    return np.asarray(np.fft.irfft2(white * np.sqrt(power), full)[:, : size[0], : size[1]])


def _fluxes(
    cutout: Cutout, part: tuple[slice, ...], footprint: Footprint, blank: Blank, seen: Shape, core: float
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Core fraction and ratio of the sides with errors from the covariance of their sums, and why one is off.

    None for all where one side is as faint as an artefact of the other.
    """
    area = beam_pixels(cutout)
    assert area is not None and cutout.noise is not None and cutout.pixel_shape is not None
    factor = TO_JY_BEAM[cutout.unit or ""]
    image = np.asarray(cutout.pixels[footprint.box], float)[part]
    finite = np.isfinite(image) & footprint.mask[part]
    image = np.nan_to_num(image)
    weights, shares = [], []
    sigma = float(np.sqrt(area / (2.0 * np.pi)))
    pixel = float(np.sqrt(cutout.pixel_shape.area))
    step = (cutout.pixel_shape.scale[0] / pixel, cutout.pixel_shape.scale[1] / pixel)
    for side in seen.sides(image.shape):
        own = footprint.islands[part] & side
        share = grown_islands(image, own, 3.0 * cutout.noise.rms, sigma, step)[1] if own.any() else 1.0
        weights.append((finite & side) / area / share)
        shares.append(share)
    weights.append(finite / area)
    if seen.core is not None:
        at = np.zeros(image.shape)
        at[_pixel(seen.core)] = 1.0
        weights.append(at)
    sums = np.einsum("iyx,yx->i", np.array(weights), image)
    errors = blank.covariance(np.array(weights))
    values: dict[str, Any] = {}
    off: dict[str, str] = {}
    bright, faint = (0, 1) if sums[0] >= sums[1] else (1, 0)
    if sums[faint] < FAINTEST_SIDE * sums[bright]:
        return None, off
    for i in (bright, faint):
        errors[i, i] += (NOT_KNOWN * (1.0 - shares[i]) * sums[i]) ** 2
    if sums[faint] > 3.0 * np.sqrt(errors[faint, faint]):
        values["lobe_ratio"], error = _ratio(sums, errors, bright, faint)
        values["lobe_ratio_error"] = LOBES * FOLLOWS_NOISE * error
    else:
        off["lobe_ratio"] = "One side is not seen at 3 sigma."
    if seen.core is None:
        return values, off | dict.fromkeys(("core_fraction", "bending"), "No core is seen between the two peaks.")
    flux = integrate(cutout, footprint, blank, area)
    sums[2], sums[3] = flux.value / factor, core
    errors[2, 2] = (flux.error / factor) ** 2
    values["core_fraction"], values["core_fraction_error"] = _ratio(sums, errors, 3, 2)
    return values, off


def _ratio(sums: NDArray[np.float64], errors: NDArray[np.float64], over: int, under: int) -> tuple[float, float]:
    """A ratio of two sums and its error by their covariance."""
    value = float(sums[over] / sums[under])
    slope = np.zeros(len(sums))
    slope[over], slope[under] = 1.0 / sums[under], -value / sums[under]
    return value, float(np.sqrt(max(float(slope @ errors @ slope), 0.0)))
