"""May this checkpoint be asked about this cutout: rules that compare what the file is with what training saw.

outside: the answer means nothing. caution: it may mean something, nobody has tested it. The rules:

| rule | caution | outside |
|---|---|---|
| product by header and file name | | not total intensity: rms, tt1, alpha, model, residual, infrared, ... |
| unit | the file names none | not a brightness in Jy/beam |
| pictures and arrays | always: stretch, unit and scale are unknown, or only declared | |
| survey, frequency, beam, pixels | unlike the training data, even at its beam | a beam three times wider or finer |
| pixels on the sky | | over 20 % longer in one direction than in another |
| 5 rms peak within 30 arcsec of the centre | none there | none in the whole field of view |
| data missing in the field of view | over 5 % | over 50 % of its central quarter |
| source larger than 80 % of the field of view | yes | |
| brightest pixel over 30 arcsec away, not of the source | yes | |
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from . import match, measure, preprocess
from .schema import Beam, Cutout, FloatArray, InputError, InputSpec, PixelShape, Validity, Window
from .schema.learning import ValidityLevel

Reason = tuple[ValidityLevel, str]
LEVELS: tuple[ValidityLevel, ...] = ("ok", "caution", "outside")

CENTRE = 30.0  # arcsec around the centre in which the source is expected
LARGEST_MISSING = 0.05  # share of the field of view without data
LARGEST_SOURCE = 0.8  # of the field of view
LONGEST_PIXEL = 1.2  # over its width: beyond this beam and source are squeezed to another shape on the pixels
BEAM_RATIO = 3.0  # wider or finer than this and the structure that was learnt cannot be there
TOLERANCE = 0.25  # of beam and pixel scale within one survey
FREQUENCY_TOLERANCE = 0.1

PRODUCTS = {
    "rms": "a noise (rms) map",
    "tt1": "the second Taylor term (tt1)",
    "tt2": "the third Taylor term (tt2)",
    "alpha": "a spectral-index map",
    "residual": "a residual image",
    "model": "a model image",
    "dirty": "a dirty image, which is not deconvolved",
    "psf": "a point-spread function",
    "background": "a background map",
    "mask": "a mask",
    "primary beam": "a primary-beam map",
    "stokes QUV": "a polarisation (Stokes Q, U or V) image",
    "polarised intensity": "an image of polarised intensity",
    "fractional polarisation": "a map of fractional polarisation",
    "polarisation angle": "a map of polarisation angles",
    "Faraday depth": "a map or cube of Faraday depth (rotation measure)",
    "optical depth": "a map of optical depth",
    "integrated intensity": "a map of integrated intensity (moment 0)",
    "velocity map": "a velocity map (moment)",
    "position-velocity": "a position-velocity diagram or a spectrum",
    "weights": "a map of weights",
    "HiPS": "a picture cut from a HiPS, resampled for looking at",
    "infrared": "an infrared image",
    "optical": "an optical image",
}


def check(cutout: Cutout, spec: InputSpec) -> Validity:
    """Level and reasons, the worst first; NaN and what lies beyond the image count as missing data."""
    reasons = [
        *_product(cutout),
        *_unit(cutout, spec),
        *_survey(cutout, spec),
        *_pixels(cutout),
        *_field(cutout, spec),
    ]
    reasons.sort(key=lambda reason: -LEVELS.index(reason[0]))
    return Validity(reasons[0][0] if reasons else "ok", tuple(dict.fromkeys(text for _, text in reasons)))


def _product(cutout: Cutout) -> Iterator[Reason]:
    product = cutout.origin.product
    if product in ("total intensity", "unknown"):
        return
    what = PRODUCTS.get(product)
    if what is None:
        is_term = re.fullmatch(r"tt\d", product)
        what = f"a Taylor term of the spectrum ({product})" if is_term else f"a single {product}"
    yield "outside", f"This is {what}, not a total-intensity image."


def _unit(cutout: Cutout, spec: InputSpec) -> Iterator[Reason]:
    if cutout.stretch is not None:
        yield "caution", f"The stretch ({cutout.stretch}) is what was declared; the file does not tell it."
    elif cutout.kind == "image":
        yield "caution", "A picture: how its brightness was stretched is unknown."
    elif cutout.kind == "array":
        yield "caution", "An array: it does not say what sky, unit and scale it shows."
    elif spec.unit is not None and cutout.unit is None:
        yield "caution", f"The file names no brightness unit; trained on {spec.unit}."
    elif spec.unit is not None and not _same_unit(cutout.unit or "", spec.unit):
        level: ValidityLevel = "caution" if spec.unit == "count" and _is_brightness(cutout.unit) else "outside"
        yield level, f"The unit is {cutout.unit}; trained on {'pictures' if spec.unit == 'count' else spec.unit}."
    if cutout.kind == "fits" and cutout.noise is None:
        yield "caution", "The noise was cut away before the file was written."


def _same_unit(unit: str, trained: str) -> bool:
    return unit == trained or (_is_brightness(unit) and _is_brightness(trained))


def _is_brightness(unit: str | None) -> bool:
    return unit in measure.TO_JY_BEAM


def _survey(cutout: Cutout, spec: InputSpec) -> Iterator[Reason]:
    """Survey, frequency, beam and pixel scale against those of the training data."""
    if spec.survey is None or (cutout.kind != "fits" and cutout.beam is None):
        return
    ratio = _beam_ratio(cutout, spec)
    simulated, real = _is_simulated(spec), plain_survey(spec.survey)
    trained = f"Trained on {_described(real, simulated, spec.frequency_ghz, spec.beam)}."
    origin, beam = cutout.origin, cutout.beam
    this = _described(origin.survey or "an unnamed survey", origin.simulated, origin.frequency_ghz, beam)
    if ratio is not None and not 1.0 / BEAM_RATIO <= ratio <= BEAM_RATIO:
        words = f"{ratio:.1f} times as wide" if ratio > 1 else f"{1 / ratio:.1f} times finer"
        yield "outside", f"{trained} This is {this}: its beam is {words}, so other structure is seen."
    elif (origin.survey or "").lower() != real.lower():
        matched = cutout.native is not None and ratio is not None and abs(ratio - 1.0) <= match.ALIKE
        yield "caution", _matched(cutout, spec, real) if matched else f"{trained} This is {this}: untested."
    elif origin.simulated != simulated:
        kinds = ("simulated", "real") if origin.simulated else ("real", "simulated")
        yield "caution", f"Trained on {kinds[1]} {real} images. This one is {kinds[0]}: untested."
    else:
        yield from _unlike(cutout, spec, ratio, trained)


def _matched(cutout: Cutout, spec: InputSpec, real: str) -> str:
    """VLASS at FIRST's beam, 3 GHz instead of 1.4 GHz: what smoothing cannot give back."""
    survey, here, there = cutout.origin.survey or "An unnamed survey", cutout.origin.frequency_ghz, spec.frequency_ghz
    other = f", {_number(here)} GHz instead of {_number(there)} GHz" if here and there and here != there else ""
    return f"{survey} at {real}'s beam{other}: structure resolved out by {survey} stays missing."


