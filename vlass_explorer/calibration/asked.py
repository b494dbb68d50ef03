"""Answers of a checkpoint, or of models of other folds, to labelled cutouts that these have not trained on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .. import checkpoints, match, predict, progress, validity
from ..datasets import identity, splits
from ..evaluation import Part, unseen
from ..evaluation.scores import scores
from ..schema import (
    Checkpoint,
    Cutout,
    Cutouts,
    DatasetError,
    ExplorerError,
    FloatArray,
    InputError,
    MatchError,
    Prediction,
    Seen,
)
from . import binned
from .fitting import Answers
from .record import View

LOOKED_AT = 200
"""Cutouts whose validity is asked for, to know what cutouts were calibrated on."""
MEASURED = 5000
"""Cutouts whose S/N and angular size are measured, chosen at random."""


def held_out(
    card: Checkpoint, part: Part, *, view: View = "as it is", leave_out: bool = False, device: str = "cpu"
) -> tuple[Answers, Cutouts]:
    """Answers of a checkpoint to the cutouts of a part, and what these are; reports progress.

    Raises InputError where it has trained on one of them or was selected on it, naming how many; with ``leave_out``
    those are left out instead. Cutouts that cannot be read, or brought to the training data's beam, are left out with
    a note. Raises DatasetError where none is left.
    """
    images = part.images(card)
    seen = checkpoints.seen(card)
    known = _known(seen, images.cutouts)
    if known.any() and not leave_out:
        told = unseen.count(seen, images.cutouts)
        raise InputError(
            f"{card.name} has trained on {told.trained:,} of these {len(known):,} cutouts and was selected on "
            f"{told.selected:,}: what is fitted to them is too sure of itself. Leave them out, or take cutouts that it "
            "has not seen."
        )
    kept = replace(part, indices=tuple(np.array(images.indices)[~known].tolist()))
    notes = [f"{int(known.sum()):,} cutouts that it has seen are left out."] if known.any() else []
    if seen is None or seen.unlisted:
        notes.append("Whether it has seen some of these cutouts is unknown: its card does not list all that it has.")
    if not kept.indices:
        raise DatasetError(f"{card.name} has seen all {len(known):,} cutouts: nothing is left to calibrate on.")
    found, cutouts = _answers(card, kept, view, device)
    if nowhere := int((~np.isfinite(cutouts.places).all(axis=1)).sum()):
        notes.append(
            f"{nowhere:,} cutouts have no position: whether their sources were trained on as other images is unknown."
        )
    return replace(found, notes=(*notes, *found.notes)), cutouts


def out_of_fold(
    card: Checkpoint, others: Sequence[Checkpoint], part: Part, *, device: str = "cpu"
) -> tuple[Answers, Cutouts]:
    """Answers to the cutouts of a part, each by that one of ``others`` that has not trained on it; reports progress.

    They stand for ``card`` where they are of one recipe: same architecture, input and classes. An epoch that was chosen
    on a fold makes its answers too sure, so that only last epochs are taken. Raises InputError otherwise.
    """
    for other in others:
        if _recipe(other) != _recipe(card):
            raise InputError(
                f"{other.name} is no {card.name} of another fold: recipe, architecture, input or classes differ."
            )
        if not (other.provenance.selected_on or "").startswith("the last epoch was kept"):
            raise InputError(f"{other.name} kept an epoch that was chosen on its fold: train the folds with keep=last.")
    whole = part.images(card)
    free = np.ones(len(whole), bool)
    answers, cutouts, groups = [], [], []
    for number, other in enumerate(others):
        seen = checkpoints.seen(other)
        if seen is None:
            raise InputError(f"The card of {other.name} does not list what it was trained on.")
        own = free & ~unseen.marks(seen, whole.cutouts)[0]["train"]
        free &= ~own
        if own.any():
            with progress.part(number, len(others)):
                indices = tuple(np.array(whole.indices)[own].tolist())
                found, known = _answers(other, replace(part, indices=indices), "as it is", device)
            answers.append(found)
            cutouts.append(known)
            groups.append(np.full(len(found.labels), number))
    if not answers:
        raise DatasetError("Every one of these models has trained on every cutout: give models of other folds.")
    notes = [f"{int(free.sum()):,} cutouts were trained on by every model and are left out."] if free.any() else []
    pooled = replace(
        answers[0],
        scores=np.concatenate([one.scores for one in answers]),
        labels=np.concatenate([one.labels for one in answers]),
        quantities={name: np.concatenate([one.quantities[name] for one in answers]) for name in answers[0].quantities},
        contents=tuple(content for one in answers for content in one.contents),
        how=f"out of fold: each scored by that one of {len(answers)} models of the same recipe that had not trained on "
        "it; their last epochs were kept, whatever they said of it",
        groups=np.concatenate(groups),
        notes=tuple(dict.fromkeys([*notes, *(note for one in answers for note in one.notes)])),
    )
    content = np.concatenate([one.content for one in cutouts])
    return pooled, Cutouts(content, np.concatenate([one.places for one in cutouts]))


def _recipe(card: Checkpoint) -> tuple[object, ...]:
    """What models of all folds share; mean and standard deviation are of each one's own training part."""
    spec = replace(card.input_spec, mean=(0.0,), std=(1.0,))
    known = card.provenance
    return known.recipe, bool(known.teacher or known.teachers), card.architecture, card.label_names, spec


def bare(reason: str) -> str:
    """A reason of validity without its digits, by which cutouts of one kind are told."""
    return re.sub(r"\d+(?:\.\d+)?", "#", reason)


