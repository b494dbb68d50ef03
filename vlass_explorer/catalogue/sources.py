"""A table of answers → one row a source: which product, epoch and view is the answer, by a rule that is stated.

Rows are one source where they lie within 10 arcsec of each other, hand in hand, and were asked of one checkpoint; a row
without a position is a source of its own. Of its rows the answer is, in this order, the one

1. that was answered and is not ``outside`` what the checkpoint may be asked about,
2. of a Single Epoch image rather than a Quick Look one,
3. whose validity is ok rather than a caution,
4. of the lower noise, then of the later date, then the first in the table.

The matched answer counts in place of the native one where there is one, it is no less valid, and the beam of the image
is not that of the training data (by a quarter or more): a ``matched`` row of the column ``answer``, whose ``label``,
``score`` and ``validity`` stay those of the image as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from ..evaluation.unseen import RADIUS
from ..foreign import mapped, reason
from ..schema import TableError
from . import pairs

ALIKE = 1.25  # of the beam; closer to that of the training data than this, nothing is matched
LEVELS = {"ok": 0, "caution": 1, "outside": 2}
NEEDED = (
    "ra",
    "dec",
    "error",
    "label",
    "validity",
    "quick_look",
    "rms",
    "date",
    "checkpoint",
    "beam_major",
    "beam_minor",
    "matched_label",
    "matched_validity",
    "matched_beam_major",
    "matched_beam_minor",
)
ROWS, ANSWER = "source_rows", "answer"
"""Columns that a table of sources has beside those of ``schema.rows``."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The answer of each source."""

    rows: NDArray[np.int64]
    """Places in the table, in its order."""
    counts: NDArray[np.int64]
    """Rows of the table that are the same source."""
    matched: NDArray[np.bool_]
    """The matched view is the answer."""


def write(table: Path, to: Path) -> Chosen:
    """Write a Parquet table with the one row of each source of another; raises TableError."""
    if table.suffix.lower() != ".parquet" or to.suffix.lower() != ".parquet":
        raise TableError("One row a source is taken from a .parquet table, and is one: classify with --table .parquet.")
    with mapped(lambda error: TableError(f"{table} cannot be read as a Parquet table ({reason(error)}).")):
        names = parquet.read_schema(table).names
        if missing := [name for name in NEEDED if name not in names]:
            raise TableError(f"{table} lacks the column {missing[0]}: it is no table that this program wrote.")
        chosen = choose(parquet.read_table(table, columns=list(NEEDED)))
    unfinished = to.with_name(f".{to.name}.part")
    try:
        _copy(table, unfinished, chosen)
        unfinished.replace(to)
    except OSError as error:
        raise TableError(f"{to} cannot be written ({reason(error)}); make room or name another.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return chosen


def choose(table: pa.Table) -> Chosen:
    """The answer of each source of a table with the columns ``NEEDED``."""
    group = _sources(table)
    matched = _is_matched(table)
    native, other = (_levels(table, name) for name in ("validity", "matched_validity"))
    level = np.where(matched, other, native)
    failed = np.array([not label for label in table["label"].to_pylist()])
    level[failed] = LEVELS["outside"] + 1
    quick = np.array([value is not False for value in table["quick_look"].to_pylist()])
    rms = np.array([np.inf if value is None else value for value in table["rms"].to_pylist()])
    _, date = np.unique(np.array([value or "" for value in table["date"].to_pylist()], dtype=str), return_inverse=True)
    unusable = np.maximum(level, LEVELS["caution"])
    order = np.lexsort((np.arange(group.size), -date, rms, level, quick, unusable, group))
    first = np.flatnonzero(np.r_[True, np.diff(group[order]) > 0]) if group.size else np.zeros(0, np.int64)
    best, counts = order[first], np.diff(np.r_[first, group.size])
    places = np.argsort(best)
    return Chosen(best[places].astype(np.int64), counts[places].astype(np.int64), matched[best[places]])


def _levels(table: pa.Table, name: str) -> NDArray[np.int64]:
    return np.array([LEVELS.get(text, LEVELS["outside"]) for text in table[name].to_pylist()], np.int64)


def _is_matched(table: pa.Table) -> NDArray[np.bool_]:
    """Is the beam unlike that of the training data, and the matched answer no less valid?"""
    names = ("beam_major", "beam_minor", "matched_beam_major", "matched_beam_minor")
    with np.errstate(invalid="ignore"):
        major, minor, other_major, other_minor = (np.array(table[name].to_pylist(), np.float64) for name in names)
        ratio = np.sqrt(other_major * other_minor / (major * minor))
        unlike = (ratio >= ALIKE) | (ratio <= 1.0 / ALIKE)
    has = np.array([bool(label) for label in table["matched_label"].to_pylist()], bool)
    return np.asarray(has & unlike & (_levels(table, "matched_validity") <= _levels(table, "validity")))


def _sources(table: pa.Table) -> NDArray[np.int64]:
    """A number for each row, the same for those of one source and checkpoint."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    ra, dec = (np.array(table[name].to_pylist(), np.float64) for name in ("ra", "dec"))
    placed = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    vectors = pairs.unit_vectors(ra[placed], dec[placed])
    near = cKDTree(vectors).query_pairs(float(pairs.chord(RADIUS)), output_type="ndarray")
    _, asked = np.unique([name or "" for name in table["checkpoint"].to_pylist()], return_inverse=True)
    one, other = placed[near[:, 0]], placed[near[:, 1]]
    same = asked[one] == asked[other]
    graph = coo_array((np.ones(int(same.sum())), (one[same], other[same])), shape=(len(ra), len(ra)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _copy(table: Path, to: Path, chosen: Chosen) -> None:
    """The chosen rows, row group by row group, so that a table of any length needs little memory."""
    with parquet.ParquetFile(table) as source:
        schema = source.schema_arrow.append(pa.field(ROWS, pa.int64())).append(pa.field(ANSWER, pa.string()))
        with parquet.ParquetWriter(to, schema, compression="zstd") as writer:
            for part in _parts(source, chosen):
                writer.write_table(part.cast(schema))


def _parts(source: parquet.ParquetFile, chosen: Chosen) -> Iterator[pa.Table]:
    start = 0
    for number in range(source.num_row_groups):
        group = source.read_row_group(number, use_threads=False)
        first, last = np.searchsorted(chosen.rows, [start, start + group.num_rows])
        part = group.take(pa.array(chosen.rows[first:last] - start))
        views = ["matched" if is_matched else "native" for is_matched in chosen.matched[first:last]]
        yield part.append_column(ROWS, pa.array(chosen.counts[first:last], pa.int64())).append_column(
            ANSWER, pa.array(views, pa.string())
        )
        start += group.num_rows
