"""May this checkpoint be asked about this cutout: rules that compare what the file is with what training saw.

outside: the answer means nothing. caution: it may mean something, nobody has tested it. The rules:

| rule | caution | outside |
|---|---|---|
| product by header and file name | | not total intensity: rms, tt1, alpha, model, residual, infrared, ... |
| unit | the file names none | not a brightness in Jy/beam; counts of a plate or camera |
| pictures and arrays | always: stretch, unit and scale are unknown, or only declared | |
| survey, frequency, beam, pixels | unlike the training data, even at its beam | a beam three times wider or finer |
| pixels on the sky | | three times wider than the training data's, or 20 % longer one way than another |
| 5 rms peak within 30 arcsec of the centre | none there | none in the whole field of view |
| data missing in the field of view | over 5 % | over 50 % of its central quarter |
| source larger than 80 % of the field of view | yes | |
| brightest pixel over 30 arcsec away, not of the source | yes | |
| VLASS: a neighbour in the cutout so bright that the source may be its artefact | yes | |

A source smaller than the beam is said to have no morphology, which changes no verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from .. import match, measure
from ..quantities import angle, frequency
from ..schema import NO_NOISE, Beam, Cutout, InputSpec, PixelShape, Validity
from ..schema.learning import ValidityLevel
from . import field
from .field import Reason

LEVELS: tuple[ValidityLevel, ...] = ("ok", "caution", "outside")

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
        *_pixels(cutout, spec),
        *field.resolved(cutout),
        *field.artefact(cutout),
        *field.reasons(cutout, spec),
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
        if _is_counted(cutout):
            yield "outside", "Whole positive numbers without a unit: a photographic plate or a camera, no radio image."
        else:
            yield "caution", f"The file names no brightness unit; trained on {spec.unit}."
    elif spec.unit is not None and not _same_unit(cutout.unit or "", spec.unit):
        level: ValidityLevel = "caution" if spec.unit == "count" and _is_brightness(cutout.unit) else "outside"
        yield level, f"The unit is {cutout.unit}; trained on {'pictures' if spec.unit == 'count' else spec.unit}."
    if cutout.kind == "fits" and cutout.noise is None:
        yield "caution", NO_NOISE


def _is_counted(cutout: Cutout) -> bool:
    """Are all pixels of an image that names no telescope's survey or beam whole numbers, as detectors count them?"""
    if cutout.kind != "fits" or cutout.beam is not None or cutout.origin.survey is not None:
        return False
    finite = cutout.pixels[np.isfinite(cutout.pixels)]
    return bool(finite.size and finite.min() > 0 and finite.max() >= 100 and (finite == np.round(finite)).all())


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
    other = f", {frequency(here)} instead of {frequency(there)}" if here and there and here != there else ""
    return f"{survey} at {real}'s beam{other}: structure resolved out by {survey} stays missing."


def _unlike(cutout: Cutout, spec: InputSpec, ratio: float | None, trained: str) -> Iterator[Reason]:
    """What differs within one survey."""
    observed, beam, pixel = cutout.origin.frequency_ghz, cutout.beam, cutout.pixel_shape
    if observed and spec.frequency_ghz and abs(observed / spec.frequency_ghz - 1) > FREQUENCY_TOLERANCE:
        yield "caution", f"{trained} This image is at {frequency(observed)}: untested."
    if beam and ratio is not None and not 1 / (1 + TOLERANCE) <= ratio <= 1 + TOLERANCE:
        yield "caution", f"{trained} The beam of this image is {beam}: untested."
    if pixel and spec.pixel_scale_arcsec:
        times = float(np.sqrt(pixel.area)) / spec.pixel_scale_arcsec
        if not 1 / (1 + TOLERANCE) <= times <= 1 + TOLERANCE:
            yield (
                "caution",
                f"Trained on pixels of {angle(spec.pixel_scale_arcsec)}. "
                f"Those of this image are {_sides(pixel)}: untested.",
            )


def _pixels(cutout: Cutout, spec: InputSpec) -> Iterator[Reason]:
    shape = cutout.pixel_shape
    coarsest = BEAM_RATIO * (spec.pixel_scale_arcsec or np.inf)
    if cutout.kind == "fits" and shape is not None and (side := float(np.sqrt(shape.area))) > coarsest:
        trained = angle(spec.pixel_scale_arcsec or 0.0)
        yield (
            "outside",
            f"Pixels of {angle(side)} are too coarse: trained on {trained}, whose structure they cannot show.",
        )
    if shape is not None and shape.elongation > LONGEST_PIXEL:
        sides = "skew" if max(shape.scale) < LONGEST_PIXEL * min(shape.scale) else "unequal"
        yield (
            "outside",
            f"The pixels are {sides} on the sky ({_sides(shape)}): regrid the image to square ones first.",
        )


def _sides(pixel: PixelShape) -> str:
    """1.8″, or width and height where they differ."""
    height, width = (angle(side) for side in pixel.scale)
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


def _described(survey: str, simulated: bool, ghz: float | None, beam: Beam | None) -> str:
    """FIRST (1.4 GHz, 5.4″)."""
    survey = f"simulated {survey}" if simulated else survey
    details = [frequency(ghz)] if ghz else []
    details += [str(beam)] if beam else []
    return f"{survey} ({', '.join(details)})" if details else survey
