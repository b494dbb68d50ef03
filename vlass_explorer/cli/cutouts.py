"""``cutouts``: images of a survey around positions, names or the rows of tables, with one verdict for each.

Writes DIR/cutouts/*.fits, the survey's noise images in DIR/rms/, a table with a row for every product and
DIR/manifest.json. Run again, it goes on where it was stopped and asks anew for what failed; what it has, it keeps.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tqdm import tqdm

from ..progress import watch
from ..schema import ArchiveError, Found, Target
from .terminal import FAILED, complain, say, shown

if TYPE_CHECKING:
    from ..archives import Columns
    from ..catalogue.grouping import Grouping

UNITS = {"arcsec": 1.0, '"': 1.0, "″": 1.0, "arcmin": 60.0, "'": 60.0, "′": 60.0, "deg": 3600.0}
LARGEST = 3600.0
KEYS = ("ra", "dec", "name", "label", "flux", "peak", "major", "pa")
HINTED = 5000  # positions up to which a list that is not grouped is looked at for what belongs together
FETCHED = 2.0  # times the size: edges of a smoothing kernel, neighbours, and sky to measure the noise on


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("cutouts", help="fetch images of the sky", description=__doc__)
    command.add_argument(
        "positions", nargs="+", metavar="POSITION", help="RA Dec (degrees or 12:30:49 +12:23:28), name, or table file"
    )
    command.add_argument(
        "--survey",
        default="vlass",
        metavar="NAMES",
        help="vlass, first, hips (for looking), tiles; several with commas",
    )
    command.add_argument(
        "--size", type=_size, default=180.0, metavar="SIZE", help="side of the square: 3arcmin, 90arcsec"
    )
    command.add_argument(
        "--fetch", type=_size, metavar="SIZE", help="side that is fetched around it (twice the size)", dest="fetched"
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder, perhaps one to go on with")
    command.add_argument(
        "--table", default=".parquet", choices=(".parquet", ".csv", ".vot", ".fits"), help="format of the table"
    )
    command.add_argument(
        "--columns",
        default="",
        metavar="KEY=NAME,…",
        help=f"columns of the tables: {', '.join(f'{key}=…' for key in KEYS)}",
    )
    command.add_argument(
        "--group",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="take positions that are parts of one source together (off by default)",
    )
    command.add_argument("--ra-unit", choices=("deg", "hour"), default="", help="unit of right ascension in tables")
    command.add_argument("--tiles", type=Path, metavar="DIR", help="folder of VLASS tiles, for --survey tiles")
    command.add_argument("--refresh", action="store_true", help="ask the services even for what is in the cache")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fetch, write table and manifest, and say how many of each verdict."""
    from .. import archives
    from ..archives import fetching
    from ..catalogue import cautions, grouping
    from ..export import tables

    chosen = [archives.service(name.strip()) for name in args.survey.split(",") if name.strip()]
    fetched = max(args.size, args.fetched or FETCHED * args.size)
    order = fetching.Order(tuple(dict.fromkeys(chosen)), args.size, fetched)
    table = args.out / f"catalogue{args.table}"
    client = archives.Client(refresh=args.refresh, tiles=args.tiles)
    with _bar("positions"):
        targets = archives.given(args.positions, client, _columns(args.columns, args.ra_unit))
    if not targets:
        raise ArchiveError("There is no position: the tables are empty.")
    asked, made = targets, grouping.group(targets) if args.group else None
    if made is not None:
        targets = list(made.targets)
    if told := _grouped(asked, made):
        say(shown(told))
    with _bar("cutouts", len(targets) * len(order.services)):
        journal = fetching.run(targets, order, args.out, client)
    rows = list(journal.rows(targets, [service.SERVICE for service in order.services]))
    if made is not None:
        rows = list(cautions.annotated(rows, made))
    rows = list(cautions.near_bright(rows, asked, made))
    _tell(rows)
    tables.write_found(table, rows, overwrite=True)
    journal.manifest(rows)
    say(shown(f"{table}: {_counts(rows)}"))
    return FAILED if any(row.failed for row in rows) else 0


def _grouped(targets: list[Target], made: Grouping | None) -> str:
    """Whether and how rows were taken together, and of a short list that they were not; "" for one position."""
    from ..catalogue import grouping

    if made is not None:
        return f"Grouping is on: {made.sentence}"
    if not 1 < len(targets) <= HINTED:
        return ""
    would = grouping.group(targets)
    return f"Grouping is off (--group): {would.sentence}" if would.joined else ""


def _tell(rows: list[Found], most: int = 20) -> None:
    """A sentence for each row that failed, the first of them; the table holds all."""
    failed = [row for row in rows if row.failed]
    for row in failed[:most]:
        complain(row.error or row.reason or "failed", row.id)
    if len(failed) > most:
        complain(f"{len(failed) - most} more failed: the table says why.")


def _counts(rows: list[Found]) -> str:
    counts = Counter(row.verdict if row.error is None else "not asked" for row in rows)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def _size(text: str) -> float:
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz\"'″′ ")
    unit = text[len(number) :].strip()
    try:
        value = float(number) * UNITS[unit]
    except (ValueError, KeyError) as error:
        raise argparse.ArgumentTypeError("a size is a number with a unit: 3arcmin, 90arcsec") from error
    if not 5.0 <= value <= LARGEST:
        raise argparse.ArgumentTypeError(f"a size is 5arcsec to {LARGEST / 60:.0f}arcmin")
    return value


def _columns(text: str, ra_unit: Literal["", "deg", "hour"]) -> Columns:
    pairs = [part.partition("=") for part in text.split(",") if part]
    wrong = [key for key, _, value in pairs if key.strip() not in KEYS or not value]
    if wrong:
        raise ArchiveError(f"--columns takes {', '.join(f'{key}=…' for key in KEYS)}, not {wrong[0]!r}.")
    from ..archives import Columns as Said

    return Said(ra_unit=ra_unit, **{key.strip(): value.strip() for key, _, value in pairs})


@contextmanager
def _bar(what: str, total: int = 0) -> Iterator[None]:
    """A bar on standard error where that is a terminal, moved by what reports progress inside."""
    with (
        tqdm(total=total or 1, unit=what[:-1], disable=None, leave=False) as bar,
        watch(lambda share: _move(bar, share)),
    ):
        yield


def _move(bar: tqdm, share: float) -> None:
    bar.n = int(share * bar.total)
    bar.refresh()
