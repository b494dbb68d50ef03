"""``audit``: a blind sample of a table for a person to label; with --labels what the labels say of the answers.

audit TABLE --checkpoint NAME --out SHEET.csv draws rows of each class in random order; fill in the last column and ask
audit TABLE --checkpoint NAME --labels SHEET.csv for purity and completeness by class, with intervals.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..schema import CatalogueError, TableError
from .terminal import say, shown

if TYPE_CHECKING:
    from ..catalogue.audit import Share


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("audit", help="how pure and complete the classes of a table are", description=__doc__)
    command.add_argument("table", type=Path, metavar="TABLE", help="table of classify or predict")
    command.add_argument("--checkpoint", default="", metavar="NAME", help="whose answers, where a table has several")
    command.add_argument("--count", type=int, default=100, metavar="N", help="rows of the sample (100)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the sample")
    way = command.add_mutually_exclusive_group(required=True)
    way.add_argument("--out", type=Path, metavar="FILE", help="CSV of the sample, to fill in")
    way.add_argument("--labels", type=Path, metavar="FILE", help="the CSV with labels")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the sample, or read its labels."""
    from ..catalogue import audit
    from ..export import tables
    from ..schema.rows import class_names

    rows = tables.read_rows(args.table)
    asked = list(dict.fromkeys(row.checkpoint for row in rows if row.checkpoint))
    if args.checkpoint not in asked and (args.checkpoint or len(asked) != 1):
        raise CatalogueError(f"The table holds answers of {', '.join(asked) or 'no checkpoint'}: name one.")
    name = args.checkpoint or asked[0]
    if args.out is not None:
        if args.out.exists():
            raise TableError(f"{args.out} exists, perhaps with labels: name another file.")
        sample = audit.drawn(rows, name, max(1, args.count), args.seed)
        args.out.write_text(audit.sheet(sample), encoding="utf-8")
        known = ", ".join(class_names(rows))
        say(shown(f"{args.out}: {len(sample)} rows to label, each {known} or {audit.NONE}; then --labels {args.out}."))
        return 0
    classes = class_names([row for row in rows if row.checkpoint == name])
    given = audit.labels(args.labels.read_text(encoding="utf-8"), classes)
    for one in audit.judged(rows, name, given, classes, args.seed):
        say(
            shown(
                f"{one.label:12} {one.called:,} rows, {one.looked_at} looked at: purity {_told(one.purity)}, "
                f"completeness {_told(one.completeness)}"
            )
        )
    return 0


def _told(share: Share) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "not known"
    return f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f}, 95 %)"
