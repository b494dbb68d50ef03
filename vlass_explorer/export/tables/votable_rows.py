"""Rows of an Arrow table as the text of a VOTable's TABLEDATA, column by column, for tables of a million rows.

astropy (8.0.2) writes them cell by cell, half a second for a thousand rows; head and tail of the file are its.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...schema.columns import Column, Kind
from . import votable_file

ESCAPED = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
BEGIN, END = b"<TABLEDATA>\n", b"    </TABLEDATA>"


def around(columns: Sequence[Column]) -> tuple[bytes, bytes]:
    """What stands before and behind the rows in the file of a table with those columns."""
    whole = votable_file.to_bytes(columns, [(None,) * len(columns)])
    first, last = whole.index(BEGIN) + len(BEGIN), whole.rindex(END)
    return whole[:first], whole[last:]


def to_bytes(columns: Sequence[Column], table: pa.Table) -> bytes:
    """The rows of a table whose columns are those, as ``votable_file.to_bytes`` writes them; null and NaN are empty."""
    if not table.num_rows:
        return b""
    cells = [
        pc.fill_null(pc.binary_join_element_wise("      <TD>", text, "</TD>\n", ""), "      <TD/>\n")
        for text in (_text(column.kind, values) for column, values in zip(columns, table.columns, strict=True))
    ]
    rows = pc.binary_join_element_wise("     <TR>\n", *cells, "     </TR>\n", "")
    return "".join(rows.to_pylist()).encode()


def _text(kind: Kind, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text, null where the cell is empty."""
    if kind == "bool":
        return pc.if_else(values, "T", "F")
    if kind == "text":
        for sign, word in ESCAPED:
            values = pc.replace_substring(values, sign, word)
        return pc.if_else(pc.equal(values, ""), None, values)
    if kind == "float":
        values = pc.if_else(pc.is_nan(values), None, values)
    return pc.cast(values, pa.string())
