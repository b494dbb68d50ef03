"""Which pixels of a cutout are its source: noise, levels of detection, islands and how far they reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..schema import Cutout, FloatArray, Noise, PixelShape
from .geometry import EIGHT
from .islands import bright_islands
from .kept import kept
from .row import Row

TO_JY_BEAM = {"Jy/beam": 1.0, "mJy/beam": 1e-3, "uJy/beam": 1e-6}
FINEST_BEAM = 0.5  # pixels; pixels do not sample a finer one, and a sum over them is no flux
SAMPLE = 4_000_000  # pixels from which the noise of a large image is measured
LINKING = 22.0  # arcsec; islands closer than this are one source
SEARCH = 60.0  # arcsec; the source begins at most this far from the centre
NO_SCALE = 1.8  # arcsec a pixel, as FIRST, where the file has no scale
SLACK = 1.0001  # of these limits: pixels on the sky differ by less within a survey, and must not decide a tie
DEEPEST = 1e7  # largest pixel over the rms; no telescope reaches it, and float32 holds no more digits
DIRECTIONS = np.array([np.sin(np.radians(np.arange(360.0))), np.cos(np.radians(np.arange(360.0)))])
CENTRAL = 1024  # pixels; side of the box in which the source is looked for


def noise(pixels: FloatArray) -> Noise | None:
    """Noise of an image (ny, nx) in its own unit: 1.4826 MAD of the finite pixels, clipped at 3 sigma until stable.

    NaN and infinite pixels are left out; None where no noise is left to measure (MAD 0: a clipped or constant
    image; or below 1e-7 of the largest pixel: one computed without noise). Above 4
    million finite pixels every n-th one is used, and the method says so.
    """
    finite = np.isfinite(pixels)
    values = np.asarray(pixels).ravel() if finite.all() else np.asarray(pixels)[finite]
    step = -(-values.size // SAMPLE)
    if step > 1:
        values = values[::step]
    # Sorted once, every median and every clipping is a matter of places, found by halving.
    row = Row(np.sort(values).astype(np.float64, copy=False).data, 0, values.size)
    rms, largest = 0.0, max(abs(row.values[0]), abs(row.values[-1])) if values.size else 0.0
    for _ in range(50):
        if row.size == 0:
            return None
        median = row.median()
        rms = 1.4826 * row.deviation(median)
        inside = row.within(median, 3.0 * rms)
        if rms == 0.0 or inside.size == row.size:
            break
        row = inside
    if rms * DEEPEST <= largest:
        return None
    sampled = f", one pixel in {step}" if step > 1 else ""
    return Noise(rms=rms, method=f"1.4826 MAD, clipped at 3σ until stable{sampled}", pixels=row.size)


def beam_pixels(cutout: Cutout) -> float | None:
    """Area of the beam in pixels; None without a beam or a pixel scale."""
    if cutout.beam is None or cutout.pixel_shape is None:
        return None
    return cutout.beam.solid_angle / cutout.pixel_shape.area


@kept
def source_mask(cutout: Cutout) -> NDArray[np.bool_]:
    """Pixels (ny, nx) of the source at the centre; all False where there is none. To be read only.

    The source is the emission of at least 3 rms in islands that reach 5 rms, islands closer than 22 arcsec (or one
    beam) taken together, beginning with the island nearest to the centre, at most 60 arcsec away; within the central
    1024 x 1024 pixels. An image without noise (already clipped) counts every pixel above its most common value as
    emission. NaN is never emission.
    """
    found = _source_mask(cutout)
    found.flags.writeable = False
    return found


def _source_mask(cutout: Cutout) -> NDArray[np.bool_]:
    found = np.zeros(cutout.shape, bool)
    (y0, y1), (x0, x1) = (_central(n) for n in cutout.shape)
    image = cutout.pixels[y0:y1, x0:x1]
    low, high = thresholds(cutout)
    emission = bright_islands(image, low, high)
    ys, xs = emission.ys, emission.xs
    if ys.size == 0:
        return found
    shape = cutout.pixel_shape or PixelShape.square(NO_SCALE)
    pixel = float(np.sqrt(shape.area))
    beam = cutout.beam.major if cutout.beam is not None and cutout.pixel_scale else 0.0
    from_centre = np.stack([ys + y0 - (cutout.shape[0] - 1) / 2, xs + x0 - (cutout.shape[1] - 1) / 2], axis=-1)
    distance = np.hypot(*(from_centre @ (shape.steps / pixel)).T)
    nearest = int(np.argmin(distance))
    if distance[nearest] * pixel > max(SEARCH, beam) * SLACK:
        return found
    if (emission.numbers == emission.numbers[0]).all():
        found[ys + y0, xs + x0] = True
        return found
    step = (shape.scale[0] / pixel, shape.scale[1] / pixel)
    reach = max(LINKING, beam) / 2.0 * SLACK
    # What lies farther from all emission than islands are linked over is left out.
    rows, columns = (
        slice(max(0, int(at.min() - reach / side) - 2), int(at.max() + reach / side) + 3)
        for at, side in zip((ys, xs), shape.scale, strict=True)
    )
    part = emission.mask(image.shape)[rows, columns]
    near = ndimage.distance_transform_edt(~part, sampling=step) * pixel <= reach
    groups, _ = ndimage.label(near, structure=EIGHT)
    own = groups[ys[nearest] - rows.start, xs[nearest] - columns.start]
    found[y0:y1, x0:x1][rows, columns] = part & (groups == own)
    return found


def _central(n: int) -> tuple[int, int]:
    start = max(0, (n - CENTRAL) // 2)
    return start, min(n, start + CENTRAL)


def thresholds(cutout: Cutout) -> tuple[float, float]:
    """Levels that emission exceeds and that its brightest pixel reaches; around zero for a radio image."""
    level = 0.0 if cutout.unit in TO_JY_BEAM else float(np.nanmedian(cutout.pixels))
    if cutout.noise is None:
        return level, level
    return level + 3.0 * cutout.noise.rms, level + 5.0 * cutout.noise.rms


@kept
def angular_size(cutout: Cutout) -> float:
    """``extent`` of the source at the centre; a pixel is ``NO_SCALE`` arcsec wide where the file has no scale."""
    shape = cutout.pixel_shape or PixelShape.square(NO_SCALE)
    return extent(source_mask(cutout), shape.steps)


def extent(mask: NDArray[np.bool_], steps: NDArray[np.float64]) -> float:
    """Largest distance between two pixels of a mask in arcsec, from the outermost ones in 360 directions.

    ``steps`` (2, 2) are those of ``PixelShape``: a step along y and one along x, as rows.
    """
    # The outermost pixels are among the first and the last of each row; a mosaic's source has a million others.
    rows = np.flatnonzero(mask.any(axis=1))
    part = mask[rows]
    columns = np.stack([part.argmax(axis=1), mask.shape[1] - 1 - part[:, ::-1].argmax(axis=1)], axis=1)
    points = np.stack([rows.repeat(2), columns.ravel()], axis=1) @ steps
    ends = points[np.unique(np.argmax(points @ DIRECTIONS, axis=0))]
    return float(np.hypot(*(ends[:, None] - ends[None, :]).transpose(2, 0, 1)).max())
