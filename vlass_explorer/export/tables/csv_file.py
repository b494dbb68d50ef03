"""Rows as CSV: UTF-8, a header line, full precision, True and False, nothing where a value is missing.

CSV knows neither units nor types: a reader that guesses takes a file name 0042 for a number. ``read`` does not guess,
nor does pandas with ``read_csv(file, dtype=pandas_types(columns), keep_default_na=False, na_values=[""])``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from ...schema.columns import SCORE, Cell, Column, Kind
from ...schema.rows import table_columns

PANDAS: dict[Kind, str] = {"text": "str", "float": "float64", "int": "Int64", "bool": "boolean"}
PARSERS: dict[Kind, Callable[[str], Cell]] = {
    "text": str,
    "float": float,
    "int": int,
    "bool": lambda text: text == "True",
}


def to_bytes(columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> bytes:
    """The file of a table with those columns, a row each of ``cells``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in columns)
    writer.writerows(cells)
    return text.getvalue().encode()


def read(data: bytes) -> tuple[list[str], list[list[Any]]]:
    """Names of the columns and values of the rows, None for missing ones; a column that is not ours is text.

    Raises ValueError for a text that is no value of its column.
    """
    lines = csv.reader(io.StringIO(data.decode(), newline=""))
    names = next(lines, [])
    known = {column.name: column.kind for column in table_columns()}
    kinds = [known.get(name, "float" if name.startswith(SCORE) else "text") for name in names]
    rows = [[PARSERS[kind](text) if text else None for kind, text in zip(kinds, line, strict=True)] for line in lines]
    return names, rows


def pandas_types(columns: Sequence[Column]) -> dict[str, str]:
    """Types of the columns for ``pandas.read_csv``."""
    return {column.name: PANDAS[column.kind] for column in columns}
