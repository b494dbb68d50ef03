"""How sure an answer is, as far as anything was measured: probability, set, distance from the training data, views.

Each is there, or the sentence that says why it is off. The same for pages, command line and tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from .. import predict, preprocess
from ..datasets import identity
from ..orientations import eight
from ..schema import Checkpoint, CheckpointError, Cutout, ExplorerError, FloatArray, InputError, Prediction
from .applying import Calibrated, apply, choose
from .record import Calibration
from .reference import Reference, Unlike, features

Result = TypeVar("Result")
UNLIKE = 95.0
"""Percentile from which a cutout is called unlike the training data."""
NO_REFERENCE = "Nothing was kept of what its training cutouts look like to it (python -m train reference)."
TOLERANCE = 1e-4
"""Of scores: models whose answer does not depend on orientation differ by rounding."""


@dataclass(frozen=True, eq=False)
class Sure:
    """What is known of one answer; an error, told to the user, in the place of what is off."""

    prediction: Prediction
    calibrated: Calibrated | ExplorerError
    is_matched: bool
    """Do calibrated scores and set speak of the cutout at the beam of the training data?"""
    unlike: Unlike | ExplorerError
    turned: FloatArray | ExplorerError
    """Softmax scores (8, K) of the eight flips and turns."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """One or two a line of the panel; a plain text each."""
        return (*self._probability(), *self._likeness(), self._views())

    def _probability(self) -> tuple[str, str]:
        if isinstance(self.calibrated, ExplorerError):
            return f"Calibrated probability: off. {self.calibrated}", "Prediction set: off, for the same reason."
        found, known = self.calibrated, self.calibrated.calibration
        where = " at the training data's beam" if self.is_matched else ""
        best, held = int(np.argmax(found.scores)), known.covered["all"]
        names = [name for name, count in zip(known.label_names, known.counts, strict=True) if count]
        given = "" if len(names) == len(known.label_names) else f", if it is {' or '.join(names)}"
        return (
            f"Calibrated probability{where}: {found.label_names[best]} {found.scores[best]:.2f}{given}. "
            f"Such numbers were off by {known.after.equal_mass:.3f} on average ({known.words}).",
            f"Prediction set{where}: {found.words}; measured: {held.hits / held.count:.0%} of {held.count:,}"
            + "".join(
                f", {one.hits / one.count:.0%} of {one.count:,} of {one.words(k)}" for k, one in found.alike.items()
            )
            + ".",
        )

    def _likeness(self) -> tuple[str, ...]:
        if isinstance(self.unlike, ExplorerError):
            return (f"Like the training data: off. {self.unlike}",)
        found, share = self.unlike, self.unlike.percentiles["neighbours"]
        kind = "Unlike" if share >= UNLIKE else "Like"
        labels = Counter(one.label for one in found.neighbours).most_common()
        near = ", ".join(f"{label} {count}" for label, count in labels)
        return (
            f"{kind} the training data: {share:.0f} % of {found.held_out:,} held-out cutouts of that set are nearer.",
            f"Labels of the {len(found.neighbours)} nearest training cutouts: {near}.",
        )

    def _views(self) -> str:
        if isinstance(self.turned, ExplorerError):
            return f"Turned and mirrored: off. {self.turned}"
        own = self.prediction.label_names.index(self.prediction.label)
        same, scores = int((self.turned.argmax(axis=1) == own).sum()), self.turned[:, own]
        if np.ptp(scores) < TOLERANCE:
            return f"Turned and mirrored: {self.prediction.label} {scores[0]:.2f} whichever way; the model is built so."
        return (
            f"Turned and mirrored: {self.prediction.label} in {same} of {len(scores)} views, "
            f"score {scores.min():.2f} to {scores.max():.2f}."
        )

    def record(self) -> dict[str, Any]:
        """All of it as JSON values."""
        values: dict[str, Any] = {}
        if isinstance(self.calibrated, ExplorerError):
            values["calibrated"] = {"error": str(self.calibrated)}
        else:
            found = self.calibrated
            values["calibrated"] = {
                "at_training_beam": self.is_matched,
                "probabilities": dict(zip(found.label_names, map(float, found.scores), strict=True)),
                "set": list(found.members),
                "coverage": found.calibration.sets.coverage,
                "calibrated_on": found.calibration.words,
                "measured": {
                    kind: {"hold": one.hits, "of": one.count}
                    for kind, one in {
                        "all": found.calibration.covered["all"],
                        **{one.words(name): one for name, one in found.alike.items()},
                    }.items()
                },
            }
        if isinstance(self.unlike, ExplorerError):
            values["unlike"] = {"error": str(self.unlike)}
        else:
            near = [
                {"name": n.name, "label": n.label, "ra": _known(n.ra), "dec": _known(n.dec), "distance": n.distance}
                for n in self.unlike.neighbours
            ]
            shares = dict(self.unlike.percentiles)
            values["unlike"] = {"percentiles": shares, "held_out": self.unlike.held_out, "neighbours": near}
        if isinstance(self.turned, ExplorerError):
            values["turned"] = {"error": str(self.turned)}
        else:
            own = self.prediction.label_names.index(self.prediction.label)
            scores = self.turned[:, own]
            same = int((self.turned.argmax(axis=1) == own).sum())
            values["turned"] = {"same_label": same, "lowest": float(scores.min()), "highest": float(scores.max())}
        return values


def sure(
    model: nn.Module,
    card: Checkpoint,
    cutout: Cutout,
    prediction: Prediction,
    calibrations: Sequence[Calibration] | ExplorerError,
    reference: Reference | ExplorerError | None,
    matched: Callable[[], tuple[Cutout, Prediction]] | None = None,
    *,
    device: str = "cpu",
) -> Sure:
    """How sure one answer is; ``model`` is in evaluation mode on ``device``.

    ``matched`` gives the cutout at the training data's beam with its answer, and is asked only where nothing is known
    of the cutout as it is; it may raise. One pass of eight views.
    """
    calibrated, is_matched = _calibrated(cutout, prediction, calibrations, matched)
    if prediction.validity.level == "outside":
        off = InputError(prediction.validity.reasons[0])
        return Sure(prediction, calibrated, is_matched, off, off)
    x = preprocess.to_tensor(cutout, card.input_spec).to(device)
    if isinstance(reference, Reference):
        # One pass of all eight views has the features of the first one, too.
        seen = _answer(lambda: features(model, torch.cat(eight(x))))
        if not isinstance(seen, ExplorerError):
            found, logits = seen
            unlike = _answer(lambda: reference.compare(found[0], logits[0], card.label_names))
            turned = torch.softmax(torch.from_numpy(logits[1:]), dim=1).numpy()
            both = np.concatenate([prediction.probabilities[None], turned])
            return Sure(prediction, calibrated, is_matched, unlike, both)
    return Sure(
        prediction,
        calibrated,
        is_matched,
        _unlike(model, card, x, reference),
        _answer(lambda: _turned(model, card, x, prediction)),
    )


def _calibrated(
    cutout: Cutout,
    prediction: Prediction,
    known: Sequence[Calibration] | ExplorerError,
    matched: Callable[[], tuple[Cutout, Prediction]] | None,
) -> tuple[Calibrated | ExplorerError, bool]:
    if isinstance(known, ExplorerError):
        return known, False
    content = identity.content(cutout)
    try:
        return apply(choose(known, cutout, prediction, "as it is"), prediction, content, cutout=cutout), False
    except InputError as error:
        refused = error
    if matched is None or prediction.validity.level == "outside" or all(one.view != "matched" for one in known):
        return refused, False
    try:
        there, said = matched()
        return apply(choose(known, there, said, "matched"), said, content, cutout=cutout), True
    except ExplorerError:
        return refused, False


def _unlike(
    model: nn.Module, card: Checkpoint, x: torch.Tensor, reference: Reference | ExplorerError | None
) -> Unlike | ExplorerError:
    if isinstance(reference, ExplorerError):
        return reference
    if reference is None:
        return CheckpointError(NO_REFERENCE)

    def compared() -> Unlike:
        found, logits = features(model, x)
        return reference.compare(found[0], logits[0], card.label_names)

    return _answer(compared)


def _turned(model: nn.Module, card: Checkpoint, x: torch.Tensor, said: Prediction) -> FloatArray:
    views = torch.cat(eight(x)[1:])  # the first is the answer itself
    with predict.model_errors(card), torch.inference_mode():
        logits = model(views).double().cpu()
    return np.concatenate([said.probabilities[None], torch.softmax(logits, dim=1).numpy()])


def _answer(work: Callable[[], Result]) -> Result | ExplorerError:
    try:
        return work()
    except ExplorerError as error:
        return error


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
