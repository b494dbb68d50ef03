"""The engine of a cluster: a SLURM job array whose tasks take every n-th shard, and a job behind it that merges.

A task works with as many processes as it has cores (``pool``). One that is requeued, cancelled or stopped by its time
limit loses the row group it was at; submitting again does what is missing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from ..launchers import slurm
from ..schema import CatalogueError
from . import parts, plan


@dataclass(frozen=True)
class Submitted:
    """Job of the array, its tasks, and the job that merges once all of them have ended."""

    job: str
    tasks: int
    merging: str


def share(made: plan.Plan, index: int, count: int) -> list[int]:
    """The shards of task ``index`` of ``count``, counted from 0."""
    return list(range(index, made.shards, count))


def submit(
    folder: Path, resources: slurm.Resources, *, device: str, table: str, tasks: int = 0, limit: int = 0
) -> Submitted:
    """Submit what a folder lacks, in ``tasks`` tasks (0: a shard each), at most ``limit`` of them at a time (0: all).

    Raises CatalogueError where nothing is missing, RunError where SLURM refuses.
    """
    made = plan.read(folder)
    missing = [number for number in range(made.shards) if not parts.is_whole(made, number)]
    if not missing:
        raise CatalogueError(f"Nothing is missing in {folder}: there is nothing to submit.")
    count = min(tasks or made.shards, made.shards, slurm.largest_array())
    wanted = [index for index in range(count) if set(share(made, index, count)) & set(missing)]
    place = folder.absolute() / "slurm" / secrets.token_hex(4)
    (place / "merge").mkdir(parents=True)
    gpus = 1 if device.startswith("cuda") else 0
    words = ["vlass_explorer", "work", str(folder.absolute()), "--of", str(count), "--device", device]
    array = ",".join(map(str, wanted)) + (f"%{limit}" if limit else "")
    needs = slurm.Needs(f"classify-{folder.name}", gpus)
    job = slurm.submit(place, needs, resources, words, place / "%a.log", array=array)
    merge = ["vlass_explorer", "merge", str(folder.absolute()), "--table", table]
    behind = slurm.submit(
        place / "merge",
        slurm.Needs(f"merge-{folder.name}"),
        slurm.Resources(resources.partition, account=resources.account, qos=resources.qos),
        merge,
        place / "merge.log",
        more={"dependency": f"afterany:{job}"},
    )
    return Submitted(job, len(wanted), behind)
