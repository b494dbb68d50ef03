"""Tables of files: a name a line, or a column of a CSV, VOTable, FITS or Parquet table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from .. import tabular
from ..schema import CatalogueError, ExplorerError

COLUMNS = ("file", "path", "filename", "file_name", "cutout", "image")
"""Columns that hold names of files, in any case, the first one that a table has."""


def names(content: bytes, name: str) -> list[str]:
    """The names in a file of this name, in order, empty ones left out; raises CatalogueError."""
    if PurePath(name).suffix.lower() not in tabular.SUFFIXES:
        text = content.decode("utf-8", errors="surrogateescape")
        return [line for line in text.splitlines() if line.strip()]
    try:
        columns = {key.lower(): column.values for key, column in tabular.columns(content, name).items()}
    except ExplorerError as error:
        raise CatalogueError(str(error)) from error
    values: Sequence[object] | None = next((columns[key] for key in COLUMNS if key in columns), None)
    if values is None:
        raise CatalogueError(f"{name} has no column of files: call one {', '.join(COLUMNS[:-1])} or {COLUMNS[-1]}.")
    return [text for value in values if (text := str(value if value is not None else "").strip())]
