"""How sure many answers of one checkpoint are: what is kept with it is read once, for command line and catalogues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from .. import match, predict
from ..schema import Checkpoint, Cutout, ExplorerError, Prediction
from .record import read
from .reference import read_reference
from .sure import Sure, sure

Asking = Callable[[Cutout, Prediction, predict.Matched | None], Sure]
"""From a cutout, its answer and that at the beam of the training data, None where not asked for, to how sure it is."""


def asking(model: nn.Module, card: Checkpoint, *, device: str = "cpu") -> Asking:
    """A function that says how sure an answer of this model is; the model is in evaluation mode on ``device``.

    A calibration or reference that cannot be read is said in every answer. The cutout at the beam of the training data
    is made and asked about only where nothing is known of it as it is and nobody gives that answer.
    """
    known, near = _or_error(read, card), _or_error(read_reference, card)

    def ask(cutout: Cutout, prediction: Prediction, matched: predict.Matched | None = None) -> Sure:
        def at_training_beam() -> tuple[Cutout, Prediction]:
            if matched is not None and matched.cutout is not None and isinstance(matched.outcome, Prediction):
                return matched.cutout, matched.outcome
            there = match.to_training(cutout, card.input_spec)
            return there, predict.predict(model, card, [there], device=device)[0]

        return sure(model, card, cutout, prediction, known, near, at_training_beam, device=device)

    return ask


def _or_error(read: Callable[[Checkpoint], Any], card: Checkpoint) -> Any:
    """What is kept with a checkpoint, or the error that says why it cannot be read."""
    try:
        return read(card)
    except ExplorerError as error:
        return error
