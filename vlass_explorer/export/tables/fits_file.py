"""Rows as a FITS binary table: TUNIT, TNULL, and UCD and meaning of column n in TUCDn and TCOMMn as STILTS writes them.

A missing number is NaN or TNULL, a missing text is empty. Truths are integers 0 and 1: the null of a logical column is
False to astropy. Names beyond ASCII, which the standard does not know, are UTF-8, as astropy writes and reads them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ... import __version__
from ...schema.columns import Cell, Column, ascii_text

NULL_INT = int(np.iinfo(np.int64).min)
NULL_BOOL = -1


def to_bytes(columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> bytes:
    """The file of a table with those columns, a row each of ``cells``."""
    values = list(zip(*cells, strict=True)) if cells else [()] * len(columns)
    table = fits.BinTableHDU.from_columns(
        [_column(column, cells) for column, cells in zip(columns, values, strict=True)], name="CUTOUTS"
    )
    table.header["RADESYS"] = ("ICRS", "of all positions")
    table.header["CREATOR"] = f"VLASS Explorer {__version__}"
    for number, column in enumerate(columns, start=1):
        table.header[f"TUCD{number}"] = column.ucd
        table.header[f"TCOMM{number}"] = ascii_text(column.description)
        if column.label is not None:
            table.header[f"TLABL{number}"] = (json.dumps(column.label), "class, as JSON")
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer, checksum=True)
    return buffer.getvalue()


def _column(column: Column, cells: Sequence[Cell]) -> fits.Column:
    unit = column.unit or None
    if column.kind == "float":
        numbers = [np.nan if cell is None else cell for cell in cells]
        return fits.Column(column.name, "D", unit, array=np.array(numbers, np.float64))
    if column.kind in ("int", "bool"):
        form, null = ("K", NULL_INT) if column.kind == "int" else ("I", NULL_BOOL)
        integers: NDArray[Any] = np.array([null if cell is None else cell for cell in cells], np.int64)
        return fits.Column(column.name, form, unit, null=null, array=integers.astype(np.int64 if form == "K" else "i2"))
    texts = np.array([str(cell or "").encode() for cell in cells], dtype=np.bytes_)
    return fits.Column(column.name, f"{max(1, texts.dtype.itemsize)}A", array=texts)


def read(data: bytes) -> tuple[list[str], list[list[Any]]]:
    """Names of the columns and values of the rows, None for missing ones."""
    with fits.open(io.BytesIO(data), character_as_bytes=True) as file:
        table = file[1]
        found = [_values(column, table.data[column.name]) for column in table.columns]
        return list(table.columns.names), [list(row) for row in zip(*found, strict=True)]


def _values(column: fits.Column, values: NDArray[Any]) -> list[Any]:
    if column.format.endswith("A"):
        return [value.decode().rstrip(" ") for value in values.tolist()]
    return [None if value == column.null else value for value in values.tolist()]
