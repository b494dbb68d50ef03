"""A prediction as JSON values: what ``predict --json`` prints, and what its other forms are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import pictures
from ..schema import Checkpoint, Cutout, ExplorerError, Prediction

if TYPE_CHECKING:
    from ..calibration import Sure
    from ..flips import Flips
    from ..predict import Matched


def record(
    file: str,
    card: Checkpoint,
    cutout: Cutout,
    prediction: Prediction,
    matched: Matched | None = None,
    flips: Flips | ExplorerError | None = None,
    sure: Sure | None = None,
) -> dict[str, Any]:
    """A prediction as JSON values; ``file`` is exactly what was given."""
    values = {"file": file, "checkpoint": card.name, **_answer(cutout, prediction)}
    if matched is not None:
        values["matched"] = _matched(card, matched, prediction)
    if flips is not None:
        values["flips"] = {"error": str(flips)} if isinstance(flips, ExplorerError) else flips.record()
    if sure is not None:
        values["how_sure"] = sure.record()
    return values


def _answer(cutout: Cutout, prediction: Prediction) -> dict[str, Any]:
    scores = map(float, prediction.probabilities)
    return {
        "label": prediction.label,
        "probabilities": dict(zip(prediction.label_names, scores, strict=True)),
        "validity": prediction.validity.level,
        "reasons": list(prediction.validity.reasons),
        "notes": list(cutout.notes),
        "more_notes": list(cutout.more_notes),
    }


def _matched(card: Checkpoint, matched: Matched, native: Prediction) -> dict[str, Any]:
    """The answer at the beam of training, with the beam (arcsec, degrees), pixels and noise it was asked at."""
    if matched.cutout is None or isinstance(matched.outcome, ExplorerError):
        return {"error": str(matched.outcome)}
    cutout = matched.cutout
    return {
        "label_changes": matched.changes(native),
        **_answer(cutout, matched.outcome),
        "beam_arcsec": None if cutout.beam is None else [cutout.beam.major, cutout.beam.minor],
        "beam_pa": None if cutout.beam is None else cutout.beam.pa,
        "pixel_scale_arcsec": cutout.pixel_scale,
        "rms": None if cutout.noise is None else cutout.noise.rms,
        "unit": cutout.unit,
        "in_beams": _in_beams(card, matched),
    }


def _in_beams(card: Checkpoint, matched: Matched) -> dict[str, Any]:
    """The answer at the same scale in beams, and what it means that it agrees with the matched one or does not."""
    if not isinstance(matched.in_beams, Prediction):
        return {"error": str(matched.in_beams)}
    scores = map(float, matched.in_beams.probabilities)
    return {
        "label": matched.in_beams.label,
        "probabilities": dict(zip(matched.in_beams.label_names, scores, strict=True)),
        "agrees_with_matched": matched.agrees,
        "meaning": pictures.on_agreement(card, bool(matched.agrees)),
    }
