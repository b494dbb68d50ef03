"""What a cutout tells by itself: noise, peak, angular size and integrated flux of the source at its centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .schema import Cutout, FloatArray, Noise

TO_JY_BEAM = {"Jy/beam": 1.0, "mJy/beam": 1e-3, "uJy/beam": 1e-6}
SAMPLE = 4_000_000  # pixels from which the noise of a large image is measured
LINKING = 22.0  # arcsec; islands closer than this are one source
SEARCH = 60.0  # arcsec; the source begins at most this far from the centre
NO_SCALE = 1.8  # arcsec a pixel, as FIRST, where the file has no scale
CENTRAL = 1024  # pixels; side of the box in which the source is looked for


def noise(pixels: FloatArray) -> Noise | None:
    """Noise of an image (ny, nx) in its own unit: 1.4826 MAD of the finite pixels, clipped at 3 sigma until stable.

    NaN and infinite pixels are left out; None where no noise is left to measure (MAD 0: a clipped or constant
    image). Above 4 million finite pixels every n-th one is used, and the method says so.
    """
    values = np.asarray(pixels)[np.isfinite(pixels)].astype(np.float64, copy=False)
    step = -(-values.size // SAMPLE)
    if step > 1:
        values = values[::step]
    rms = 0.0
    for _ in range(50):
        if values.size == 0:
            return None
        median = np.median(values)
        rms = 1.4826 * float(np.median(np.abs(values - median)))
        inside = np.abs(values - median) <= 3.0 * rms
        if rms == 0.0 or inside.all():
            break
        values = values[inside]
    if rms == 0.0:
        return None
    sampled = f", one pixel in {step}" if step > 1 else ""
    return Noise(rms=rms, method=f"1.4826 MAD, clipped at 3σ until stable{sampled}", pixels=int(values.size))


def beam_pixels(cutout: Cutout) -> float | None:
    """Area of the beam in pixels; None without a beam or a pixel scale."""
    scale = cutout.pixel_scale
    if cutout.beam is None or scale is None:
        return None
    return cutout.beam.solid_angle / (scale[0] * scale[1])


@dataclass(frozen=True)
class Measurements:
    """Numbers of the source at the centre of a cutout; None where ``off`` says why.

    The source is the emission of at least 3 rms in islands that reach 5 rms, islands closer than 22 arcsec (or one
    beam) taken together, beginning with the island nearest to the centre, at most 60 arcsec away; within the central
    1024 x 1024 pixels.
    """

    peak: float
    """Brightest pixel of the source, else of the whole cutout, in the cutout's unit."""
    peak_yx: tuple[int, int]
    rms: float | None = None
    snr: float | None = None
    angular_size: float | None = None
    """Largest distance between two pixels of the source in arcsec, beam not removed: 2 to 3 beams for a point."""
    flux: float | None = None
    """Integrated flux density in Jy: sum over the source divided by the beam area in pixels."""
    flux_error: float | None = None
    """Noise only, rms times the root of the number of beams, in Jy; calibration is not included."""
    source_pixels: int = 0
    off: Mapping[str, str] = field(default_factory=dict)


def source_mask(cutout: Cutout) -> NDArray[np.bool_]:
    """Pixels (ny, nx) of the source at the centre, see Measurements; all False where there is none.

    An image without noise (already clipped) counts every pixel above its most common value as emission. NaN is never
    emission.
    """
    found = np.zeros(cutout.shape, bool)
    (y0, y1), (x0, x1) = (_central(n) for n in cutout.shape)
    image = cutout.pixels[y0:y1, x0:x1]
    low, high = thresholds(cutout)
    islands, count = ndimage.label(image > low, structure=np.ones((3, 3)))
    if count == 0:
        return found
    bright = ndimage.maximum(np.nan_to_num(image, nan=-np.inf), islands, np.arange(count + 1)) >= high
    bright[0] = False
    emission = bright[islands]
    if not emission.any():
        return found
    pixel = float(np.sqrt(np.prod(cutout.pixel_scale))) if cutout.pixel_scale else NO_SCALE
    beam = cutout.beam.major if cutout.beam is not None and cutout.pixel_scale else 0.0
    ys, xs = np.nonzero(emission)
    distance = np.hypot(ys + y0 - (cutout.shape[0] - 1) / 2, xs + x0 - (cutout.shape[1] - 1) / 2)
    nearest = int(np.argmin(distance))
    if distance[nearest] * pixel > max(SEARCH, beam):
        return found
    near = ndimage.distance_transform_edt(~emission) * pixel <= max(LINKING, beam) / 2.0
    groups, _ = ndimage.label(near, structure=np.ones((3, 3)))
    found[y0:y1, x0:x1] = emission & (groups == groups[ys[nearest], xs[nearest]])
    return found


