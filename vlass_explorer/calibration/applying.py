"""What a calibration says of one answer: calibrated scores and a set of classes, or why it says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .. import stretches
from ..schema import Cutout, FloatArray, InputError, Prediction
from ..validity import plain_survey
from . import binned
from .asked import bare
from .binned import CoveredBin
from .conformal import randomness
from .prior import reweighted
from .record import Calibration, View

USUAL = 0.05
"""Share of the cutouts calibrated on that must have had a reason of validity for another cutout to have it."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Calibrated scores (K) of one answer, the classes in its set, and the calibration that they rest on."""

    scores: FloatArray
    members: tuple[str, ...]
    """Classes that the cutout may be, the likeliest first; none where no class fits."""
    calibration: Calibration
    alike: Mapping[str, CoveredBin] = field(default_factory=dict)
    """By S/N and angular size: how often sets held the class of cutouts like this one, where that was measured."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Classes in the order of the scores."""
        return self.calibration.label_names

    @property
    def words(self) -> str:
        """The set in words."""
        share = f"{self.calibration.sets.coverage:.0%}"
        if not self.members:
            return f"No class fits as well as {share} of the labelled cutouts did."
        if len(self.members) == len(self.label_names):
            return f"Any class: nothing is excluded at {share}."
        return f"{' or '.join(self.members)} ({share} of such sets hold the class)"


def choose(known: Sequence[Calibration], cutout: Cutout, prediction: Prediction, view: View) -> Calibration:
    """The calibration that holds for this answer; InputError, in a sentence, where none does.

    It holds where the cutout could be one of those calibrated on: of the same survey, seen the same way, without a
    reason of ``validity`` that fewer than 5 % of those had, and with a label that some of them had.
    """
    if not known:
        raise InputError("Not calibrated: nothing was fitted to this checkpoint's scores.")
    if prediction.validity.level == "outside":
        raise InputError(prediction.validity.reasons[0])
    here = [one for one in known if one.view == view]
    if not here:
        ways = {"as it is": "as they are", "matched": "at the training data's beam"}
        raise InputError(f"Calibrated on cutouts {ways[known[0].view]} only; this one is seen {ways[view]}.")
    survey = cutout.origin.survey
    same = [one for one in here if one.survey is None or survey is None or _is_same(one.survey, survey)]
    if not same:
        surveys = " and ".join(dict.fromkeys(one.survey or "" for one in here))
        raise InputError(f"Calibrated on {surveys} cutouts; this is {survey}.")
    said = prediction.label
    refused = ""
    for one in reversed(same):  # the latest first
        usual = {reason for reason, share in one.conditions.items() if share >= USUAL}
        # That their stretch is unknown the cutouts calibrated on shared; they were not asked what follows from it.
        told = [reason for reason in prediction.validity.reasons if not stretches.is_reason(reason)]
        strange = [reason for reason in told if bare(reason) not in usual]
        held = [name for name, count in zip(one.label_names, one.counts, strict=True) if count]
        if said not in held:
            refused = refused or f"Calibrated on {' and '.join(held)} only; the model says {said}."
        elif strange:
            hint = " Declare it where you know it." if strange[0].startswith("No pixel scale is known") else ""
            refused = refused or f"Unlike the cutouts calibrated on: {strange[0]}{hint}"
        else:
            return one
    raise InputError(refused)


def apply(
    calibration: Calibration,
    prediction: Prediction,
    content: str,
    fractions: Sequence[float] | None = None,
    cutout: Cutout | None = None,
) -> Calibrated:
    """Calibrated scores and set of one answer; ``content`` is the hash of its cutout, which is measured if given.

    ``fractions`` (K) are the class fractions of the user's survey, for which the scores are re-weighted; the set is
    that of the labelled cutouts' fractions. Raises InputError for fractions that are none.
    """
    scores = calibration.temperature.scores(prediction.logits)
    inside = calibration.sets.members(scores[None], randomness([content]))[0]
    names = calibration.label_names
    members = tuple(names[k] for k in np.argsort(-scores, kind="stable") if inside[k])
    if fractions is not None:
        scores = reweighted(scores, calibration.fractions, fractions)
    bins = calibration.binned
    alike = binned.alike(bins, binned.quantities(cutout)) if bins and cutout is not None else {}
    return Calibrated(scores, members, calibration, alike)


def _is_same(one: str, other: str) -> bool:
    return plain_survey(one).lower() == plain_survey(other).lower()
