"""``simulate``: labelled VLASS-like cutouts, as FITS with labels.csv, in a new or empty folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from .terminal import say, shown


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("simulate", help="make labelled simulated cutouts", description=__doc__)
    command.add_argument("--count", type=int, required=True, metavar="N", help="number of cutouts; classes take turns")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    command.add_argument("--seed", type=int, default=0, help="the same seed makes the same cutouts (0)")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the cutouts and say where and how many of each class."""
    from ..datasets import simulated

    data_set = simulated.write(args.out, args.count, args.seed)
    counts = ", ".join(f"{count} {label}" for label, count in data_set.counts.items())
    say(shown(f"{args.out}: {len(data_set)} simulated cutouts ({counts})"))
    return 0
