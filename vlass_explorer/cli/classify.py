"""``classify``: a whole catalogue, every input answered or accounted for, by several checkpoints in one pass.

Writes DIR/table.parquet with a row for each input and checkpoint. Killed and run again, it goes on where it was; done
is what has a valid footer. At the end it proves that all that came in went out once, in one line.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from .. import checkpoints, devices
from ..checkpoints import tasks
from ..progress import watch
from ..schema import CatalogueError
from . import answers, inputs
from .parts import TABLES
from .terminal import FAILED, complain, say, shown

if TYPE_CHECKING:
    from ..catalogue.array import Submitted
    from ..catalogue.merge import Merged
    from ..catalogue.plan import How, Input, Plan

OUTSIDE = "It lies outside of the folders that may be read here."
EVERY = 30.0  # seconds between two lines of a log


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    command = commands.add_parser("classify", help="classify a whole catalogue", description=__doc__)
    command.add_argument("files", nargs="*", metavar="INPUT", help="file, folder, or quoted pattern")
    command.add_argument(
        "--positions", nargs="+", default=[], metavar="POSITION", help="positions or tables of them, cut from --tiles"
    )
    command.add_argument("--tiles", type=Path, metavar="DIR", help="folder of whole VLASS tiles or mosaics")
    command.add_argument(
        "--list", type=Path, metavar="FILE", help="text file with a name a line, or table with a column file or path"
    )
    command.add_argument(
        "--below", type=Path, nargs="+", default=[], metavar="DIR", help="read only files below these folders"
    )
    command.add_argument("--checkpoint", nargs="+", required=True, metavar="NAME", help="see the command checkpoints")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder, perhaps one to go on with")
    command.add_argument("--table", default=".parquet", choices=TABLES, help="format of the table")
    command.add_argument("--match", action="store_true", help=inputs.MATCH + ", beside the answer as it is")
    command.add_argument(
        "--no-flux", action="store_true", help="leave out fluxes and sizes of sources, which take time"
    )
    command.add_argument(
        "--how-sure",
        action="store_true",
        help="calibrated score, prediction set, distance from the training data, the eight flips and turns",
    )
    command.add_argument("--local-background", action="store_true", help="subtract the sky around each source")
    command.add_argument("--workers", type=int, default=0, metavar="N", help="processes (one a core)")
    command.add_argument("--device", default="auto", help="auto (a GPU when there is one), cpu, cuda, cuda:0, mps")
    answers.add(command)
    inputs.add_reading(command)
    cluster = command.add_argument_group("SLURM", "a job array in place of processes on this machine")
    cluster.add_argument("--slurm", action="store_true", help="submit what is missing, and a job that merges behind it")
    cluster.add_argument("--partition", default="", help="partition (the cluster's default)")
    cluster.add_argument("--account", default="", help="account that is charged (the user's default)")
    cluster.add_argument("--minutes", type=int, default=240, help="time limit of a task (240)")
    cluster.add_argument("--cpus", type=int, default=1, help="cores of a task (1)")
    cluster.add_argument(
        "--tasks", type=int, default=0, help="tasks of the array (one a shard, or what the cluster takes)"
    )
    cluster.add_argument("--limit", type=int, default=0, help="most tasks at a time (all)")
    command.add_argument(
        "--dask",
        default="",
        metavar="SCHEDULER",
        help="address of a Dask scheduler whose workers see the folder, or local; needs the extra vlass-explorer[dask]",
    )
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer what the folder lacks, merge, and say what was proven."""
    from ..catalogue import parts

    made = planned(args)
    if args.slurm:
        submit(args)
        return 0
    with _bar(made.count, parts.answered(made)):
        work(args)
    return FAILED if finish(args, made).errors else 0


def planned(args: argparse.Namespace) -> Plan:
    """The plan that the words ask for, made or found in the folder; says how much of it is answered."""
    from ..catalogue import parts, plan

    cards = [tasks.require(checkpoints.find(name), "classification") for name in dict.fromkeys(args.checkpoint)]
    answers.check(args)
    devices.check_name(args.device)
    if args.slurm and args.dask:
        raise CatalogueError("Name one engine, --slurm or --dask.")
    made = plan.make(args.out, _inputs(args), cards, _how(args), cores=_workers(args))
    if before := parts.answered(made):
        complain(f"{before:,} of {made.count:,} inputs were answered before: going on.")
    return made