def _known(seen: Seen | None, cutouts: Cutouts) -> NDArray[np.bool_]:
    """Which cutouts (N,) were trained or selected on; those calibrated on before may be calibrated on again."""
    if seen is None:
        return np.zeros(len(cutouts), bool)
    masks, _ = unseen.marks(seen, cutouts)
    return np.asarray(masks["train"] | masks["selected"])


def _answers(card: Checkpoint, part: Part, view: View, device: str) -> tuple[Answers, Cutouts]:
    model = checkpoints.load(card, device)
    words = str(part.data_set.title) if part.name in ("all", "chosen") else f"{part.data_set.title}, {part}"
    if view == "matched":
        return _matched(card, part, words, device)
    images = part.images(card)
    found = scores(model, images, device=device).numpy()
    finite = np.isfinite(found).all(axis=1)
    if not finite.any():
        raise DatasetError(f"{card.name} gives no finite score for any of these cutouts.")
    kept = np.array(images.indices)[finite]
    chosen = np.random.default_rng(0).permutation(images.indices)[:LOOKED_AT]
    read = [part.data_set.items[index].read() for index in chosen.tolist()]
    notes = [f"{len(images.unreadable):,} cutouts cannot be read."] if images.unreadable else []
    notes += [f"{int((~finite).sum()):,} cutouts have no finite score."] if not finite.all() else []
    answers = Answers(
        found[finite],
        images.labels.numpy()[finite],
        tuple(images.cutouts.content[finite].tolist()),
        card.label_names,
        words,
        survey=_shared(one.origin.survey for one in read),
        groups=_fields(part, kept),
        conditions=_conditions([validity.check(one, card.input_spec).reasons for one in read]),
        quantities=_quantities(part, kept),
        notes=tuple(notes),
    )
    return answers, Cutouts(images.cutouts.content[finite], images.cutouts.places[finite])


def _matched(card: Checkpoint, part: Part, words: str, device: str) -> tuple[Answers, Cutouts]:
    """Each cutout at the beam and pixels of the training data, as pages and predict match it."""
    model, failed = checkpoints.load(card, device), Counter[str]()
    asked: list[tuple[int, str, tuple[float, float] | None, str | None]] = []

    def matched() -> Iterator[Cutout]:
        for number, index in enumerate(part.indices, 1):
            progress.report(number, len(part.indices))
            try:
                native = part.data_set.items[index].read()
                there = match.to_training(native, card.input_spec)
            except (DatasetError, MatchError) as error:
                failed[bare(str(error))] += 1
                continue
            asked.append((index, identity.content(native), identity.centre(native), native.origin.survey))
            yield there

    rows, labels, contents, places, reasons, kept = [], [], [], [], [], []
    for number, (_, outcome) in enumerate(predict.predict_each(model, card, matched(), device=device)):
        index, content, centre, _ = asked[number]
        if not isinstance(outcome, Prediction):
            failed[str(outcome)] += 1
            continue
        item = part.data_set.items[index]
        rows.append(outcome.probabilities)
        labels.append(item.label)
        contents.append(content)
        places.append((item.ra, item.dec) if item.ra is not None else centre or (np.nan, np.nan))
        reasons.append(outcome.validity.reasons)
        kept.append(index)
    if not rows:
        raise DatasetError(
            f"No cutout can be brought to the beam of the training data: {next(iter(failed), 'none')} What files do "
            "not say, a dataset.yaml beside them may declare: beam_arcsec, pixel_scale_arcsec, stretch, survey."
        )
    notes = tuple(f"{count:,} cutouts left out: {why}" for why, count in failed.most_common(3))
    answers = Answers(
        np.array(rows),
        np.array(labels),
        tuple(contents),
        card.label_names,
        words,
        view="matched",
        survey=_shared(survey for *_, survey in asked),
        groups=_fields(part, np.array(kept)),
        conditions=_conditions(reasons),
        quantities=_quantities(part, np.array(kept)),
        notes=notes,
    )
    return answers, Cutouts(np.array(contents, "U16"), np.array(places, float).reshape(-1, 2))


def _shared(surveys: Iterable[str | None]) -> str | None:
    """The survey of all; None where there are several or one is not known."""
    found = set(surveys)
    return found.pop() if len(found) == 1 else None


def _conditions(reasons: Iterable[Sequence[str]]) -> Mapping[str, float]:
    """Reason without digits -> share of cutouts that had it."""
    each = [set(map(bare, some)) for some in reasons]
    counts = Counter(reason for some in each for reason in some)
    return {reason: count / len(each) for reason, count in sorted(counts.items())}


def _quantities(part: Part, indices: NDArray[np.int64]) -> Mapping[str, FloatArray]:
    """S/N and angular size (N,) of cutouts as they are; reports progress."""
    wanted = set(np.random.default_rng(0).permutation(indices)[:MEASURED].tolist())
    unknown = dict.fromkeys((binned.SNR, binned.SIZE), np.nan)
    scale, rows = part.data_set.pixel_scale_arcsec, []
    for number, index in enumerate(indices.tolist(), 1):
        progress.report(number, len(indices))
        rows.append(binned.quantities(part.data_set.items[index].read(), scale) if index in wanted else unknown)
    return binned.table(rows)


def _fields(part: Part, indices: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Number (N,) of the field of the sky of each cutout; None where positions are unknown."""
    try:
        return splits.groups([part.data_set.items[index] for index in indices.tolist()])
    except ExplorerError:
        return None