def _unlike(cutout: Cutout, spec: InputSpec, ratio: float | None, trained: str) -> Iterator[Reason]:
    """What differs within one survey."""
    frequency, beam, pixel = cutout.origin.frequency_ghz, cutout.beam, cutout.pixel_shape
    if frequency and spec.frequency_ghz and abs(frequency / spec.frequency_ghz - 1) > FREQUENCY_TOLERANCE:
        yield "caution", f"{trained} This image is at {_number(frequency)} GHz: untested."
    if beam and ratio is not None and not 1 / (1 + TOLERANCE) <= ratio <= 1 + TOLERANCE:
        yield "caution", f"{trained} The beam of this image is {beam}: untested."
    if pixel and spec.pixel_scale_arcsec:
        times = float(np.sqrt(pixel.area)) / spec.pixel_scale_arcsec
        if not 1 / (1 + TOLERANCE) <= times <= 1 + TOLERANCE:
            yield (
                "caution",
                f"Trained on pixels of {_number(spec.pixel_scale_arcsec)}″. "
                f"Those of this image are {_sides(pixel)}: untested.",
            )


def _pixels(cutout: Cutout) -> Iterator[Reason]:
    shape = cutout.pixel_shape
    if shape is not None and shape.elongation > LONGEST_PIXEL:
        sides = "skew" if max(shape.scale) < LONGEST_PIXEL * min(shape.scale) else "unequal"
        yield (
            "outside",
            f"The pixels are {sides} on the sky ({_sides(shape)}): regrid the image to square ones first.",
        )