def work(args: argparse.Namespace) -> None:
    """Answer what the folder lacks, by the processes of this machine or by Dask; reports progress."""
    if args.dask:
        from ..catalogue import dask_cluster

        dask_cluster.run(args.out, args.dask, _workers(args), "cpu" if args.device == "auto" else args.device)
        return
    from ..catalogue import pool

    pool.run(args.out, _workers(args), args.device)


def finish(args: argparse.Namespace, made: Plan) -> Merged:
    """Merge, say what was proven, and do what the finished table is asked."""
    from ..catalogue import merge, plan

    merged = merge.merge(made, args.out / f"table{args.table}")
    say(shown(str(merged)))
    answers.run(args, merged.path, plan.cards(made))
    return merged


def submit(args: argparse.Namespace) -> Submitted:
    """Submit what the folder lacks to SLURM."""
    from ..catalogue import array
    from ..launchers import slurm

    resources = slurm.Resources(args.partition, minutes=args.minutes, cpus=args.cpus, account=args.account)
    device = "cpu" if args.device == "auto" else args.device
    told = array.submit(args.out, resources, device=device, table=args.table, tasks=args.tasks, limit=args.limit)
    say(
        shown(
            f"{args.out}: job {told.job} of {told.tasks} tasks; job {told.merging} makes table{args.table} behind it."
        )
    )
    return told


def _workers(args: argparse.Namespace) -> int:
    from ..catalogue import pool

    return int(args.workers) if args.workers > 0 else pool.cores()


def _inputs(args: argparse.Namespace) -> list[Input]:
    """Files and positions in the order given, each with an id; what is given twice is said and kept apart."""
    from ..catalogue.plan import Input

    names = [*args.files, *(_listed(args.list) if args.list is not None else [])]
    # Absolute: a shard may be worked on from another folder.
    found = [
        Input(name, "" if error else os.path.abspath(name), error=error)  # noqa: PTH100
        for name, error in inputs.expand_each(names)
    ]
    if args.below:
        roots = [path.resolve() for path in args.below]
        found = [one if not one.file or _is_below(one.file, roots) else Input(one.id, error=OUTSIDE) for one in found]
    if args.positions:
        if args.tiles is None:
            raise CatalogueError(
                "Positions are cut from tiles on this machine: name their folder (--tiles), or fetch the images first "
                "with the command cutouts."
            )
        from .. import archives

        for target in archives.given(args.positions, archives.Client(), archives.Columns()):
            found.append(Input(target.id, "", None if target.error else target.position, target.error))
    told, again = inputs.ids([one.id for one in found])
    if again:
        complain(
            f"{again:,} input{'s are' if again > 1 else ' is'} given more than once: each is a row of its own, with a "
            "number behind its id."
        )
    return [replace(one, id=id) for one, id in zip(found, told, strict=True)]


def _listed(path: Path) -> list[str]:
    from ..catalogue import listed

    try:
        return listed.names(path.read_bytes(), path.name)
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read ({error.strerror or error}).") from error


def _is_below(file: str, roots: Sequence[Path]) -> bool:
    """Does a file lie below one of these folders, links followed?"""
    real = Path(file).resolve()
    return any(real.is_relative_to(root) for root in roots)


def _how(args: argparse.Namespace) -> How:
    from ..catalogue.plan import How

    args.position = args.size = None
    reading = inputs.reading(args)
    if args.beam is not None:
        reading["beam"] = asdict(args.beam)
    return How(
        match=args.match,
        flux=not args.no_flux,
        local_background=args.local_background,
        survey_noise=args.survey_noise,
        how_sure=args.how_sure,
        reading={key: value for key, value in reading.items() if value is not None},
        tiles="" if args.tiles is None else str(args.tiles.absolute()),
    )


@contextmanager
def _bar(total: int, before: int) -> Iterator[None]:
    """A bar with rate and time left on standard error where that is a terminal; a line now and then elsewhere."""
    with tqdm(total=total, initial=before, unit="input", disable=None, leave=False) as bar:
        told = begun = time.monotonic()

        def move(share: float) -> None:
            nonlocal told
            done, now = round(share * total), time.monotonic()
            if bar.disable and now - told > EVERY and done > before:
                told = now
                rate = (done - before) / (now - begun)
                complain(
                    f"{done:,} of {total:,} inputs, {rate:.1f} a second, {(total - done) / rate / 60:.0f} min left"
                )
            bar.n = done
            bar.refresh()

        with watch(move):
            yield
