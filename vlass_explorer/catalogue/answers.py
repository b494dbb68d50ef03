"""What a model said of a cutout as columns of a row: as it is, at the beam of training, and when its label flips."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import pictures
from ..flips import Flips
from ..measure import TO_JY_BEAM
from ..predict import Matched, Outcome
from ..schema import Checkpoint, Cutout, ExplorerError, Prediction

if TYPE_CHECKING:  # who asks for less does without
    from ..calibration import Sure

MATCHED = ("beam_major", "beam_minor", "beam_pa", "pixel_scale")


def plain(prediction: Prediction) -> dict[str, Any]:
    """The answer of the cutout as it is."""
    scores = dict(zip(prediction.label_names, map(float, prediction.probabilities), strict=True))
    return {
        "label": prediction.label,
        "score": max(scores.values()),
        "scores": scores,
        "validity": prediction.validity.level,
        "reasons": prediction.validity.reasons,
    }


def matched(card: Checkpoint, there: Matched, native: Outcome) -> dict[str, Any]:
    """The answer at the beam of training, or why there is none."""
    found: dict[str, Any] = {"label_changes": {None: None, True: "yes", False: "no"}[there.changes(native)]}
    if there.cutout is not None:
        instruments = instrument(there.cutout)
        found |= {f"matched_{key}": value for key, value in instruments.items() if key in MATCHED}
        factor, noise = TO_JY_BEAM.get(there.cutout.unit or ""), there.cutout.noise
        found["matched_rms"] = factor * noise.rms if factor is not None and noise is not None else None
    if isinstance(there.outcome, ExplorerError):
        return found | {"not_matched": str(there.outcome)}
    answer = plain(there.outcome)
    if isinstance(there.in_beams, Prediction):
        agrees = there.in_beams.label == there.outcome.label
        found |= {
            "in_beams_label": there.in_beams.label,
            "in_beams_score": float(there.in_beams.probabilities.max()),
            "views_agree": "yes" if agrees else "no",
            "views_agree_meaning": pictures.on_agreement(card, agrees),
        }
    return found | {f"matched_{key}": answer[key] for key in ("label", "score", "validity", "reasons")}


def flips(turned: Flips | ExplorerError) -> dict[str, Any]:
    """The first level at which the label flips, by change, in the units of the columns."""
    if isinstance(turned, ExplorerError):
        return {"flip_notes": (str(turned),)}
    found: dict[str, Any] = {"flip_notes": turned.sentences}
    for kind, curve in turned.curves.items():
        if curve.flips is None:
            continue
        level = float(curve.levels[curve.flips])
        amount = curve.amount(level)
        if kind == "noise":
            factor = TO_JY_BEAM.get(curve.unit or "")
            known = None if factor is None or amount is None else factor * amount
            found |= {"flip_noise_times": level, "flip_noise": known}
        elif kind == "smoothing":
            found |= {"flip_beam_times": level, "flip_beam_major": amount}
        elif kind == "shift" and curve.unit == "arcsec":
            found["flip_shift"] = amount
        elif kind == "rotation":
            found["flip_rotation"] = amount
    return found


def sure(found: Sure) -> dict[str, Any]:
    """How sure the answer is, as far as anything was measured; a reason in its column where it was not."""
    told, values = found.record(), dict[str, Any]()
    calibrated, unlike, turned = told["calibrated"], told["unlike"], told["turned"]
    if "error" in calibrated:
        values["not_calibrated"] = calibrated["error"]
    else:
        scores: dict[str, float] = calibrated["probabilities"]
        best = max(scores, key=scores.__getitem__)
        values |= {"calibrated_label": best, "calibrated_score": scores[best]}
        values |= {"prediction_set": json.dumps(calibrated["set"]), "set_coverage": calibrated["coverage"]}
        values["calibrated_beam"] = "training" if calibrated["at_training_beam"] else "own"
    if "error" in unlike:
        values["not_compared"] = unlike["error"]
    else:
        near = unlike["neighbours"]
        values["training_percentile"] = unlike["percentiles"]["neighbours"]
        values["nearest_labels"] = json.dumps([each["label"] for each in near])
        values["nearest_names"] = json.dumps([each["name"] for each in near])
    if "error" not in turned:
        values |= {"turned_same": turned["same_label"], "turned_lowest": turned["lowest"]}
        values["turned_highest"] = turned["highest"]
    return values


def instrument(cutout: Cutout) -> dict[str, Any]:
    """Beam and pixels; nothing where they are not known."""
    found: dict[str, Any] = {}
    if cutout.beam is not None:
        beam = cutout.beam
        found |= {"beam_major": beam.major, "beam_minor": beam.minor, "beam_pa": beam.pa}
        found |= {"beam_assumed": beam.assumed, "beam_source": beam.source}
    if cutout.pixel_shape is not None:
        found["pixel_scale"] = float(np.sqrt(cutout.pixel_shape.area))
    return found
