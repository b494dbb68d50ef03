"""Tables of positions as files: CSV, VOTable, FITS and Parquet, their columns found by UCD, by name, or as said."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
from astropy import units as u
from astropy.io import fits, votable

from .cutouts.astropy_notes import collected
from .cutouts.notes import Notes
from .foreign import mapped, reason
from .schema import ArchiveError

SUFFIXES = (".csv", ".tsv", ".vot", ".xml", ".votable", ".fits", ".fit", ".parquet")
RA = (
    "ra",
    "ra_deg",
    "raj2000",
    "_raj2000",
    "ra_icrs",
    "ra_j2000",
    "right_ascension",
    "alpha",
    "ra_h",
    "ra_hours",
    "rah",
)
DEC = ("dec", "dec_deg", "dej2000", "_dej2000", "decj2000", "de_icrs", "dec_icrs", "dec_j2000", "declination")
NAME = ("name", "id", "source", "source_name", "component_name", "object", "target", "main_id", "designation")
HOURS = ("ra_h", "ra_hours", "rah")
RA_UCDS = ("pos.eq.ra;meta.main", "pos_eq_ra_main", "pos.eq.ra")
DEC_UCDS = ("pos.eq.dec;meta.main", "pos_eq_dec_main", "pos.eq.dec")


@dataclass
class Read:
    """A column of a table as it was read."""

    name: str
    values: Sequence[Any]
    unit: str = ""
    ucd: str = ""


def columns(source: Path | bytes, name: str = "") -> dict[str, Read]:
    """All columns of a table by name, from a path or from the content of a file of this name.

    The suffix says the format, CSV where it says none. Raises ArchiveError for what is no such table.
    """
    name = name or (source.name if isinstance(source, Path) else "table.csv")
    suffix = Path(name).suffix.lower()
    with mapped(lambda error: ArchiveError(f"{name} cannot be read as a table ({reason(error)}).")):
        if isinstance(source, Path) and not source.is_file():
            raise ArchiveError(f"There is no file {source}.")
        if suffix in (".fits", ".fit"):
            return _fits(source, name)
        if suffix in (".vot", ".xml", ".votable"):
            return _votable(source)
        return _parquet(source) if suffix == ".parquet" else _csv(source)


@contextmanager
def _reading() -> Iterator[None]:
    """One thread at a time: what astropy warns of is caught for the whole process."""
    with collected(Notes()):
        yield


def _opened(source: Path | bytes) -> Path | io.BytesIO:
    return source if isinstance(source, Path) else io.BytesIO(source)


def _csv(source: Path | bytes) -> dict[str, Read]:
    content = source.read_bytes() if isinstance(source, Path) else source
    text = content.decode("utf-8-sig", "replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    separator = "\t" if lines and "\t" in lines[0] else ";" if lines and ";" in lines[0] else ","
    rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator))
    head = [name.strip() for name in rows[0]] if rows else []
    body = [row + [""] * (len(head) - len(row)) for row in rows[1:]]
    return {name: Read(name, [row[place] for row in body]) for place, name in enumerate(head)}


def _votable(source: Path | bytes) -> dict[str, Read]:
    with _reading():
        table = votable.parse(_opened(source), verify="ignore").get_first_table()
    found = {}
    for field in table.fields:
        values = table.array[field.ID]
        blank = np.ma.getmaskarray(values)
        plain = [None if is_blank else value for value, is_blank in zip(values.data, blank, strict=True)]
        found[field.name] = Read(field.name, plain, str(field.unit or ""), field.ucd or "")
    return found


def _fits(source: Path | bytes, name: str) -> dict[str, Read]:
    with _reading(), fits.open(_opened(source), memmap=False) as hdus:
        table = next((hdu for hdu in hdus if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))), None)
        if table is None:
            raise ArchiveError(f"{name} is an image, not a table of positions.")
        names = enumerate(table.columns.names, 1)
        return {
            each: Read(
                each, table.data[each].tolist(), table.columns[each].unit or "", table.header.get(f"TUCD{n}", "")
            )
            for n, each in names
        }


def _parquet(source: Path | bytes) -> dict[str, Read]:
    table = parquet.read_table(_opened(source))
    found = {}
    for field in table.schema:
        said = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        values = table.column(field.name).to_pylist()
        found[field.name] = Read(field.name, values, said.get("unit", ""), said.get("ucd", ""))
    return found


def pick(table: dict[str, Read], said: str, ucds: Iterable[str], usual: Iterable[str], file: str) -> Read | None:
    """The column that was said, else the one with the first of these UCDs, else with the first of these names."""
    if said:
        if said not in table:
            raise ArchiveError(f"{file} has no column {said}; it has {', '.join(list(table)[:12])}.")
        return table[said]
    for ucd in ucds:
        for column in table.values():
            if column.ucd.strip().lower() == ucd:
                return column
    folded = {name.strip().lower(): column for name, column in reversed(table.items())}
    return next((folded[name] for name in usual if name in folded), None)


def is_hours(ra: Read, file: str, how: str) -> bool:
    """Is right ascension in hours? Raises ArchiveError where it may be and nothing says so; ``how`` it can be said."""
    if ra.unit.lower() in ("h", "hr", "hour", "hours", "hourangle"):
        return True
    if ra.unit:
        return False
    if ra.name.lower() in HOURS:
        return True
    numbers = [value for value in map(number, ra.values) if value is not None and math.isfinite(value)]
    if len(numbers) >= 10 and min(numbers) >= 0 and max(numbers) < 24 and max(numbers) - min(numbers) > 12:
        raise ArchiveError(f"All right ascensions of {file} lie between 0 and 24: say if they are hours ({how}).")
    return False


def degrees(column: Read) -> float:
    """What numbers of a column times this are degrees."""
    if column.unit.lower() in ("rad", "radian", "radians"):
        return 180.0 / math.pi
    if column.unit.lower() in ("arcsec", "arcsecond"):
        return float(u.arcsec.to(u.deg))
    return 1.0


def number(value: Any) -> float | None:
    """A value of a column as a number; None where it is none."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return float(value)
    return None


def text(value: Any) -> str:
    """A value of a column as text without spaces around it; empty for None."""
    if value is None:
        return ""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()