def measure(cutout: Cutout) -> Measurements:
    """Peak, S/N, largest angular size and integrated flux of the central source, with a reason for each missing one."""
    off: dict[str, str] = {}
    source = source_mask(cutout)
    found = bool(source.any())
    image = np.where(source if found else np.isfinite(cutout.pixels), cutout.pixels, -np.inf)
    y, x = (int(i) for i in np.unravel_index(int(np.argmax(image)), image.shape))
    peak = float(cutout.pixels[y, x])

    rms = None if cutout.noise is None or cutout.kind == "image" else cutout.noise.rms
    if cutout.kind == "image":
        off["rms"] = "A picture holds counts after an unknown stretch, not brightness."
    elif rms is None:
        off["rms"] = "The noise was cut away before the file was written."
    snr = None if rms is None else peak / rms
    nothing = "There is no emission above 5 rms near the centre." if rms else "There is no emission near the centre."
    size = flux = error = None
    if rms is None:
        off["snr"] = off["rms"]
    if cutout.pixel_scale is None:
        off["angular_size"] = "The file has no sky coordinates, so no angular scale."
    elif not found:
        off["angular_size"] = nothing
    else:
        size = extent(source, cutout.pixel_scale)
    reason = _no_flux(cutout, nothing if not found else None)
    area = beam_pixels(cutout)
    if reason is None and area is not None and rms is not None:
        factor = TO_JY_BEAM[cutout.unit or ""]
        flux = float(cutout.pixels[source].sum(dtype=np.float64)) * factor / area
        error = rms * factor * float(np.sqrt(source.sum() / area))
    else:
        off["flux"] = off["flux_error"] = reason or off.get("rms", "")
    return Measurements(peak, (y, x), rms, snr, size, flux, error, int(source.sum()), off)


def _no_flux(cutout: Cutout, nothing: str | None) -> str | None:
    """Why no integrated flux can be given, or None."""
    if cutout.kind == "image":
        return "A picture holds counts after an unknown stretch, not brightness."
    if cutout.unit not in TO_JY_BEAM:
        return f"The unit is {cutout.unit}, not Jy/beam." if cutout.unit else "The file names no brightness unit."
    if cutout.origin.product not in ("total intensity", "unknown"):
        return f"The image is no total-intensity image ({cutout.origin.product})."
    if cutout.beam is None:
        return "The file gives no beam."
    if cutout.pixel_scale is None:
        return "The file has no sky coordinates, so the beam has no size in pixels."
    return nothing


def _central(n: int) -> tuple[int, int]:
    start = max(0, (n - CENTRAL) // 2)
    return start, min(n, start + CENTRAL)


def thresholds(cutout: Cutout) -> tuple[float, float]:
    """Levels that emission exceeds and that its brightest pixel reaches; around zero for a radio image."""
    level = 0.0 if cutout.unit in TO_JY_BEAM else float(np.nanmedian(cutout.pixels))
    if cutout.noise is None:
        return level, level
    return level + 3.0 * cutout.noise.rms, level + 5.0 * cutout.noise.rms


def extent(mask: NDArray[np.bool_], scale: tuple[float, float]) -> float:
    """Largest distance between two pixels of a mask in arcsec, from the outermost ones in 360 directions."""
    points = np.argwhere(mask) * np.array(scale)
    angles = np.radians(np.arange(360.0))
    ends = points[np.unique(np.argmax(points @ np.array([np.sin(angles), np.cos(angles)]), axis=0))]
    return float(np.hypot(*(ends[:, None] - ends[None, :]).transpose(2, 0, 1)).max())
