"""A classification that SLURM works on, watched from here: how far it is, what became of its jobs, how to end them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from .. import runs
from ..launchers.local import environment
from ..progress import report
from ..runs import slurm
from ..runs.records import read_table
from ..schema import CatalogueError
from . import parts, plan
from .array import Submitted

NOTE = "cluster.json"
"""File in the folder of answers: the jobs that were submitted last."""
LOOK = 5.0  # seconds between two looks
_ENDED = ("", "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE", "BOOT_FAIL")


def note(folder: Path, sent: Submitted) -> None:
    """Remember the jobs of a folder."""
    runs.write_json(folder / NOTE, {"job": sent.job, "merging": sent.merging, "tasks": sent.tasks})


def jobs(folder: Path) -> tuple[str, ...]:
    """The jobs of a folder that have not ended: none where nothing was submitted."""
    told = read_table(folder / NOTE)
    return (
        (str(told["job"]), str(told["merging"])) if "merging" in told and not _has_ended(str(told["merging"])) else ()
    )


def follow(folder: Path, pause: float = LOOK) -> None:
    """Wait until the job that merges has ended; reports progress, and cancels the jobs where a watcher raises.

    Raises CatalogueError where shards are missing by then.
    """
    made = plan.read(folder)
    try:
        while True:
            running = jobs(folder)
            report(parts.answered(made), made.count)
            if not running:
                break
            time.sleep(pause)
    except BaseException:
        cancel(folder)
        raise
    lacking = [shard for shard in range(made.shards) if not parts.is_whole(made, shard)]
    if lacking:
        raise CatalogueError(
            f"{len(lacking)} of {made.shards} shards are not done (the first: {lacking[0]}), as a task was cancelled, "
            f"failed or never started; its log is in {folder / 'slurm'}. Resume submits what is missing."
        )


def cancel(folder: Path) -> None:
    """End the jobs of a folder, those that wait and those that run."""
    if running := jobs(folder):
        subprocess.run(["scancel", *running], env=environment(), capture_output=True, timeout=60, check=False)


def _has_ended(job: str) -> bool:
    """Not while SLURM does not answer, which it may do again."""
    told = slurm.query(job)
    return told is not None and told.get("JobState", "") in _ENDED
