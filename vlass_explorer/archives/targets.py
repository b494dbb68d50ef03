"""From what people write to positions: degrees, sexagesimal, names, tables; each nonsense gets its own sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from astropy import units as u
from astropy.coordinates import SkyCoord

from ..foreign import mapped
from ..progress import report
from ..schema import ArchiveError, Target
from . import names, tables
from .ask import Client
from .contract import Position

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SEXAGESIMAL = re.compile(
    r"\d{1,2}\s*[:h\s]\s*\d{1,2}\s*[:m\s]\s*\d{1,2}(\.\d*)?\s*s?\s*[,\s]?\s*"
    r"[+-]?\s*\d{1,2}\s*[:d\s°]\s*\d{1,2}\s*[:m'\s′]\s*\d{1,2}(\.\d*)?\s*[s\"″]?"
)


def position(text: str) -> Position | None:
    """(RA, Dec) in degrees of a position in degrees or hours, minutes, seconds; None for a text that is a name.

    Raises ArchiveError for numbers that are no place on the sky.
    """
    text = text.strip().replace("−", "-")
    parts = re.split(r"[\s,;]+", text)
    if len(parts) == 2 and all(NUMBER.fullmatch(part) for part in parts):
        return checked(float(parts[0]), float(parts[1]), text)
    if not SEXAGESIMAL.fullmatch(text):
        return None
    plain = re.sub(r"[:hmsd°'\"′″,]", " ", text)
    with mapped(lambda _: ArchiveError(f"{text} is no position on the sky.")):
        found = SkyCoord(" ".join(plain.split()), unit=(u.hourangle, u.deg))
        return checked(float(found.ra.deg), float(found.dec.deg), text)


def checked(ra: float, dec: float, text: str) -> Position:
    """A position in degrees, RA below 360; raises ArchiveError for one that lies nowhere."""
    if not (math.isfinite(ra) and math.isfinite(dec)):
        raise ArchiveError(f"{text} is no position: RA and Dec are numbers.")
    if not -90.0 <= dec <= 90.0:
        raise ArchiveError(f"{text} is no position: Dec is -90 to 90 degrees.")
    if not -360.0 <= ra <= 360.0:
        raise ArchiveError(f"{text} is no position: RA is 0 to 360 degrees.")
    return ra % 360.0, dec


def given(
    arguments: Sequence[str],
    client: Client,
    columns: tables.Columns = tables.ANY,
) -> list[Target]:
    """The targets of a list of positions, names and files of tables, in order, each with an identifier of its own.

    What is no position is a target with an error. Raises ArchiveError for a table that cannot be used at all.
    """
    found: list[Target] = []
    for argument in arguments:
        path = Path(argument)
        if tables.is_table(argument):
            found += tables.read(path, columns, position, lambda name: names.resolve(name, client))
        else:
            found.append(of_text(argument, client))
        report(len(found), len(found) + len(arguments))
    return unique(found)


def of_text(text: str, client: Client) -> Target:
    """The target that one text means."""
    try:
        ra, dec = position(text) or names.resolve(text, client)
    except ArchiveError as error:
        return Target(text or "(nothing)", error=str(error))
    return Target(text, ra, dec)


def unique(targets: Sequence[Target]) -> list[Target]:
    """The targets, with a number behind an identifier that was there before."""
    seen: dict[str, int] = {}
    result = []
    for target in targets:
        name = target.id
        while name in seen:
            seen[target.id] += 1
            name = f"{target.id}#{seen[target.id]}"
        seen[name] = 1
        result.append(target if name == target.id else replace(target, id=name))
    return result
