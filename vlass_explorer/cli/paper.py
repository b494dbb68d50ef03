"""``paper``: what a paper needs of a folder that ``classify`` has finished, written into a new folder.

funnel.csv (adds up), table.mrt (the AAS's machine-readable table), methods.tex and references.bib with hashes and
versions, and stamps.pdf: sources of every class with beams and contours.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..schema import CatalogueError, Cutout, ExplorerError, Row, TableError
from .terminal import complain, say, shown

if TYPE_CHECKING:
    from ..catalogue.plan import Plan


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser(
        "paper", help="funnel, table, paragraph and stamps of a catalogue", description=__doc__
    )
    command.add_argument("folder", type=Path, metavar="DIR", help="folder that classify has finished")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    command.add_argument("--checkpoint", default="", metavar="NAME", help="whose answers, where several were asked")
    command.add_argument("--stamps", type=int, default=10, metavar="N", help="stamps of each class (10)")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files."""
    from ..catalogue import paper, plan, stamps
    from ..export import tables

    made = plan.read(args.folder)
    names = [one.name for one in made.asked]
    if not args.checkpoint and len(names) > 1:
        raise CatalogueError(f"{args.folder} asks {', '.join(names)}: name one (--checkpoint).")
    found = {card.name: card for card in plan.cards(made)}
    card = found.get(args.checkpoint or names[0])
    if card is None:
        raise CatalogueError(f"{args.folder} does not ask {args.checkpoint}: it asks {', '.join(names)}.")
    table = args.folder / "table.parquet"
    if not table.is_file():
        raise CatalogueError(f"{args.folder} has no table.parquet yet: finish it with classify or merge.")
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise TableError(f"{args.out} is not an empty folder: name a new one.")
    rows = paper.of(tables.read_rows(table), card)
    steps = paper.funnel(rows, card)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "funnel.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([("step", "rows"), *steps.lines()])
    (args.out / "table.mrt").write_text(paper.mrt(rows), encoding="ascii")
    (args.out / "methods.tex").write_text(paper.methods(steps, rows, card), encoding="utf-8")
    (args.out / "references.bib").write_text(paper.bibtex(rows, card), encoding="utf-8")
    some = stamps.chosen(rows, card.label_names, max(1, args.stamps))
    count = stamps.write(args.out / "stamps.pdf", _opened(made, some))
    told = f"{steps.asked:,} asked, {steps.asked - steps.unread:,} found, {steps.classified:,} classified"
    say(shown(f"{args.out}: {told}, {count} stamps."))
    return 0


def _opened(made: Plan, rows: Sequence[Row]) -> Iterator[tuple[Row, Cutout]]:
    """The cutouts of rows, read as they were when they were classified; what has gone since is said."""
    from ..catalogue import shard

    wanted = {row.id: row for row in rows}
    inputs = {one.id: one for number in range(made.shards) for _, one in made.inputs(number) if one.id in wanted}
    for name, row in wanted.items():
        cutout = shard.opened(made, inputs[name])
        if isinstance(cutout, ExplorerError):
            complain(str(cutout), name)
        else:
            yield row, cutout
