"""``fit``, ``resume`` and ``array``: find or make the run folder, then train here or submit it to SLURM."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence

from vlass_explorer import importing, options, recipes, runs
from vlass_explorer.launchers import slurm
from vlass_explorer.schema import ConfigError, Run, RunConfig

from . import cluster


def add_slurm_options(command: argparse.ArgumentParser) -> None:
    """``--slurm`` and one option for each resource."""
    group = command.add_argument_group("SLURM")
    group.add_argument("--slurm", action="store_true", help="submit a job instead of training here")
    options.add_flags(group, slurm.Resources)


def resources(parsed: argparse.Namespace) -> slurm.Resources:
    """What the command line asks for."""
    return options.flags(parsed, slurm.Resources)


def fit(parsed: argparse.Namespace, configuration: Callable[[argparse.Namespace], RunConfig]) -> int:
    """Train a run folder, or a new one of a configuration; inside srun, all its processes share one folder."""
    words = parsed.words
    if len(words) == 1 and "=" not in words[0]:
        if parsed.recipe or parsed.config:
            raise ConfigError("A run folder has its own configuration; leave --recipe and --config out.")
        found = runs.find(words[0])
        # A slow start may already read as lost; what counts is that no other trainer has taken the folder.
        status = runs.read_status(found.path)
        if (status["phase"] != "queued" or status["process"]) and not cluster.is_ours(found):
            raise ConfigError(f"{found.id} is {found.phase}; use python -m train resume {found.id}.")
        return _submit(found, parsed) if parsed.slurm else _train(found, resume=False)
    config = configuration(parsed)
    if parsed.slurm:
        return _submit(runs.create(config), parsed)
    if again := cluster.own_run(wait=not cluster.is_first()):
        # A second process of this srun step, or the same step of a job that SLURM started again.
        return _train(again, resume=True)
    found = runs.create(config)
    print(f"run {found.path}", flush=True)
    return _train(found, resume=False)


LATER = ("epochs", "patience")
"""What a run that goes on may change: anything else would be another run."""


def resume(parsed: argparse.Namespace) -> int:
    """Continue a run from its last saved state, here or as a new SLURM job; a finished one only for more epochs."""
    found = runs.find(parsed.run)
    longer = _longer(found, parsed.words)
    if found.phase == "finished" and longer is None:
        print(
            f"{found.id} is finished after {found.epoch} epochs: there is nothing left to do. To go on, say how many "
            f"epochs it is to have in all: python -m train resume {found.id} epochs={2 * found.config.epochs}",
            flush=True,
        )
        return 0
    if longer is not None or found.phase != "queued" and not cluster.is_ours(found):
        found = runs.new_attempt(found, keep=parsed.keep, config=longer)
    return _submit(found, parsed) if parsed.slurm else _train(found, resume=True)


def _longer(run: Run, words: Sequence[str]) -> RunConfig | None:
    """The configuration by which a run goes on, None where nothing is to change; ConfigError for other changes."""
    values = recipes.parse(words)
    if not values:
        return None
    if other := sorted(values.keys() - {*LATER}):
        raise ConfigError(
            f"A run that goes on may change {' and '.join(LATER)}, not {other[0]}: start another with weights={run.id}."
        )
    config = recipes.with_values(run.config, values)
    if config.epochs <= run.epoch:
        raise ConfigError(f"{run.id} has {run.epoch} epochs behind it: epochs is the number in all, so give more.")
    if run.phase == "finished" and not (run.path / "last.ckpt").exists():
        raise ConfigError(f"The saved state of {run.id} is gone: start a new run with weights={run.id}.")
    return config


def rank(parsed: argparse.Namespace) -> int:
    """Be one of the further processes of a run, which its first one starts."""
    with importing.quickly():
        from .fit import run as train

    return train(parsed.folder, resume=parsed.resume)


def array(parsed: argparse.Namespace) -> int:
    """Train the run of this task of a SLURM job array: the list holds one run folder a line."""
    lines = parsed.list.read_text(encoding="utf-8").splitlines()
    try:
        found = runs.find(lines[int(os.environ["SLURM_ARRAY_TASK_ID"])])
    except (KeyError, IndexError, ValueError):
        raise ConfigError(
            "This command belongs in a SLURM job array: python -m train folds --slurm submits one."
        ) from None
    with (found.path / "train.log").open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    return _train(found, resume=True)


def _submit(run: Run, parsed: argparse.Namespace) -> int:
    slurm.launch(run, resources(parsed))
    print(f"run {run.path}\nSLURM job {slurm.job(run)}", flush=True)
    return 0


def _train(run: Run, *, resume: bool) -> int:
    if run.phase == "finished":
        print(f"{run.id} is finished.", flush=True)
        return 0
    with importing.quickly():
        from .fit import run as train

    return train(cluster.claim(run).path, resume=resume)
