"""What the model's field of view holds: a source at its centre, missing data, a source that is resolved at all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .. import measure, preprocess
from ..quantities import angle
from ..schema import Cutout, FloatArray, InputError, InputSpec, PixelShape, Window
from ..schema.learning import ValidityLevel

Reason = tuple[ValidityLevel, str]
CENTRE = 30.0  # arcsec around the centre in which the source is expected
LARGEST_MISSING = 0.05  # share of the field of view without data
LARGEST_SOURCE = 0.8  # of the field of view
LARGEST_POINT = 6.0  # beams that a point spans above 3 rms, sidelobes of a bright one included


def resolved(cutout: Cutout) -> Iterator[Reason]:
    """A source that the beam does not resolve looks alike whatever it is: said, as the input is as good as any."""
    if cutout.beam is None or cutout.pixel_shape is None:
        return
    source = measure.source_mask(cutout)
    # Only what spans few beams can be a point; the fit that decides is not free.
    if not source.any() or measure.angular_size(cutout) > LARGEST_POINT * cutout.beam.major:
        return
    limit = measure.size_limit(cutout)
    if limit is not None and limit <= cutout.beam.major:
        yield "ok", "The source is smaller than the beam: no morphology."
    elif limit is not None:
        yield "ok", f"The source is not resolved, {angle(limit)} at most: no morphology to rely on."


def artefact(cutout: Cutout) -> Iterator[Reason]:
    """A source so much fainter than a neighbour that it may be a sidelobe; the whole cutout is looked at."""
    told = measure.sidelobe_caution(cutout)
    if told is not None:
        yield "caution", told


def reasons(cutout: Cutout, spec: InputSpec) -> Iterator[Reason]:
    """What the model's field of view holds."""
    try:
        window = preprocess.window(cutout, spec)
    except InputError as error:
        yield "outside", str(error)
        return
    view = preprocess.crop(cutout.pixels, window)
    has_data = np.isfinite(view)
    if cutout.pixel_scale is None:
        yield "caution", f"No pixel scale is known: the central {window.shape[1]} × {window.shape[0]} pixels are used."
    yield from _missing(has_data, cutout, window)
    if not has_data.any():
        return
    pixel = cutout.pixel_shape or PixelShape.square(_assumed_scale(spec, window))
    reach = CENTRE if cutout.beam is None else max(CENTRE, cutout.beam.major)
    distance = _distance(cutout, window, pixel)
    yield from _emission(cutout, view, distance <= reach, _long(reach, cutout, pixel))
    source = measure.source_mask(cutout)
    if source.any():
        size = measure.angular_size(cutout) if cutout.pixel_shape else measure.extent(source, pixel.steps)
        side = min(window.shape[0] * pixel.scale[0], window.shape[1] * pixel.scale[1])
        if size > LARGEST_SOURCE * side:
            span, view_side = (_long(length, cutout, pixel) for length in (size, side))
            yield "caution", f"The source spans {span} of the {view_side} field of view: parts may be cut off."
    y, x = np.unravel_index(int(np.argmax(np.where(has_data, view, -np.inf))), view.shape)
    inside = source[int(y) + window.y0, int(x) + window.x0]  # where data are, the image is
    if not inside and distance[y, x] > reach and view[y, x] > _faintest(cutout):
        yield (
            "caution",
            f"The brightest source lies {_long(float(distance[y, x]), cutout, pixel)} off centre; "
            "the model expects its source at the centre.",
        )


def _assumed_scale(spec: InputSpec, window: Window) -> float:
    """Arcsec a pixel if the field of view in pixels is the one in arcsec."""
    return spec.field_of_view / min(window.shape)


def _long(arcsec: float, cutout: Cutout, pixel: PixelShape) -> str:
    """A length on the sky in words; in pixels where no scale is known, for an assumed one is no measure."""
    if cutout.pixel_shape is None:
        return f"{arcsec / float(np.sqrt(pixel.area)):.0f} pixels"
    return angle(round(arcsec) if arcsec >= 10.0 else arcsec)


def _distance(cutout: Cutout, window: Window, pixel: PixelShape) -> FloatArray:
    """Distance in arcsec of each pixel of the window from the centre of the image."""
    steps = tuple(pixel.steps.ravel().tolist())
    return _distances(cutout.shape, (window.y0, window.y1, window.x0, window.x1), pixel.area, steps)


@lru_cache(maxsize=4)  # cutouts of one survey and size share it
def _distances(
    shape: tuple[int, int], window: tuple[int, int, int, int], area: float, steps: tuple[float, ...]
) -> FloatArray:
    y0, y1, x0, x1 = window
    y = (np.arange(y0, y1) - (shape[0] - 1) / 2)[:, None]
    x = (np.arange(x0, x1) - (shape[1] - 1) / 2)[None, :]
    side = np.sqrt(area)
    along, _, aslant, across = (step / side for step in steps)
    found = np.hypot(y * along + x * aslant, x * across) * side
    found.flags.writeable = False
    return found


def _missing(has_data: FloatArray, cutout: Cutout, window: Window) -> Iterator[Reason]:
    ny, nx = has_data.shape
    core = has_data[ny // 4 : ny - ny // 4, nx // 4 : nx - nx // 4]
    share = 1.0 - float(has_data.mean())
    if float(core.mean()) < 0.5:
        yield "outside", f"{100 * (1 - core.mean()):.0f} % of the central part of the field of view hold no data."
    elif share > LARGEST_MISSING:
        small = cutout.shape[0] < window.shape[0] or cutout.shape[1] < window.shape[1]
        what = "lie beyond the image" if small else "hold no data"
        yield "caution", f"{100 * share:.0f} % of the field of view {what}."


def _faintest(cutout: Cutout) -> float:
    """Level that the brightest pixel of a source reaches: 5 rms, or anything above the floor of a clipped image."""
    return measure.thresholds(cutout)[1]


def _emission(cutout: Cutout, view: FloatArray, near: NDArray[np.bool_], reach: str) -> Iterator[Reason]:
    least = _faintest(cutout)
    bright = view > least if cutout.noise is None else view >= least
    what = "nothing but the clipped floor" if cutout.noise is None else "no emission above 5 rms"
    if not bright.any():
        yield "outside", f"The field of view holds {what}."
    elif not bright[near].any():
        yield "caution", f"There is {what} within {reach} of the centre."
