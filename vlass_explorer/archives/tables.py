"""Tables of positions: CSV, VOTable, FITS and Parquet, their columns found by UCD, by name, or as said.

Right ascension is in degrees unless its column says otherwise, by unit, by name (``ra_h``) or by its values (12:30:49).
Numbers without a unit that all lie between 0 and 24, spread over more than half of that, are not guessed at.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as parquet
from astropy import units as u
from astropy.io import fits, votable

from ..foreign import mapped, reason
from ..schema import ArchiveError, Target
from . import answers
from .contract import Position

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
LABEL = ("label", "class")
FLUX = ("total_flux", "flux", "flux_total", "int_flux", "flux_int", "fint", "s_int", "integrated_flux")
PEAK = ("peak_flux", "peak", "flux_peak", "fpeak", "s_peak")
# Sizes without the beam alone: the fitted ones of an unresolved component lie along the beam.
MAJOR = ("dc_maj", "deconv_maj", "maj_dc", "major", "deconvolved_major")
PA = ("dc_pa", "deconv_pa", "pa_dc", "posang", "deconvolved_pa")
FLUX_UCD = ("phot.flux.density;em.radio", "phot.flux.density;em.radio.3-6ghz", "phot.flux.density")
MOST_ROWS = 2_000_000
Parse = Callable[[str], Position | None]


@dataclass(frozen=True)
class Columns:
    """Names of columns that were said; "" where they are to be found. ``ra_unit``: deg, hour, or "" for unsaid."""

    ra: str = ""
    dec: str = ""
    name: str = ""
    label: str = ""
    flux: str = ""
    peak: str = ""
    major: str = ""
    pa: str = ""
    ra_unit: Literal["", "deg", "hour"] = ""


ANY = Columns()


@dataclass
class Read:
    """A column of a table as it was read."""

    name: str
    values: Sequence[Any]
    unit: str = ""
    ucd: str = ""


def is_table(argument: str) -> bool:
    """Is this the name of a file that holds a table?"""
    path = Path(argument)
    return path.suffix.lower() in SUFFIXES or "\0" not in argument and len(argument) < 4096 and path.is_file()


def read(path: Path, said: Columns, parse: Parse, resolve: Callable[[str], Position]) -> list[Target]:
    """A target a row; rows whose position is nonsense have an error. Raises ArchiveError for a table without positions.

    Only a column of names that was said is resolved (``resolve``) where the table holds no coordinates.
    """
    table = _columns(path)
    names, labels = _pick(table, said.name, (), NAME, path), _pick(table, said.label, (), LABEL, path)
    ra = _pick(table, said.ra, ("pos.eq.ra;meta.main", "pos_eq_ra_main", "pos.eq.ra"), RA, path)
    dec = _pick(table, said.dec, ("pos.eq.dec;meta.main", "pos_eq_dec_main", "pos.eq.dec"), DEC, path)
    count = len(next(iter(table.values())).values) if table else 0
    if count > MOST_ROWS:
        raise ArchiveError(f"{path.name} has {count:,} rows: split it into tables of {MOST_ROWS:,}.")
    ids = [f"{path.name}:{row}" for row in range(1, count + 1)]
    if names is not None:
        ids = [_text(value) or told for value, told in zip(names.values, ids, strict=True)]
    classes = [_text(value) for value in labels.values] if labels is not None else [""] * count
    if ra is None or dec is None:
        if names is None or not said.name:
            known = ", ".join(list(table)[:8])
            raise ArchiveError(
                f"{path.name} has no columns of right ascension and declination among {known}: name them (--columns)."
            )
        return [_target(one, label, partial(resolve, one)) for one, label in zip(ids, classes, strict=True)]
    hours = _is_hours(ra, said, path)
    scale = 15.0 if hours else _degrees(ra)
    down = _degrees(dec)
    found = []
    more = _sizes(table, said, count, path)
    for one, label, first, second, sizes in zip(ids, classes, ra.values, dec.values, more, strict=True):
        target = _target(one, label, partial(_place, first, second, scale, down, parse))
        found.append(target if target.error else replace(target, **sizes))
    return found


def _sizes(table: dict[str, Read], said: Columns, count: int, path: Path) -> list[dict[str, Any]]:
    """Flux, peak, major axis (arcsec) and position angle of each row, as far as the table has them and they are any.

    A flux or peak that is not above zero is none: source finders write 0 for what they could not fit.
    """
    usual = {"flux": FLUX, "peak": PEAK, "major": MAJOR, "pa": PA}
    picked = {
        key: _pick(table, getattr(said, key), FLUX_UCD if key == "flux" else (), names, path)
        for key, names in usual.items()
    }
    found: list[dict[str, Any]] = [{} for _ in range(count)]
    for key, column in picked.items():
        if column is None:
            continue
        factor = (
            _degrees(column) * 3600.0 if key == "major" and column.unit.lower() in ("deg", "degree", "rad") else 1.0
        )
        for row, value in enumerate(column.values):
            number = _number(value)
            if number is not None and math.isfinite(number) and (number > 0 or key in ("major", "pa")):
                found[row][key] = number * factor
    return found


def _target(name: str, label: str, place: Callable[[], Position]) -> Target:
    try:
        ra, dec = place()
    except ArchiveError as error:
        return Target(name, label=label, error=str(error))
    return Target(name, ra, dec, label)


def _place(first: Any, second: Any, scale: float, down: float, parse: Parse) -> Position:
    numbers = _number(first), _number(second)
    if numbers[0] is not None and numbers[1] is not None:
        text = f"{numbers[0] * scale!r} {numbers[1] * down!r}"
    elif _text(first) and _text(second):
        text = f"{_text(first)} {_text(second)}"
    else:
        raise ArchiveError("The row has no position.")
    found = parse(text)
    if found is None:
        raise ArchiveError(f"{text[:60]} is no position: RA and Dec are degrees, or hours and degrees with minutes.")
    return found


def _is_hours(ra: Read, said: Columns, path: Path) -> bool:
    """Is right ascension in hours? Raises ArchiveError where it may be and nothing says so."""
    if said.ra_unit:
        return said.ra_unit == "hour"
    if ra.unit.lower() in ("h", "hr", "hour", "hours", "hourangle"):
        return True
    if ra.unit:
        return False
    if ra.name.lower() in HOURS:
        return True
    numbers = [value for value in map(_number, ra.values) if value is not None and math.isfinite(value)]
    if len(numbers) >= 10 and min(numbers) >= 0 and max(numbers) < 24 and max(numbers) - min(numbers) > 12:
        raise ArchiveError(
            f"All right ascensions of {path.name} lie between 0 and 24: say if they are hours (--ra-unit hour or deg)."
        )
    return False


def _degrees(column: Read) -> float:
    """What numbers of a column times this are degrees."""
    if column.unit.lower() in ("rad", "radian", "radians"):
        return 180.0 / math.pi
    if column.unit.lower() in ("arcsec", "arcsecond"):
        return float(u.arcsec.to(u.deg))
    return 1.0


def _pick(table: dict[str, Read], said: str, ucds: Iterable[str], usual: Iterable[str], path: Path) -> Read | None:
    """The column that was said, else the one with the first of these UCDs, else with the first of these names."""
    if said:
        if said not in table:
            raise ArchiveError(f"{path.name} has no column {said}; it has {', '.join(list(table)[:12])}.")
        return table[said]
    for ucd in ucds:
        for column in table.values():
            if column.ucd.strip().lower() == ucd:
                return column
    folded = {name.strip().lower(): column for name, column in reversed(table.items())}
    return next((folded[name] for name in usual if name in folded), None)


def _columns(path: Path) -> dict[str, Read]:
    """All columns of a table by name."""
    suffix = path.suffix.lower()
    with mapped(lambda error: ArchiveError(f"{path.name} cannot be read as a table ({reason(error)}).")):
        if not path.is_file():
            raise ArchiveError(f"There is no file {path}.")
        if suffix == ".parquet":
            return _parquet(path)
        if suffix in (".fits", ".fit"):
            return _fits(path)
        if suffix in (".vot", ".xml", ".votable"):
            return _votable(path)
        return _csv(path)


def _csv(path: Path) -> dict[str, Read]:
    text = path.read_bytes().decode("utf-8-sig", "replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    separator = "\t" if lines and "\t" in lines[0] else ";" if lines and ";" in lines[0] else ","
    rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator))
    head = [name.strip() for name in rows[0]] if rows else []
    body = [row + [""] * (len(head) - len(row)) for row in rows[1:]]
    return {name: Read(name, [row[place] for row in body]) for place, name in enumerate(head)}


def _votable(path: Path) -> dict[str, Read]:
    with answers.reading():
        table = votable.parse(path, verify="ignore").get_first_table()
    found = {}
    for field in table.fields:
        values = table.array[field.ID]
        blank = np.ma.getmaskarray(values)
        plain = [None if is_blank else value for value, is_blank in zip(values.data, blank, strict=True)]
        found[field.name] = Read(field.name, plain, str(field.unit or ""), field.ucd or "")
    return found


def _fits(path: Path) -> dict[str, Read]:
    with answers.reading(), fits.open(path, memmap=False) as hdus:
        table = next((hdu for hdu in hdus if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))), None)
        if table is None:
            raise ArchiveError(f"{path.name} is an image, not a table of positions.")
        names = enumerate(table.columns.names, 1)
        return {
            name: Read(
                name, table.data[name].tolist(), table.columns[name].unit or "", table.header.get(f"TUCD{n}", "")
            )
            for n, name in names
        }


def _parquet(path: Path) -> dict[str, Read]:
    table = parquet.read_table(path)
    found = {}
    for field in table.schema:
        said = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        values = table.column(field.name).to_pylist()
        found[field.name] = Read(field.name, values, said.get("unit", ""), said.get("ucd", ""))
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return float(value)
    return None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()
