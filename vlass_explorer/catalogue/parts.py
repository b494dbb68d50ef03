"""Answers of a shard on disk: a file a row group while it is worked on, one Parquet file with a footer once it is done.

Done means a footer that names the plan, the number of rows and the hash of their ids: a file that merely exists counts
for nothing. Every file is written under another name and renamed, so that a process may be killed at any time and two
may work on one shard: what both write is the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from ..export.tables import parquet_file
from ..foreign import reason
from ..schema import CatalogueError, Row
from .plan import Input, Plan, digest

MARK = "vlass_explorer.part"


def path(plan: Plan, shard: int, group: int | None = None) -> Path:
    """Where a shard, or one row group of it, is written."""
    name = f"{shard:05}.parquet" if group is None else f"{shard:05}.{group:04}.parquet"
    return plan.folder / "parts" / name


def groups(plan: Plan, inputs: Sequence[tuple[int, Input]]) -> list[list[tuple[int, Input]]]:
    """The inputs of a shard by row group."""
    return [list(inputs[start : start + plan.group]) for start in range(0, len(inputs), plan.group)]


def is_done(plan: Plan, shard: int, ids: Sequence[str], group: int | None = None) -> bool:
    """Does a shard, or one row group of it, have a file whose footer says that it answers these ids, in this order?"""
    try:
        footer = parquet.read_metadata(path(plan, shard, group))
    except (OSError, pa.ArrowException):
        return False
    return (footer.metadata or {}).get(MARK.encode()) == _mark(plan, ids).encode() and footer.num_rows == len(
        ids
    ) * len(plan.asked)


def is_whole(plan: Plan, shard: int) -> bool:
    """Is a shard done?"""
    return path(plan, shard).exists() and is_done(plan, shard, [one.id for _, one in plan.inputs(shard)])


def write_group(plan: Plan, shard: int, group: int, ids: Sequence[str], rows: Sequence[Row]) -> None:
    """Keep the answers of one row group: a row for each input and checkpoint, in this order."""
    columns = plan.columns
    table = parquet_file.to_table(columns, [row.cells(columns) for row in rows])
    _write(plan, path(plan, shard, group), iter([table]), ids)


def join(plan: Plan, shard: int, inputs: Sequence[tuple[int, Input]]) -> None:
    """Make the file of a shard of those of its row groups, which go."""
    parts = [path(plan, shard, group) for group in range(len(groups(plan, inputs)))]
    ids = [one.id for _, one in inputs]
    try:
        tables = (parquet_file.whole(parquet.read_table(part, use_threads=False), plan.columns) for part in parts)
        _write(plan, path(plan, shard), tables, ids)
    except FileNotFoundError:
        # Another process may have joined them in the meantime.
        if not is_done(plan, shard, ids):
            raise
    for part in parts:
        part.unlink(missing_ok=True)


def answered(plan: Plan) -> int:
    """Inputs that have been answered so far, by the names of the files alone: for progress, not as a proof."""
    count = 0
    with suppress(OSError), os.scandir(plan.folder / "parts") as found:
        for entry in found:
            if entry.name.startswith(".") or not entry.name.endswith(".parquet"):
                continue
            with suppress(OSError, pa.ArrowException):
                told = entry.stat()
                count += _rows(entry.path, told.st_mtime_ns, told.st_size)
    return min(plan.count, count // len(plan.asked))


@lru_cache(maxsize=1 << 14)  # asked every second, of files that do not change
def _rows(path: str, changed: int, size: int) -> int:
    return int(parquet.read_metadata(path).num_rows)


def rows(plan: Plan, path: Path, columns: Sequence[str]) -> pa.Table | None:
    """Columns of a file of answers as they are, None for one that is half-written, gone or of another plan."""
    try:
        with parquet.ParquetFile(path) as file:
            told = json.loads((file.metadata.metadata or {}).get(MARK.encode(), b"{}"))
            if told.get("plan") != plan.key:
                return None
            held = set(file.schema_arrow.names)
            wanted = [column for column in plan.columns if column.name in columns]
            table = file.read([column.name for column in wanted if column.name in held], use_threads=False)
            return parquet_file.whole(table, wanted).select(list(columns)).replace_schema_metadata()
    except (OSError, ValueError, pa.ArrowException):
        return None


def _write(plan: Plan, to: Path, tables: Iterator[pa.Table], ids: Sequence[str]) -> None:
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        parquet_file.write_all(unfinished, plan.columns, tables, {MARK: _mark(plan, ids)}, described=False)
        unfinished.replace(to)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CatalogueError(
            f"{to.parent} takes no more ({reason(error)}): make room and run the same command again."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _mark(plan: Plan, ids: Sequence[str]) -> str:
    told = {
        "plan": plan.key,
        "inputs": len(ids),
        "ids": digest(ids),
        "checkpoints": {one.name: one.sha256 for one in plan.asked},
        "version": plan.version,
    }
    return json.dumps(told, sort_keys=True)
