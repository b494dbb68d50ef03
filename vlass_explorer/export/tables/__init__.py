"""Tables of rows as files: Parquet, CSV, VOTable and FITS, by the suffix of the file, all with the same columns.

What is written is read back equal by ``read_rows``, astropy, pyvo and pandas. ``schema.rows`` names the columns.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...foreign import mapped, reason
from ...schema import Found, TableError
from ...schema.columns import split_labels
from ...schema.found import found_columns
from ...schema.rows import CLASSES, Row, class_names, table_columns
from . import csv_file, fits_file, parquet_file, votable_file
from .csv_file import pandas_types
from .parquet_file import to_frame

__all__ = [
    "FORMATS",
    "check_target",
    "found_bytes",
    "pandas_types",
    "read_rows",
    "table_bytes",
    "to_frame",
    "write_found",
    "write_rows",
]

TELLING = ("id", "checkpoint", "label", "score", CLASSES.name, "validity", "error", "version")
"""Columns that every version wrote, by which its tables are told from others."""
FORMATS = {".parquet": parquet_file, ".csv": csv_file, ".vot": votable_file, ".fits": fits_file}


def check_target(path: Path, *, overwrite: bool = False) -> None:
    """Raise TableError where ``write_rows`` could not write: before the work, so that none is lost."""
    _suffix(path)
    folder = path.parent
    if path.is_dir():
        raise TableError(f"{path} is a folder; name a file in it.")
    if not folder.is_dir():
        raise TableError(f"There is no folder {folder} to write {path.name} to; make it first.")
    if not os.access(folder, os.W_OK):
        raise TableError(f"{folder} cannot be written to; name a file in another folder.")
    if not overwrite and path.exists():
        raise TableError(f"{path} exists; name another file, or allow to overwrite it (--overwrite).")


def write_rows(path: Path, rows: Sequence[Row], *, overwrite: bool = False) -> None:
    """Write a table, in the format that the suffix names, as a whole or not at all.

    A file that exists is replaced only with ``overwrite``.  Raises TableError for an unknown suffix, and where the
    file cannot be written.
    """
    check_target(path, overwrite=overwrite)
    _write(path, table_bytes(rows, _suffix(path)), overwrite=overwrite)


def write_found(path: Path, rows: Sequence[Found], *, overwrite: bool = False) -> None:
    """Write a table of what archives have, as ``write_rows`` does."""
    check_target(path, overwrite=overwrite)
    _write(path, found_bytes(rows, _suffix(path)), overwrite=overwrite)


def found_bytes(rows: Sequence[Found], suffix: str) -> bytes:
    """The content of a table of what archives have, in the format with that suffix."""
    return FORMATS[suffix].to_bytes(found_columns(), [row.cells() for row in rows])


def _write(path: Path, content: bytes, *, overwrite: bool) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        check_target(path, overwrite=overwrite)
        temporary.replace(path)
    except OSError as error:
        raise TableError(f"{path} cannot be written ({error.strerror or error}); make room or name another.") from error
    finally:
        temporary.unlink(missing_ok=True)


def table_bytes(rows: Sequence[Row], suffix: str) -> bytes:
    """The content of a file with that suffix: all columns, score columns of every class that a row knows."""
    columns = table_columns(class_names(rows))
    return FORMATS[suffix].to_bytes(columns, [row.cells(columns) for row in rows])


def read_rows(path: Path | str) -> list[Row]:
    """The rows of a table that ``write_rows`` wrote, this version's or an earlier one's.

    Columns that came later than the table are missing in its rows; columns that others added to it are left out.
    Raises TableError for an unknown suffix, a file that cannot be read, and for a table of something else.
    """
    path = Path(path)
    suffix = _suffix(path)
    with mapped(lambda error: TableError(f"{path} cannot be read as a {suffix[1:]} table ({reason(error)}).")):
        names, values = FORMATS[suffix].read(path.read_bytes())
    place = {name: index for index, name in enumerate(names)}
    if missing := [name for name in TELLING if name not in place]:
        raise TableError(f"{path} lacks the column {missing[0]}: it is no table that this program wrote.")
    with mapped(lambda error: TableError(f"{path} holds a row that this program did not write ({reason(error)}).")):
        labels = dict.fromkeys(label for row in values for label in split_labels(row[place[CLASSES.name]]))
        columns = [column for column in table_columns(tuple(labels)) if column.name in place]
        return [Row.from_cells(columns, [row[place[column.name]] for column in columns]) for row in values]


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise TableError(f"{path.name} should end in {', '.join(FORMATS)}: the suffix names the format of the table.")
    return suffix
