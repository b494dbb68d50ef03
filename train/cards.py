"""A checkpoint as it is named on the command line."""

from __future__ import annotations

from pathlib import Path

from vlass_explorer import checkpoints, runs
from vlass_explorer.schema import Checkpoint, CheckpointError, ConfigError


def find_checkpoint(name: str) -> Checkpoint:
    """A checkpoint by its name, the path of its folder, or the run that made it."""
    if (Path(name) / checkpoints.CONFIG).is_file():
        return checkpoints.read(Path(name))
    try:
        return checkpoints.find(name)
    except CheckpointError as unknown:
        found = [run for run in runs.listing() if run.id == Path(name).name]
        if not found:
            raise unknown
        made = runs.read_status(found[0].path).get("checkpoint")
        if not made:
            raise ConfigError(f"The run {name} has made no checkpoint; it is {found[0].phase}.") from None
        return checkpoints.find(made)
