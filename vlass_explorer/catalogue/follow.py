"""Rows of a classification as far as they are answered, from its parts: to look at while it runs, and after it.

Each look reads only the files that are new. Rows are in the order of their ids until the table is merged, and of what a
part holds only the columns ``SHOWN`` stay in memory; ``full`` reads the others of a few rows.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute

from ..schema import CatalogueError
from ..schema.columns import Cell
from . import merge, parts, plan
from .plan import Input, Plan

SHOWN = (
    "id",
    "name",
    "checkpoint",
    "label",
    "score",
    "validity",
    "matched_label",
    "matched_score",
    "matched_validity",
    "snr",
    "flux",
    "ra",
    "dec",
    "error",
    "not_matched",
)
VIEWED = ("label", "score", "validity")
"""Columns that there are of the image as it is, and of the matched one (``matched_``)."""
MOST = 100_000
"""Rows that are taken out with all their columns at a time, which are in memory then."""


@dataclass(frozen=True)
class Filter:
    """Which rows to look at; what is empty or None asks for nothing."""

    checkpoint: str = ""
    labels: tuple[str, ...] = ()
    validities: tuple[str, ...] = ()
    scores: tuple[float, float] = (0.0, 1.0)
    snr: float = 0.0
    """Least S/N; rows without one are kept only where this is 0."""
    failed: bool | None = None
    """Only rows with an error, or only those without."""


class Answers:
    """What a folder has answered; several threads may share one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._parts: dict[tuple[str, int, int], pa.Table] = {}
        self._table = _EMPTY

    def update(self) -> tuple[Plan | None, pa.Table]:
        """The plan, None before it is made, and the rows (columns ``SHOWN``) that are answered by now."""
        with self._lock:
            if not (self.folder / plan.MANIFEST).exists():
                return None, _EMPTY
            made = plan.read(self.folder)
            found = _files(made)
            if found.keys() != self._parts.keys():
                known = {key: self._parts[key] for key in found.keys() & self._parts.keys()}
                for key in found.keys() - known.keys():
                    if (rows := parts.rows(made, found[key], SHOWN)) is not None:
                        known[key] = rows
                # A group may have been joined, and taken away, between the look at the folder and at its file.
                self._parts = known
                self._table = _ordered(pa.concat_tables([_EMPTY, *known.values()]))
            return made, self._table


def chosen(table: pa.Table, by: Filter) -> pa.Table:
    """The rows of a table of ``SHOWN`` that a filter lets through."""
    keep = np.ones(table.num_rows, bool)
    failed = texts(table, "error") != ""
    if by.checkpoint:
        keep &= texts(table, "checkpoint") == by.checkpoint
    if by.labels:
        keep &= np.isin(texts(table, "label"), by.labels)
    if by.validities:
        keep &= np.isin(texts(table, "validity"), by.validities)
    if by.scores != (0.0, 1.0):
        keep &= _between(numbers(table, "score"), *by.scores)
    if by.snr > 0:
        keep &= _between(numbers(table, "snr"), by.snr, np.inf)
    if by.failed is not None:
        keep &= failed == by.failed
    return table.filter(pa.array(keep))


def matched(table: pa.Table) -> pa.Table:
    """A table of ``SHOWN`` whose label, score and validity are those at the beam of the training data.

    Where an image could not be brought to it, its error says so.
    """
    for name in VIEWED:
        table = table.set_column(table.column_names.index(name), name, table[f"matched_{name}"])
    error = compute.if_else(pa.array(texts(table, "error") != ""), table["error"], table["not_matched"])
    return table.set_column(table.column_names.index("error"), "error", error)


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column of numbers as float64 (N,), NaN where it has none."""
    return np.asarray(compute.fill_null(table[name].cast(pa.float64()), np.nan).to_numpy())


def texts(table: pa.Table, name: str) -> np.ndarray:
    """A column of texts (N,), empty where it has none."""
    return np.asarray(compute.fill_null(table[name], "").to_numpy(zero_copy_only=False), dtype=object)


def full(made: Plan, rows: pa.Table) -> list[tuple[Cell, ...]]:
    """All columns of the plan for these rows, as the formats of ``export.tables`` take them, in this order.

    Raises CatalogueError for more than ``MOST``, and where a part went away meanwhile.
    """
    if rows.num_rows > MOST:
        raise CatalogueError(
            f"These are {rows.num_rows:,} rows; {MOST:,} are taken out at a time: filter them, or use the whole table."
        )
    wanted = {key: place for place, key in enumerate(zip(*(rows[n].to_pylist() for n in KEYS), strict=True))}
    names = [column.name for column in made.columns]
    cells: dict[int, tuple[Cell, ...]] = {}
    for path in _files(made).values():
        part = parts.rows(made, path, names)
        if part is None:
            continue
        part = part.filter(compute.is_in(part["id"], value_set=rows["id"].combine_chunks()))
        places = [wanted.get(key) for key in zip(*(part[n].to_pylist() for n in KEYS), strict=True)]
        cells |= {place: row for place, row in zip(places, merge.cells(part), strict=True) if place is not None}
    if len(cells) < rows.num_rows:
        raise CatalogueError("Some of these rows are being written anew: try again in a moment.")
    return [cells[place] for place in range(rows.num_rows)]


KEYS = ("id", "checkpoint")


def asked(made: Plan, id: str) -> Input:
    """The input of a row; raises CatalogueError for an id that the plan does not hold."""
    found = [one for _, one in made.inputs(plan.shard_of(id, made.shards)) if one.id == id]
    if not found:
        raise CatalogueError(f"{made.folder} was not asked for {id}.")
    return found[0]


def _files(made: Plan) -> dict[tuple[str, int, int], Path]:
    """Name, size and time of each part that is there; a joined one stands for its groups."""
    found = {}
    for path in sorted((made.folder / "parts").glob("[0-9]*.parquet")):
        try:
            told = path.stat()
        except FileNotFoundError:
            continue
        whole = path.name.partition(".")[0] + ".parquet"
        if path.name == whole or not path.with_name(whole).exists():
            found[path.name, told.st_size, told.st_mtime_ns] = path
    return found


def _ordered(table: pa.Table) -> pa.Table:
    return table.sort_by([("id", "ascending"), ("checkpoint", "ascending")]).combine_chunks()


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.isfinite(values) & (values >= low) & (values <= high)


_NUMBERS = ("score", "matched_score", "snr", "flux", "ra", "dec")
_EMPTY = pa.schema([(name, pa.float64() if name in _NUMBERS else pa.string()) for name in SHOWN]).empty_table()
