"""Parts of a plan → one table in the order of the inputs, and the proof that it holds every input once.

However many rows there are, few of them are in memory: the rows of a shard are in order, so the table is made window by
window, each from a slice of every part.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from ..export.tables import check_target, fits_file, parquet_file, votable_rows
from ..foreign import reason
from ..schema import CatalogueError, TableError
from ..schema.columns import Cell
from . import parts
from .plan import Plan

WINDOW = 20_000
"""Inputs whose rows are in memory at a time."""
MOST_FITS = 200_000
"""Rows of a FITS table, whose columns are as wide as their longest text: it is made in memory."""


@dataclass(frozen=True)
class Merged:
    """What a merge has proven: every input answered by every checkpoint once, by the weights of the plan."""

    path: Path
    inputs: int
    rows: int
    errors: int
    """Inputs of which at least one checkpoint gives no prediction."""
    checkpoints: tuple[str, ...]
    """Name and the first digits of the hash of each."""

    def __str__(self) -> str:
        """The proof in one line."""
        per = f" x {len(self.checkpoints)} checkpoints" if len(self.checkpoints) > 1 else ""
        bad = f", {self.errors:,} of them without a prediction" if self.errors else ""
        return (
            f"{self.path}: {self.inputs:,} inputs{per} in, {self.rows:,} rows out, none twice{bad}; "
            f"{', '.join(self.checkpoints)}"
        )


def missing(plan: Plan) -> list[int]:
    """Shards that are not done."""
    return [shard for shard in range(plan.shards) if not parts.is_whole(plan, shard)]


def merge(plan: Plan, to: Path) -> Merged:
    """Write the table, in the format that the suffix names, as a whole or not at all; an older one is replaced.

    Raises CatalogueError where shards are missing or a part does not hold what the plan asks for, TableError for a
    suffix that is none or a file that cannot be written.
    """
    check_target(to, overwrite=True)
    if lacking := missing(plan):
        raise CatalogueError(
            f"{len(lacking)} of {plan.shards} shards are not done (the first: {lacking[0]}): run classify again, it "
            "goes on with them."
        )
    if to.suffix.lower() == ".fits" and plan.count * len(plan.asked) > MOST_FITS:
        raise TableError(
            f"A FITS table of more than {MOST_FITS:,} rows is not made here: name a .parquet or .vot file."
        )
    count = _Count(plan)
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        WRITERS[to.suffix.lower()](unfinished, plan, count.watched(_windows(plan)))
        count.check()
        unfinished.replace(to)
    except OSError as error:
        raise TableError(f"{to} cannot be written ({reason(error)}); make room or name another.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    told = tuple(f"{one.name} {one.sha256[:12]}" for one in plan.asked)
    return Merged(to, plan.count, count.rows, count.errors, told)


class _Count:
    """Holds every row against the plan while it passes by."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.rows, self.errors = plan, 0, 0
        self.ids: set[bytes] = set()

    def watched(self, tables: Iterator[tuple[NDArray[np.int64], list[str], pa.Table]]) -> Iterator[pa.Table]:
        names = [one.name for one in self.plan.asked]
        hashes = [one.sha256 for one in self.plan.asked]
        for order, ids, table in tables:
            asked = len(names)
            first = self.rows // asked
            if (
                not np.array_equal(order, np.arange(first, first + len(order)))
                or table["id"].to_pylist() != [id for id in ids for _ in names]
                or table["checkpoint"].to_pylist() != names * len(ids)
                or table["checkpoint_sha256"].to_pylist() != hashes * len(ids)
            ):
                raise CatalogueError(
                    f"The parts of {self.plan.folder} do not hold what its manifest asks for: remove its folder parts "
                    "and classify again."
                )
            failed = np.array([bool(text) for text in table["error"].to_pylist()]).reshape(-1, asked)
            self.errors += int(failed.any(axis=1).sum())
            self.rows += table.num_rows
            yield table

    def check(self) -> None:
        if self.rows != self.plan.count * len(self.plan.asked):
            raise CatalogueError(f"{self.rows:,} rows answer {self.plan.count:,} inputs: the parts are not whole.")


class _Part:
    """The rows of a shard, taken off in order."""

    def __init__(self, plan: Plan, shard: int) -> None:
        inputs = plan.inputs(shard)
        self.path, self.asked, self.columns = parts.path(plan, shard), len(plan.asked), plan.columns
        self.order = np.array([order for order, _ in inputs], np.int64)
        self.ids = [one.id for _, one in inputs]
        self.taken = 0
        self.group = 0
        self.waiting: pa.Table | None = None

    def until(self, order: int) -> tuple[NDArray[np.int64], list[str], pa.Table] | None:
        """Places, ids and rows of the inputs before ``order`` that have not been taken."""
        stop = int(np.searchsorted(self.order, order))
        if stop == self.taken:
            return None
        wanted = (stop - self.taken) * self.asked
        held = [] if self.waiting is None else [self.waiting]
        while sum(table.num_rows for table in held) < wanted:
            # Opened anew each time: a thousand parts are more than a process may hold open.
            with parquet.ParquetFile(self.path) as file:
                held.append(parquet_file.whole(file.read_row_group(self.group, use_threads=False), self.columns))
            self.group += 1
        table = pa.concat_tables(held)
        self.waiting = table.slice(wanted)
        start, self.taken = self.taken, stop
        return self.order[start:stop], self.ids[start:stop], table.slice(0, wanted)


def _windows(plan: Plan) -> Iterator[tuple[NDArray[np.int64], list[str], pa.Table]]:
    """The rows of all parts in the order of the inputs, a window at a time."""
    sources = [_Part(plan, shard) for shard in range(plan.shards)]
    asked = len(plan.asked)
    for start in range(0, plan.count, WINDOW):
        found = [piece for source in sources if (piece := source.until(start + WINDOW)) is not None]
        order = np.concatenate([places for places, _, _ in found])
        ids = [id for _, names, _ in found for id in names]
        table = pa.concat_tables([table for _, _, table in found])
        sorted_ = np.argsort(order)
        rows = (sorted_[:, None] * asked + np.arange(asked)).ravel()
        yield order[sorted_], [ids[place] for place in sorted_], table.take(pa.array(rows))


def _parquet(path: Path, plan: Plan, tables: Iterator[pa.Table]) -> None:
    parquet_file.write_all(path, plan.columns, tables)


def _csv(path: Path, plan: Plan, tables: Iterator[pa.Table]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(column.name for column in plan.columns)
        for table in tables:
            writer.writerows(cells(table))


def _votable(path: Path, plan: Plan, tables: Iterator[pa.Table]) -> None:
    head, tail = votable_rows.around(plan.columns)
    with path.open("wb") as stream:
        stream.write(head)
        for table in tables:
            stream.write(votable_rows.to_bytes(plan.columns, table))
        stream.write(tail)


def _fits(path: Path, plan: Plan, tables: Iterator[pa.Table]) -> None:
    path.write_bytes(fits_file.to_bytes(plan.columns, [one for table in tables for one in cells(table)]))


def cells(table: pa.Table) -> list[tuple[Cell, ...]]:
    """Its rows as the formats take them: a missing text is None."""
    columns = [[value if value != "" else None for value in column.to_pylist()] for column in table.columns]
    return list(zip(*columns, strict=True))


WRITERS: dict[str, Any] = {".parquet": _parquet, ".csv": _csv, ".vot": _votable, ".fits": _fits}
