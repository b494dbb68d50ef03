"""What a finished table of ``classify`` is asked: one row a source, and how many of each class there are.

Options of ``classify`` and ``merge`` alike, which both end with a table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..schema import CatalogueError, Checkpoint, TableError
from .terminal import say, shown

SOURCES = "sources.parquet"
EM = "em"


def add(command: argparse.ArgumentParser) -> None:
    """Register the options."""
    command.add_argument(
        "--one-row-per-source",
        action="store_true",
        help=f"write {SOURCES}, too: the one answer of each source, by the rule in docs/catalogues.md",
    )
    command.add_argument(
        "--prior",
        metavar="CLASS=SHARE,...",
        help="print how many of each class there are, for these fractions of the classes, or em: estimate them",
    )


def check(args: argparse.Namespace) -> dict[str, float] | None:
    """The fractions of ``--prior``, before the work; raises CatalogueError and TableError."""
    if (args.one_row_per_source or args.prior) and args.table != ".parquet":
        raise TableError("One row a source and counts are taken from a .parquet table: give --table .parquet.")
    return None if args.prior in (None, EM) else _fractions(args.prior)


def run(args: argparse.Namespace, table: Path, cards: list[Checkpoint]) -> None:
    """Do what was asked for with a finished table."""
    fractions = check(args)
    if args.one_row_per_source:
        from ..catalogue import sources

        chosen = sources.write(table, table.with_name(SOURCES))
        of = f"{int(chosen.counts.sum()):,} rows are {len(chosen.rows):,} sources"
        say(shown(f"{table.with_name(SOURCES)}: {of}, {int(chosen.matched.sum()):,} answered at the beam of training."))
        table = table.with_name(SOURCES)
    if args.prior:
        for card in cards:
            _count(table, card, fractions)


def _count(table: Path, card: Checkpoint, fractions: dict[str, float] | None) -> None:
    from ..catalogue import counts

    called, left = counts.of_table(table, card.name)
    say(shown(f"{card.name}: {sum(called.values()):,} rows with an answer, {left:,} without or outside are left out."))
    if not called:
        return
    for one in counts.corrected(card.label_names, called, counts.confusion(card), fractions):
        say(
            shown(
                f"  {one.label:12} called {one.called:,}, corrected {one.count:,.0f} "
                f"({one.low:,.0f} to {one.high:,.0f}, 95 %)"
            )
        )
    say(f"  {counts.ASSUMED}")


def _fractions(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in text.split(","):
        label, sign, share = pair.rpartition("=")
        try:
            found[label.strip()] = float(share)
        except ValueError:
            sign = ""
        if not sign or not label.strip():
            raise CatalogueError(f"{pair.strip()!r} is no CLASS=SHARE: give --prior FRI=0.3,FRII=0.7 or --prior em.")
    return found
