"""Rows as Parquet: unit, UCD, meaning and class name of a column in its field, the whole also for pandas and astropy.

A missing number or truth is null. A missing text is empty, as in the other formats: astropy reads a null text as the
word "None". ``IVOA.VOTable-Parquet`` in the file's metadata is a VOTable without data, where readers of the VO such as
TOPCAT find units and UCDs (VOParquet 1.0); astropy's ``Table.read`` finds them in ``table_meta_yaml``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
from astropy.table import Table
from astropy.table import meta as astropy_meta

from ...schema.columns import Cell, Column, Kind, printable
from . import votable_file
from .csv_file import PANDAS

ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
}


def to_bytes(columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> bytes:
    """The file of a table with those columns, a row each of ``cells``."""
    table = to_table(columns, cells)
    lengths = _longest(columns, table, {})
    table = table.replace_schema_metadata({**table.schema.metadata, **_for_astropy(columns, lengths)})
    buffer = io.BytesIO()
    pa.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def to_table(columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> pa.Table:
    """The rows as Arrow holds them; a missing text is empty."""
    schema = _schema(tuple(columns))
    values = list(zip(*cells, strict=True)) if cells else [()] * len(columns)
    arrays = [
        pa.array([cell or "" for cell in some] if column.kind == "text" else some, field.type)
        for column, field, some in zip(columns, schema, values, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


@lru_cache(maxsize=8)
def _schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Names, types and facts of columns; pandas' own part of the metadata lets it read Int64 and boolean as such.

    Made once: pandas takes longer to say it than a row group of answers takes to be written.
    """
    fields = [
        pa.field(column.name, ARROW[column.kind], metadata={key: text for key, text in _facts(column).items() if text})
        for column in columns
    ]
    return pa.Table.from_pandas(to_frame(columns, []), pa.schema(fields), preserve_index=False).schema


def write_all(
    path: Path,
    columns: Sequence[Column],
    tables: Iterable[pa.Table],
    more: Mapping[str, str] | None = None,
    *,
    described: bool = True,
) -> None:
    """Write tables of ``to_table`` one behind the other, each as a row group, however many there are.

    The file is what ``to_bytes`` makes of all rows at once but for its row groups; ``more`` joins its metadata.  One
    that is not ``described`` lacks what astropy and the VO read, which takes as long as the answers of a row group.
    """
    schema = _schema(tuple(columns))
    lengths: dict[str, int] = {}
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            lengths = _longest(columns, table, lengths) if described else lengths
            writer.write_table(table.cast(schema), row_group_size=max(1, table.num_rows))
        facts = _for_astropy(columns, lengths) if described else {}
        writer.add_key_value_metadata({**facts, **(more or {})})


def whole(table: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """The same rows with all of these columns, in order: those that an earlier version did not write are missing."""
    schema = _schema(tuple(columns))
    if table.column_names == schema.names:
        return table
    count = table.num_rows
    arrays = [
        table[column.name]
        if column.name in table.column_names
        else pa.array([""] * count if column.kind == "text" else [None] * count, ARROW[column.kind])
        for column in columns
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _longest(columns: Sequence[Column], table: pa.Table, before: Mapping[str, int]) -> dict[str, int]:
    """Characters of the longest text of each column of texts, those of ``before`` included."""
    texts = [column.name for column in columns if column.kind == "text"]
    found = {name: pa.compute.max(pa.compute.utf8_length(table[name])).as_py() or 1 for name in texts}
    return {name: max(1, length, before.get(name, 1)) for name, length in found.items()}


def to_frame(columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> pd.DataFrame:
    """The table for pandas: integers and truths in types that can be missing."""
    values = list(zip(*cells, strict=True)) if cells else [()] * len(columns)
    return pd.DataFrame(
        {
            column.name: pd.array(
                [cell or "" for cell in cells] if column.kind == "text" else list(cells), PANDAS[column.kind]
            )
            for column, cells in zip(columns, values, strict=True)
        }
    )


def _facts(column: Column) -> dict[str, str]:
    label = "" if column.label is None else printable(column.label)
    return {"unit": column.unit, "ucd": column.ucd, "description": column.description, "label": label}


def _for_astropy(columns: Sequence[Column], lengths: Mapping[str, int]) -> dict[str, str | bytes]:
    """Lengths of texts, units and UCDs as astropy's reader wants them, and the VOTable without data.

    Descriptions stand in the VOTable alone: astropy warns where its line breaks differ from another copy.
    """
    empty = Table({column.name: [0] for column in columns})
    for column in columns:
        empty[column.name].unit = column.unit or None
        empty[column.name].meta["ucd"] = column.ucd
    content = io.BytesIO()
    votable_file.header(columns, lengths).to_xml(content)
    return {
        **{f"table::len::{name}": str(length) for name, length in lengths.items()},
        "table_meta_yaml": "\n".join(astropy_meta.get_yaml_from_table(empty)),
        "IVOA.VOTable-Parquet.version": "1.0",
        "IVOA.VOTable-Parquet.content": content.getvalue(),
    }


def read(data: bytes) -> tuple[list[str], list[list[Any]]]:
    """Names of the columns and values of the rows, None for missing ones."""
    table = pa.parquet.read_table(io.BytesIO(data))
    return table.column_names, [list(row.values()) for row in table.to_pylist()]
