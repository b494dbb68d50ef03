"""Ask a model about cutouts: the same preprocessing, validity and softmax for the pages and the command line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from . import match, preprocess, stretches, validity
from .checkpoints import tasks
from .cutouts import declared
from .foreign import mapped, reason
from .schema import (
    Checkpoint,
    CheckpointError,
    Cutout,
    ExplorerError,
    InputError,
    InputSpec,
    MatchError,
    Prediction,
    Validity,
)

BATCH_SIZE = 32
Outcome = Prediction | ExplorerError
"""A prediction, or the sentence that says why there is none."""


@dataclass(frozen=True, eq=False)
class Matched:
    """A cutout at the beam of the training data, None where it cannot be matched, and what the model says of it."""

    cutout: Cutout | None
    outcome: Outcome
    in_beams: Outcome | None = None
    """What the model says of the cutout as it is at the same scale in beams; None where it cannot be matched."""

    def changes(self, native: Outcome) -> bool | None:
        """Does the label differ from that of the cutout as it is? None without one of the two."""
        if isinstance(self.outcome, Prediction) and isinstance(native, Prediction):
            return self.outcome.label != native.label
        return None

    @property
    def agrees(self) -> bool | None:
        """Do the matched cutout and the one at the same scale in beams get one label? None without one of the two."""
        if isinstance(self.outcome, Prediction) and isinstance(self.in_beams, Prediction):
            return self.outcome.label == self.in_beams.label
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
    yield from _each(model, card, ((cutout, card.input_spec) for cutout in cutouts), batch_size, device)


def predict_both(
    model: nn.Module,
    card: Checkpoint,
    cutouts: Iterable[Cutout],
    *,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
) -> Iterator[tuple[Cutout, Outcome, Matched]]:
    """Each cutout as ``predict_each`` gives it, and at the beam and pixel scale of the checkpoint's training data.

    And at the same scale in beams, which is another view of the same sky (``match.in_beams``).
    """
    refused: deque[MatchError | None] = deque()
    spec = card.input_spec

    def trebled() -> Iterator[tuple[Cutout, InputSpec]]:
        for cutout in cutouts:
            try:
                other = match.to_training(cutout, spec)
                beams = match.in_beams(cutout, spec)
            except MatchError as error:
                refused.append(error)
                yield cutout, spec
            else:
                refused.append(None)
                yield from ((cutout, spec), (other, spec), (cutout, beams))

    answers = _each(model, card, trebled(), batch_size, device)
    for cutout, outcome in answers:
        error = refused.popleft()
        if error is not None:
            yield cutout, outcome, Matched(None, error)
        else:
            there, said = next(answers)
            yield cutout, outcome, Matched(there, said, next(answers)[1])


def in_beams(model: nn.Module, card: Checkpoint, cutout: Cutout, *, device: str = "cpu") -> Prediction:
    """The prediction of a cutout at the same scale in beams as the training data; raises MatchError and InputError."""
    spec = match.in_beams(cutout, card.input_spec)
    ((_, outcome),) = _each(model, card, [(cutout, spec)], 1, device)
    if isinstance(outcome, ExplorerError):
        raise outcome
    return outcome


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


def _each(
    model: nn.Module,
    card: Checkpoint,
    cutouts: Iterable[tuple[Cutout, InputSpec]],
    batch_size: int,
    device: str,
) -> Iterator[tuple[Cutout, Outcome]]:
    """Answers of cutouts, each seen as its own input description says, a batch at a time."""
    tasks.require(card, "classification")
    batch: list[tuple[Cutout, Tensor | ExplorerError, dict[str, Tensor]]] = []
    for cutout, spec in cutouts:
        try:
            tried = stretches.tried(cutout) if spec is card.input_spec else {}
            batch.append((cutout, preprocess.to_tensor(cutout, spec), _tensors(tried, spec)))
        except ExplorerError as error:
            batch.append((cutout, error, {}))
        if len(batch) == batch_size:
            yield from _answer(model, card, batch, device)
            batch = []
    yield from _answer(model, card, batch, device)


def _tensors(tried: dict[str, Cutout], spec: InputSpec) -> dict[str, Tensor]:
    """Model inputs of a picture with other stretches undone; none where one of them is refused."""
    try:
        return {name: preprocess.to_tensor(cutout, spec) for name, cutout in tried.items()}
    except InputError:
        return {}


def _answer(
    model: nn.Module,
    card: Checkpoint,
    batch: Sequence[tuple[Cutout, Tensor | ExplorerError, dict[str, Tensor]]],
    device: str,
) -> Iterator[tuple[Cutout, Outcome]]:
    rows = _forward(model, card, [item for _, item, _ in batch if isinstance(item, Tensor)], device)
    # Apart from the others, so that these are computed as they are without any picture in the batch.
    tries = [tensor for _, _, tried in batch for tensor in tried.values()]
    others = iter(
        [
            row
            for at in range(0, len(tries), max(1, len(batch)))
            for row in _forward(model, card, tries[at : at + len(batch)], device)
        ]
    )
    for cutout, item, tried in batch:
        labels = {name: card.label_names[int(next(others).argmax())] for name in tried}
        if not isinstance(item, Tensor):
            yield cutout, item
            continue
        try:
            found = from_logits(card, cutout, next(rows))
        except ExplorerError as error:
            yield cutout, error
            continue
        yield cutout, _with_stretches(found, labels) if labels else found


def _forward(model: nn.Module, card: Checkpoint, tensors: Sequence[Tensor], device: str) -> Iterator[Tensor]:
    """Logits (K) of each model input."""
    if not tensors:
        return iter(())
    with model_errors(card), torch.inference_mode():
        return iter(model(torch.cat(list(tensors)).to(device)).float().cpu())


def _with_stretches(found: Prediction, labels: dict[str, str]) -> Prediction:
    """The prediction of a picture whose validity says what its label is under other stretches."""
    verdict = found.validity
    said = stretches.reason({declared.USUAL[0]: found.label} | labels)
    level = "caution" if verdict.level == "ok" else verdict.level
    return replace(found, validity=Validity(level, (*verdict.reasons, said)))
