"""``work`` and ``merge``: a share of a planned classification on any machine, and the table of one that is done.

``classify`` does both by itself on this machine, and has SLURM do them with --slurm. For another batch system run
``work DIR --task I --of N`` for I from 0 to N-1, on any machine that sees the folder, then ``merge DIR``.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .. import devices
from ..schema import CatalogueError
from . import answers
from .terminal import FAILED, say, shown

TABLES = (".parquet", ".csv", ".vot", ".fits")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the commands."""
    work = commands.add_parser("work", help="do a share of a classification", description=__doc__)
    work.add_argument("folder", type=Path, metavar="DIR", help="folder that classify has planned")
    work.add_argument("--task", type=int, metavar="I", help="which share, from 0 (the task of SLURM's job array)")
    work.add_argument("--of", type=int, default=1, metavar="N", help="number of shares (1)")
    work.add_argument("--workers", type=int, default=0, metavar="N", help="processes (one a core)")
    work.add_argument("--device", default="auto", help="auto (a GPU when there is one), cpu, cuda, cuda:0, mps")
    work.set_defaults(run=run_work)
    merge = commands.add_parser("merge", help="make the table of a classification", description=__doc__)
    merge.add_argument("folder", type=Path, metavar="DIR", help="folder that classify has planned")
    merge.add_argument("--table", default=".parquet", choices=TABLES, help="format of the table")
    answers.add(merge)
    merge.set_defaults(run=run_merge)


def run_work(args: argparse.Namespace) -> int:
    """Do the shards of one share."""
    from ..catalogue import array, plan, pool

    told = os.environ.get("SLURM_ARRAY_TASK_ID", "0")
    task = args.task if args.task is not None else int(told)
    if not 0 <= task < args.of:
        raise CatalogueError(f"There is no share {task} of {args.of}: count from 0 to {args.of - 1}.")
    devices.check_name(args.device)
    made = plan.read(args.folder)
    shards = array.share(made, task, args.of)
    pool.run(args.folder, args.workers if args.workers > 0 else pool.cores(), args.device, shards)
    say(shown(f"{args.folder}: share {task} of {args.of} is done, {len(shards)} of {made.shards} shards."))
    return 0


def run_merge(args: argparse.Namespace) -> int:
    """Merge, and say what was proven."""
    from ..catalogue import merge, plan

    answers.check(args)
    made = plan.read(args.folder)
    merged = merge.merge(made, args.folder / f"table{args.table}")
    say(shown(str(merged)))
    if args.one_row_per_source or args.prior:
        answers.run(args, merged.path, plan.cards(made))
    return FAILED if merged.errors else 0
