"""A blind sample of a finished table for a person to label, and what its labels say: purity and completeness by class.

The sample is stratified by the label that was given: every class gets as many rows, so that a rare one is judged, too.
The person sees files and places in random order and neither label nor score. Purity of a class is the share of the rows
called so that are of it; completeness the share of its sources that are called so, for which each stratum counts as
often as it stands in the table. Intervals of 95 % come from draws of each stratum's true classes (a Dirichlet of the
labels with one count shared by all classes, after Perks), and of the rows that were not looked at.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..schema import CatalogueError, Row

COLUMNS = ("id", "name", "ra", "dec", "label")
LEVEL, DRAWS = 0.95, 4000
NONE = "other"
"""What a person writes where a source is of none of the classes."""


@dataclass(frozen=True)
class Share:
    """A share with its interval of 95 %; all None where no row says anything of it."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Audited:
    """What an audit says of a class."""

    label: str
    called: int
    """Rows of the table that were called so."""
    looked_at: int
    purity: Share
    completeness: Share


def strata(rows: Sequence[Row], checkpoint: str) -> dict[str, list[Row]]:
    """Rows of one checkpoint by the label given, without those that have none or are ``outside``, labels in order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.checkpoint == checkpoint and row.label and row.validity != "outside":
            found.setdefault(row.label, []).append(row)
    if not found:
        raise CatalogueError(f"The table holds no valid answer of {checkpoint}.")
    return {label: found[label] for label in sorted(found)}


def drawn(rows: Sequence[Row], checkpoint: str, count: int, seed: int = 0) -> list[Row]:
    """About ``count`` rows, as many of each label as there are or the sample allows, in random order."""
    groups = strata(rows, checkpoint)
    random = np.random.default_rng(seed)
    left, chosen = count, []
    for place, group in enumerate(sorted(groups.values(), key=len)):  # what a small one leaves goes to the others
        size = min(len(group), -(-left // (len(groups) - place)))
        chosen += [group[index] for index in random.choice(len(group), size, replace=False)]
        left -= size
    return [chosen[index] for index in random.permutation(len(chosen))]


def sheet(rows: Sequence[Row]) -> str:
    """The sample as CSV with an empty column for the label that a person gives."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((row.id, row.name or "", *_place(row), "") for row in rows)
    return stream.getvalue()


def _place(row: Row) -> tuple[str, str]:
    return ("", "") if row.ra is None or row.dec is None else (f"{row.ra:.6f}", f"{row.dec:.6f}")


def labels(text: str, classes: Sequence[str]) -> dict[str, str]:
    """Identifier → label of a sheet that was filled in; rows left empty are left out.

    Raises CatalogueError for a sheet without its columns, a class that is none, an identifier twice, or no label.
    """
    found: dict[str, str] = {}
    table = csv.DictReader(io.StringIO(text))
    if not {"id", "label"} <= set(table.fieldnames or ()):
        raise CatalogueError("The sheet has no columns id and label: fill in the one that audit wrote.")
    for row in table:
        label, name = (row["label"] or "").strip(), row["id"] or ""
        if not label:
            continue
        if label not in (*classes, NONE):
            raise CatalogueError(f"{label[:40]!r} is no class: write one of {', '.join(classes)}, or {NONE}.")
        if name in found:
            raise CatalogueError(f"{name[:80]!r} stands twice in the sheet: leave one of the two.")
        found[name] = label
    if not found:
        raise CatalogueError("The sheet has no label yet: fill in its last column.")
    return found


def judged(
    rows: Sequence[Row], checkpoint: str, given: Mapping[str, str], classes: Sequence[str], seed: int = 0
) -> list[Audited]:
    """Purity and completeness of each class by the labels ``given``; raises CatalogueError for a row of no table."""
    groups = strata(rows, checkpoint)
    called = {row.id: label for label, group in groups.items() for row in group}
    if strange := [name for name in given if name not in called]:
        raise CatalogueError(f"{strange[0][:80]!r} is no row of the table with a valid answer of {checkpoint}.")
    truths = (*classes, NONE)
    seen = np.zeros((len(classes), len(truths)))
    for name, label in given.items():
        seen[classes.index(called[name]), truths.index(label)] += 1
    totals = np.array([len(groups.get(label, ())) for label in classes], np.float64)
    random = np.random.default_rng(seed)
    shares = random.standard_gamma(seen + 1.0 / len(truths), (DRAWS, *seen.shape))
    shares /= shares.sum(axis=2, keepdims=True)
    # What was looked at is known; of the rest there are draws.
    rest = np.maximum(totals - seen.sum(axis=1), 0.0).astype(np.int64)
    counts = seen + random.multinomial(rest, shares)
    best = seen / np.maximum(seen.sum(axis=1), 1.0)[:, None] * totals[:, None]
    return [_audited(place, label, classes, totals, seen, counts, best) for place, label in enumerate(classes)]


def _audited(
    place: int,
    label: str,
    classes: Sequence[str],
    totals: NDArray[np.float64],
    seen: NDArray[np.float64],
    counts: NDArray[np.float64],
    best: NDArray[np.float64],
) -> Audited:
    looked = int(seen[place].sum())
    nothing = Share(None, None, None)
    purity = complete = nothing
    if totals[place] and looked:
        purity = _share(best[place, place] / totals[place], counts[:, place, place] / totals[place])
    # A stratum that nobody looked at may hold anything.
    if best[:, place].sum() and not (totals[seen.sum(axis=1) == 0] > 0).any():
        whole = np.maximum(counts[:, :, place].sum(axis=1), 1.0)
        complete = _share(best[place, place] / best[:, place].sum(), counts[:, place, place] / whole)
    return Audited(label, int(totals[place]), looked, purity, complete)


def _share(value: float, draws: NDArray[np.float64]) -> Share:
    low, high = np.quantile(draws, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return Share(float(value), float(min(low, value)), float(max(high, value)))
