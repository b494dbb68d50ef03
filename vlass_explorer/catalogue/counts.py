"""How many sources of each class a survey holds, from the labels that a checkpoint gave and how it errs.

Counting labels is biased wherever classes are mixed otherwise than where the checkpoint was tried: of 1,000 compact
sources a few are called bent, and in a survey with few bent ones they are most of them. The confusion of the
checkpoint's held-out part says how each class is called; what classes the survey must hold to be called as it was
follows (Forman 2008, Data Min. Knowl. Disc. 17, 164), by Gibbs sampling of the true classes of the rows, the survey's
fractions and the confusion together, so that the intervals hold the scatter of a small held-out part.

It rests on one assumption, which is said: within a class, the survey's sources are called as the held-out ones were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from ..foreign import mapped, reason
from ..schema import CatalogueError, Checkpoint, TableError
from . import sources

CHAINS, BURN, KEPT = 64, 500, 250
DRAWN = 0.97
"""Share of the draws that an interval of 95 % holds: the middle 95 % of them hold 89 to 99 % of simulated truths, as a
held-out part of 50 to 200 of each class is small (benchmarks/corrected_counts.py)."""
FEW = 0.5
"""Counts added to each class and each cell of the confusion: little, and nothing is impossible (Jeffreys)."""
ASSUMED = (
    "Within a class, sources are taken to be called as those of the held-out part were; scores are not used, as they "
    "are not calibrated."
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """A class in a survey."""

    label: str
    called: int
    """Rows that were called so."""
    count: float
    """Median of how many there are."""
    low: float
    high: float
    """Interval of 95 %."""


def confusion(card: Checkpoint) -> Ints:
    """Counts (true class, label given) of the checkpoint's held-out part; raises CatalogueError where it has none."""
    part = card.reports.validation
    table = None if part is None else part.table.get("confusion")
    size = len(card.label_names)
    try:
        found = np.array(table, np.int64)
    except (TypeError, ValueError):
        found = np.zeros((0, 0), np.int64)
    if found.shape != (size, size) or (found < 0).any() or not found.sum(axis=1).all():
        raise CatalogueError(
            f"{card.name} has no confusion of a held-out part on its card, so its labels cannot be corrected."
        )
    return found


def corrected(
    label_names: Sequence[str],
    called: Mapping[str, int],
    confusion: Ints,
    prior: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
) -> list[Counted]:
    """How many of each class there are, by how many rows were ``called`` each label.

    ``prior`` are fractions of the classes that are known; None estimates them. Raises CatalogueError for fractions
    that are none of these classes.
    """
    fractions = None if prior is None else _fractions(label_names, prior)
    given = np.array([[called.get(label, 0) for label in label_names]], np.int64)
    drawn = sample(given, confusion[None], fractions, seed=seed)[0]
    edges = interval(drawn)
    return [
        Counted(label, int(given[0, place]), *map(float, (edges[1, place], edges[0, place], edges[2, place])))
        for place, label in enumerate(label_names)
    ]


def sample(
    called: Ints, confusion: Ints, fractions: Floats | None = None, *, chains: int = CHAINS, seed: int = 0
) -> Ints:
    """Draws (survey, draw, class) of how many of each class surveys hold.

    ``called`` (survey, label) are numbers of labels, ``confusion`` (survey, true, label) those of the held-out part.
    """
    random = np.random.default_rng(seed)
    surveys, size = called.shape
    held = np.repeat(confusion, chains, axis=0).astype(np.float64) + FEW
    rows = np.repeat(called, chains, axis=0)
    share = np.full((len(rows), size), 1.0 / size) if fractions is None else np.tile(fractions, (len(rows), 1))
    errs = _dirichlet(random, held)
    kept = np.zeros((KEPT, len(rows), size), np.int64)
    for turn in range(BURN + KEPT):
        chance = np.moveaxis(share[:, :, None] * errs, 1, 2)  # (chain, label, true)
        chance /= chance.sum(axis=2, keepdims=True)
        true = random.multinomial(rows, chance)  # of the rows with each label, how many are of each class
        counts = true.sum(axis=1)
        if turn >= BURN:
            kept[turn - BURN] = counts
        if fractions is None:
            share = _dirichlet(random, counts + FEW)
        errs = _dirichlet(random, held + np.moveaxis(true, 1, 2))
    return np.moveaxis(kept.reshape(KEPT, surveys, chains, size), 1, 0).reshape(surveys, KEPT * chains, size)


def interval(drawn: Ints) -> Floats:
    """Lower edge, median and upper edge (3, class) of draws (draw, class)."""
    return np.asarray(np.quantile(drawn, [(1.0 - DRAWN) / 2.0, 0.5, (1.0 + DRAWN) / 2.0], axis=0))


def _dirichlet(random: np.random.Generator, counts: Floats) -> Floats:
    drawn = np.maximum(random.standard_gamma(counts), 1e-300)
    return np.asarray(drawn / drawn.sum(axis=-1, keepdims=True))


def _fractions(label_names: Sequence[str], prior: Mapping[str, float]) -> Floats:
    if set(prior) != set(label_names):
        raise CatalogueError(f"Give a fraction for each of {', '.join(label_names)}, and for no other class.")
    found = np.array([prior[label] for label in label_names], np.float64)
    if not np.isfinite(found).all() or (found < 0).any() or abs(found.sum() - 1.0) > 0.01:
        raise CatalogueError(f"Fractions of classes are 0 or more and add up to 1, not to {found.sum():g}.")
    return np.asarray(found / found.sum())


def of_table(table: Path, checkpoint: str) -> tuple[dict[str, int], int]:
    """Label → rows that one checkpoint called so, and rows left out: without an answer, or ``outside``.

    Of a table of sources (``sources.write``) the matched label counts where it is the answer. Raises TableError.
    """
    needed = ["checkpoint", "label", "validity", "matched_label", "matched_validity"]
    with mapped(lambda error: TableError(f"{table} cannot be read as a Parquet table ({reason(error)}).")):
        names = parquet.read_schema(table).names
        if missing := [name for name in needed if name not in names]:
            raise TableError(f"{table} lacks the column {missing[0]}: it is no table that this program wrote.")
        columns = [*needed, *([sources.ANSWER] if sources.ANSWER in names else [])]
        found = parquet.read_table(table, columns=columns, filters=[("checkpoint", "==", checkpoint)]).to_pydict()
    views = found.get(sources.ANSWER, ["native"] * len(found["label"]))
    called: dict[str, int] = {}
    for place, view in enumerate(views):
        ahead = "matched_" if view == "matched" else ""
        label = found[f"{ahead}label"][place]
        if label and found[f"{ahead}validity"][place] != "outside":
            called[label] = called.get(label, 0) + 1
    return called, len(views) - sum(called.values())
