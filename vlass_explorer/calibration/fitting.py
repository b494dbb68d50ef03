"""From scores of labelled cutouts to a Calibration: fitted to all of them, measured on each fifth by the other four."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..schema import FloatArray, InputError
from . import binned, errors
from .binned import Covered
from .conformal import Method, Sets, randomness
from .record import Calibration, Errors, View
from .temperature import ENOUGH, Temperature, fit

PARTS = 5
ONE_FIELD = (
    "The cutouts lie in too few fields of the sky to keep neighbours together: those fitted to and those measured may "
    "show the same sky, which flatters what is measured."
)
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class Answers:
    """Softmax scores (N, K) of labelled cutouts that decided nothing about the model, and what is known of these."""

    scores: FloatArray
    labels: NDArray[np.int64]
    contents: tuple[str, ...]
    """Content hash (N,) of each."""
    label_names: tuple[str, ...]
    data: str
    how: str = "scored by the checkpoint, which has seen none of these images"
    view: View = "as it is"
    survey: str | None = None
    groups: NDArray[np.int64] | None = None
    """Cutouts (N,) of one number stay together when parts are told apart: one field of the sky."""
    conditions: Mapping[str, float] = field(default_factory=dict)
    quantities: Mapping[str, FloatArray] = field(default_factory=dict)
    """S/N and angular size (N,) of the cutouts, NaN where they cannot be known: see ``binned``."""
    notes: tuple[str, ...] = ()


def calibrate(
    answers: Answers, *, coverage: float = 0.9, method: Method = "aps", bias: bool = False, seed: int = 0
) -> Calibration:
    """Temperature and prediction sets fitted to all answers, with what they reach on cutouts not fitted to.

    That is measured five times: fitted to four fifths (class by class as many), judged on the fifth. Sets are those of
    the calibrated scores. Raises InputError as ``temperature.fit``, and where a class has fewer cutouts than parts.
    """
    logits, labels = np.log(answers.scores.clip(min=TINY)), answers.labels
    random = randomness(answers.contents)
    counts = np.bincount(labels, minlength=len(answers.label_names))
    if rare := [n for n, k in zip(answers.label_names, counts, strict=True) if 0 < k < PARTS]:
        raise InputError(f"{', '.join(rare)} has fewer than {PARTS} labelled cutouts: give more, or leave it out.")

    def fitted(rows: NDArray[np.bool_]) -> tuple[Temperature, Sets]:
        temperature = fit(logits[rows], labels[rows], bias=bias, seed=seed)
        found = temperature.scores(logits[rows])
        return temperature, Sets.fit(found, labels[rows], coverage=coverage, method=method, random=random[rows])

    calibrated, inside = np.empty_like(logits), np.empty(logits.shape, bool)
    part, is_few = _parts(labels, answers.groups, seed)
    for number in range(PARTS):
        held = part == number
        temperature, sets = fitted(~held)
        calibrated[held] = temperature.scores(logits[held])
        inside[held] = sets.members(calibrated[held], random[held])
    temperature, sets = fitted(np.ones(len(labels), bool))
    hits, sizes = inside[np.arange(len(labels)), labels], inside.sum(axis=1)
    covered = {"all": Covered(int(hits.sum()), len(hits), float(sizes.mean()))}
    for k, name in enumerate(answers.label_names):
        own = labels == k
        if own.any():
            covered[name] = Covered(int(hits[own].sum()), int(own.sum()), float(sizes[own].mean()))
    kinds = {name: binned.covered(values, hits, sizes) for name, values in answers.quantities.items()}
    notes = [*answers.notes, *temperature.notes, *([ONE_FIELD] if is_few else [])]
    if absent := [name for name, count in zip(answers.label_names, counts, strict=True) if not count]:
        notes.append(f"No {' and no '.join(absent)} among the cutouts: it holds for sources of the other classes only.")
    if few := [name for name, count in zip(answers.label_names, counts, strict=True) if 0 < count < ENOUGH]:
        notes.append(f"Fewer than {ENOUGH} cutouts: {', '.join(few)}. Nothing is claimed of these classes alone.")
    return Calibration(
        view=answers.view,
        survey=answers.survey,
        data=answers.data,
        how=answers.how,
        label_names=answers.label_names,
        counts=tuple(int(count) for count in counts),
        temperature=temperature,
        sets=sets,
        before=_errors(labels, answers.scores, seed),
        after=_errors(labels, calibrated, seed),
        covered=covered,
        binned={name: bins for name, bins in kinds.items() if bins},
        conditions=dict(answers.conditions),
        notes=tuple(notes),
    )


def _errors(labels: NDArray[np.int64], scores: FloatArray, seed: int) -> Errors:
    return Errors(
        errors.calibration_error(labels, scores),
        errors.calibration_error(labels, scores, binning="equal width"),
        errors.null_band(scores, seed=seed)[1],
        errors.brier_parts(labels, scores).score,
        float(-np.log(scores[np.arange(len(labels)), labels].clip(min=TINY)).mean()),
    )


def _parts(labels: NDArray[np.int64], groups: NDArray[np.int64] | None, seed: int) -> tuple[NDArray[np.int64], bool]:
    """Part (N,) of each cutout: the given groups of the sky dealt out, or class by class at random.

    Is True where the groups are so few that what is left without one of them has one class at most: they are then not
    kept together.
    """
    random = np.random.default_rng(seed)
    if groups is not None:
        known: Sequence[int] = np.unique(groups).tolist()
        dealt = dict(zip(random.permutation(known).tolist(), np.arange(len(known)) % PARTS, strict=True))
        part = np.array([dealt[group] for group in groups.tolist()])
        if all(len(np.unique(labels[part != number])) > 1 for number in np.unique(part)):
            return part, False
    part = np.empty(len(labels), np.int64)
    for k in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == k))
        part[rows] = np.arange(len(rows)) % PARTS
    return part, groups is not None
