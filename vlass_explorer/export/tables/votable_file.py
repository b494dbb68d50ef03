"""Rows as a VOTable 1.4 of the IVOA: units, UCDs, ICRS, descriptions and class names in the header, data as text.

A missing number or truth is null, in integer columns by a value that VALUES names; a missing text is empty, which the
standard does not tell from null.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import votable
from astropy.io.votable.tree import CooSys, Field, Info, Resource, TableElement, VOTableFile

from ... import __version__
from ...schema.columns import Cell, Column, Kind, printable

NULL = int(np.iinfo(np.int64).min)
TYPES: dict[Kind, dict[str, str]] = {
    "text": {"datatype": "unicodeChar", "arraysize": "*"},
    "float": {"datatype": "double"},
    "int": {"datatype": "long"},
    "bool": {"datatype": "boolean"},
}
FILL: dict[Kind, Cell] = {"text": "", "float": float("nan"), "int": NULL, "bool": False}


def to_bytes(columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> bytes:
    """The file of a table with those columns, a row each of ``cells``."""
    file = header(columns)
    table = file.get_first_table()
    table.create_arrays(len(cells))
    for column, values in zip(columns, zip(*cells, strict=True), strict=bool(cells)):
        fill = FILL[column.kind]
        table.array.data[column.name] = [fill if value is None else value for value in values]
        if fill != "":
            table.array.mask[column.name] = [value is None for value in values]
    buffer = io.BytesIO()
    file.to_xml(buffer, tabledata_format="tabledata")
    return buffer.getvalue()


def header(columns: Sequence[Column], lengths: Mapping[str, int] | None = None) -> VOTableFile:
    """A VOTable with the fields of those columns, without data; texts of any length, or as long as said."""
    file = VOTableFile(version="1.4")
    resource = Resource(type="results")
    resource.infos.append(Info(name="creator", value=f"VLASS Explorer {__version__}"))
    resource.coordinate_systems.append(CooSys(ID="icrs", system="ICRS"))
    table = TableElement(file, name="cutouts")
    for column in columns:
        form = dict(TYPES[column.kind])
        if lengths is not None and column.name in lengths:
            form["arraysize"] = str(lengths[column.name])
        field = Field(file, ID=column.name, name=column.name, ucd=column.ucd, unit=column.unit or None, **form)
        field.description = column.description
        if column.ucd.startswith("pos.eq."):
            field.ref = "icrs"
        if column.kind == "int":
            field.values.null = NULL
        table.fields.append(field)
        if column.label is not None:
            table.infos.append(Info(name=column.name, value=printable(column.label)))
    resource.tables.append(table)
    file.resources.append(resource)
    return file


def read(data: bytes) -> tuple[list[str], list[list[Any]]]:
    """Names of the columns and values of the rows, None for missing ones."""
    table = votable.parse(io.BytesIO(data)).get_first_table()
    names = [field.name for field in table.fields]
    values = [table.array[name].tolist() for name in names]
    return names, [list(row) for row in zip(*values, strict=True)]
