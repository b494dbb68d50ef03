"""Begin or continue a run with any launcher: one decision at a time, within the number of runs that are allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .. import runs
from ..schema import ExplorerError, Run, RunConfig, RunError

Launch = Callable[[Run], None]


def start(config: RunConfig, launch: Launch, most: int, files: Mapping[str, bytes] | None = None) -> Run:
    """Create the run of a configuration and launch it; RunError where ``most`` runs are active already.

    ``files`` are further ones of its folder, by name.
    """
    with runs.locked(runs.root()):
        _check_room(most)
        run = runs.create(config, files=files)
        _launch(run, launch)
    return run


def resume(run: Run, launch: Launch, most: int, *, keep: bool = False) -> Run:
    """Launch an ended run again, from its last saved state; RunError where it is active: two people may ask at once.

    ``keep``: it trains no further, and what is saved becomes its checkpoint.
    """
    with runs.locked(run.path.parent):
        _check_room(most)
        again = runs.new_attempt(runs.read(run.path), keep=keep)
        _launch(again, launch)
    return again


def _launch(run: Run, launch: Launch) -> None:
    """A run that cannot even be started has failed; it does not wait in the queue."""
    try:
        launch(run)
    except (ExplorerError, OSError) as error:
        runs.write_status(run.path, phase="failed", reason=f"It could not be started: {error}")
        raise RunError(f"{run.id} could not be started: {error}") from error


def _check_room(most: int) -> None:
    active = sum(run.is_active for run in runs.listing())
    if active >= most:
        word = "run is" if active == 1 else "runs are"
        raise RunError(f"{active} {word} active, as many as are allowed here: wait for one to end, or stop one.")