def _sides(pixel: PixelShape) -> str:
    """1.8″, or width and height where they differ."""
    height, width = (f"{_number(side)}″" for side in pixel.scale)
    return height if height == width else f"{width} × {height}"


def _beam_ratio(cutout: Cutout, spec: InputSpec) -> float | None:
    if cutout.beam is None or spec.beam is None:
        return None
    return float(np.sqrt(cutout.beam.solid_angle / spec.beam.solid_angle))


def plain_survey(survey: str) -> str:
    """Name of a survey without a remark that it is simulated: "VLASS (simulated)" is VLASS."""
    return re.sub(r"[\s(,-]*simulated[\s),-]*", "", survey, flags=re.IGNORECASE)


def _is_simulated(spec: InputSpec) -> bool:
    return spec.simulated or "simulated" in (spec.survey or "").lower()


def _number(value: float) -> str:
    return f"{value:.3g}"


def _described(survey: str, simulated: bool, frequency: float | None, beam: Beam | None) -> str:
    """FIRST (1.4 GHz, 5.4″)."""
    survey = f"simulated {survey}" if simulated else survey
    details = [f"{_number(frequency)} GHz"] if frequency else []
    details += [str(beam)] if beam else []
    return f"{survey} ({', '.join(details)})" if details else survey


def _field(cutout: Cutout, spec: InputSpec) -> Iterator[Reason]:
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
    yield from _emission(cutout, view, distance, reach)
    source = measure.source_mask(cutout)
    if source.any():
        size = measure.extent(source, pixel.steps)
        side = min(window.shape[0] * pixel.scale[0], window.shape[1] * pixel.scale[1])
        if size > LARGEST_SOURCE * side:
            yield "caution", f"The source spans {size:.0f}″ of the {side:.0f}″ field of view: parts may be cut off."
    y, x = np.unravel_index(int(np.argmax(np.where(has_data, view, -np.inf))), view.shape)
    inside = preprocess.crop(source.astype(np.float32), window)[y, x] > 0
    if not inside and distance[y, x] > reach and view[y, x] > _faintest(cutout):
        yield (
            "caution",
            f"The brightest source lies {distance[y, x]:.0f}″ off centre; the model expects its source at the centre.",
        )


def _assumed_scale(spec: InputSpec, window: Window) -> float:
    """Arcsec a pixel if the field of view in pixels is the one in arcsec."""
    return spec.field_of_view / min(window.shape)


def _distance(cutout: Cutout, window: Window, pixel: PixelShape) -> FloatArray:
    """Distance in arcsec of each pixel of the window from the centre of the image."""
    y = (np.arange(window.y0, window.y1) - (cutout.shape[0] - 1) / 2)[:, None]
    x = (np.arange(window.x0, window.x1) - (cutout.shape[1] - 1) / 2)[None, :]
    side = np.sqrt(pixel.area)
    (along, _), (aslant, across) = pixel.steps / side
    return np.hypot(y * along + x * aslant, x * across) * side


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


def _emission(cutout: Cutout, view: FloatArray, distance: FloatArray, reach: float) -> Iterator[Reason]:
    least = _faintest(cutout)
    bright = view > least if cutout.noise is None else view >= least
    what = "nothing but the clipped floor" if cutout.noise is None else "no emission above 5 rms"
    if not bright.any():
        yield "outside", f"The field of view holds {what}."
    elif not bright[distance <= reach].any():
        yield "caution", f"There is {what} within {reach:.0f}″ of the centre."
