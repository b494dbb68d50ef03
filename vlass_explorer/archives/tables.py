"""Tables of positions: CSV, VOTable, FITS and Parquet, their columns found by UCD, by name, or as said.

Right ascension is in degrees unless its column says otherwise, by unit, by name (``ra_h``) or by its values (12:30:49).
Numbers without a unit that all lie between 0 and 24, spread over more than half of that, are not guessed at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from .. import tabular
from ..schema import ArchiveError, Target
from ..tabular import Read, number, pick, text
from .contract import Position

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


def is_table(argument: str) -> bool:
    """Is this the name of a file that holds a table?"""
    path = Path(argument)
    return path.suffix.lower() in tabular.SUFFIXES or "\0" not in argument and len(argument) < 4096 and path.is_file()


def read(path: Path, said: Columns, parse: Parse, resolve: Callable[[str], Position]) -> list[Target]:
    """A target a row; rows whose position is nonsense have an error. Raises ArchiveError for a table without positions.

    Only a column of names that was said is resolved (``resolve``) where the table holds no coordinates.
    """
    table = tabular.columns(path)
    names = pick(table, said.name, (), tabular.NAME, path.name)
    labels = pick(table, said.label, (), LABEL, path.name)
    ra = pick(table, said.ra, tabular.RA_UCDS, tabular.RA, path.name)
    dec = pick(table, said.dec, tabular.DEC_UCDS, tabular.DEC, path.name)
    count = len(next(iter(table.values())).values) if table else 0
    if count > MOST_ROWS:
        raise ArchiveError(f"{path.name} has {count:,} rows: split it into tables of {MOST_ROWS:,}.")
    ids = [f"{path.name}:{row}" for row in range(1, count + 1)]
    if names is not None:
        ids = [text(value) or told for value, told in zip(names.values, ids, strict=True)]
    classes = [text(value) for value in labels.values] if labels is not None else [""] * count
    if ra is None or dec is None:
        if names is None or not said.name:
            known = ", ".join(list(table)[:8])
            raise ArchiveError(
                f"{path.name} has no columns of right ascension and declination among {known}: name them (--columns)."
            )
        return [_target(one, label, partial(resolve, one)) for one, label in zip(ids, classes, strict=True)]
    hours = said.ra_unit == "hour" if said.ra_unit else tabular.is_hours(ra, path.name, "--ra-unit hour or deg")
    scale = 15.0 if hours else tabular.degrees(ra)
    down = tabular.degrees(dec)
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
        key: pick(table, getattr(said, key), FLUX_UCD if key == "flux" else (), names, path.name)
        for key, names in usual.items()
    }
    found: list[dict[str, Any]] = [{} for _ in range(count)]
    for key, column in picked.items():
        if column is None:
            continue
        factor = (
            tabular.degrees(column) * 3600.0
            if key == "major" and column.unit.lower() in ("deg", "degree", "rad")
            else 1.0
        )
        for row, value in enumerate(column.values):
            size = number(value)
            if size is not None and math.isfinite(size) and (size > 0 or key in ("major", "pa")):
                found[row][key] = size * factor
    return found


def _target(name: str, label: str, place: Callable[[], Position]) -> Target:
    try:
        ra, dec = place()
    except ArchiveError as error:
        return Target(name, label=label, error=str(error))
    return Target(name, ra, dec, label)


def _place(first: Any, second: Any, scale: float, down: float, parse: Parse) -> Position:
    numbers = number(first), number(second)
    if numbers[0] is not None and numbers[1] is not None:
        words = f"{numbers[0] * scale!r} {numbers[1] * down!r}"
    elif text(first) and text(second):
        words = f"{text(first)} {text(second)}"
    else:
        raise ArchiveError("The row has no position.")
    found = parse(words)
    if found is None:
        raise ArchiveError(f"{words[:60]} is no position: RA and Dec are degrees, or hours and degrees with minutes.")
    return found
