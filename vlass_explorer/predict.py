"""Ask a model about cutouts: the same preprocessing, validity and softmax for the pages and the command line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import match, preprocess, validity
from .foreign import mapped, reason
from .schema import Checkpoint, CheckpointError, Cutout, ExplorerError, InputError, MatchError, Prediction

BATCH_SIZE = 32
Outcome = Prediction | ExplorerError
"""A prediction, or the sentence that says why there is none."""


@dataclass(frozen=True, eq=False)
class Matched:
    """A cutout at the beam of the training data, None where it cannot be matched, and what the model says of it."""

    cutout: Cutout | None
    outcome: Outcome

    def changes(self, native: Outcome) -> bool | None:
        """Does the label differ from that of the cutout as it is? None without one of the two."""
        if isinstance(self.outcome, Prediction) and isinstance(native, Prediction):
            return self.outcome.label != native.label
        return None


def predict(
    model: nn.Module,
    card: Checkpoint,
    cutouts: Sequence[Cutout],
    *,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
) -> list[Prediction]:
    """Softmax scores and validity of each cutout, in order.

    ``model`` is in evaluation mode on ``device``.  Raises InputError for the first cutout that the checkpoint's input
    description refuses (``predict_each`` goes on with the others), CheckpointError where the model refuses them all.
    """
    predictions = []
    for _, outcome in predict_each(model, card, cutouts, batch_size=batch_size, device=device):
        if isinstance(outcome, ExplorerError):
            raise outcome
        predictions.append(outcome)
    return predictions


def predict_each(
    model: nn.Module,
    card: Checkpoint,
    cutouts: Iterable[Cutout],
    *,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
) -> Iterator[tuple[Cutout, Outcome]]:
    """Each cutout with its prediction, or with the error that explains why there is none, in order.

    Works through ``cutouts`` lazily, ``batch_size`` at a time, so that an endless iterator needs little memory.
    """
    batch: list[tuple[Cutout, Tensor | ExplorerError]] = []
    for cutout in cutouts:
        try:
            batch.append((cutout, preprocess.to_tensor(cutout, card.input_spec)))
        except ExplorerError as error:
            batch.append((cutout, error))
        if len(batch) == batch_size:
            yield from _answer(model, card, batch, device)
            batch = []
    yield from _answer(model, card, batch, device)


def predict_both(
    model: nn.Module,
    card: Checkpoint,
    cutouts: Iterable[Cutout],
    *,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
) -> Iterator[tuple[Cutout, Outcome, Matched]]:
    """Each cutout as ``predict_each`` gives it, and at the beam and pixel scale of the checkpoint's training data."""
    refused: deque[MatchError | None] = deque()

    def doubled() -> Iterator[Cutout]:
        for cutout in cutouts:
            try:
                other = match.to_training(cutout, card.input_spec)
            except MatchError as error:
                refused.append(error)
                yield cutout
            else:
                refused.append(None)
                yield from (cutout, other)

    answers = predict_each(model, card, doubled(), batch_size=batch_size, device=device)
    for cutout, outcome in answers:
        error = refused.popleft()
        yield cutout, outcome, Matched(*next(answers)) if error is None else Matched(None, error)


def from_logits(card: Checkpoint, cutout: Cutout, logits: Tensor) -> Prediction:
    """The prediction that logits (K) of a forward pass make, for callers that ran the model themselves.

    Raises InputError where the model overflowed.
    """
    logits = logits.detach().double().cpu()
    if not bool(logits.isfinite().all()):
        raise InputError(f"{card.name} gives no finite score for this image; its pixel values are too extreme.")
    scores = torch.softmax(logits, dim=-1)
    verdict = validity.check(cutout, card.input_spec)
    return Prediction(card.label_names, logits.numpy(), scores.numpy(), verdict)


def model_errors(card: Checkpoint) -> AbstractContextManager[None]:
    """Around a forward pass: CheckpointError where the model refuses what its own input description makes."""
    return mapped(lambda error: _refusal(error, card))


def _refusal(error: Exception, card: Checkpoint) -> CheckpointError:
    spec = card.input_spec
    if isinstance(error, torch.OutOfMemoryError):
        return CheckpointError(f"{card.name} ran out of memory ({reason(error)}): take a smaller batch.")
    return CheckpointError(
        f"{card.name} does not take {spec.in_chans} × {spec.img_size} × {spec.img_size} inputs ({reason(error)}): "
        "its card and its weights do not belong together, copy the folder again."
    )


def _answer(
    model: nn.Module, card: Checkpoint, batch: Sequence[tuple[Cutout, Tensor | ExplorerError]], device: str
) -> Iterator[tuple[Cutout, Outcome]]:
    tensors = [item for _, item in batch if isinstance(item, Tensor)]
    rows: Iterator[Tensor] = iter(())
    if tensors:
        with model_errors(card), torch.inference_mode():
            rows = iter(model(torch.cat(tensors).to(device)).float().cpu())
    for cutout, item in batch:
        if not isinstance(item, Tensor):
            yield cutout, item
            continue
        try:
            yield cutout, from_logits(card, cutout, next(rows))
        except ExplorerError as error:
            yield cutout, error
