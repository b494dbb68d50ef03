"""``fit``, ``resume`` and ``array``: find or make the run folder, then train here or submit it to SLURM."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import fields

from vlass_explorer import recipes, runs
from vlass_explorer.launchers import slurm
from vlass_explorer.schema import ConfigError, Run, RunConfig, field_help

from . import cluster


def add_slurm_options(command: argparse.ArgumentParser) -> None:
    """``--slurm`` and one option for each resource."""
    group = command.add_argument_group("SLURM")
    group.add_argument("--slurm", action="store_true", help="submit a job instead of training here")
    texts = field_help(slurm.Resources)
    for field in fields(slurm.Resources):
        kind = type(field.default)
        group.add_argument(
            f"--{field.name.replace('_', '-')}", type=kind, default=field.default, help=texts[field.name]
        )


def resources(options: argparse.Namespace) -> slurm.Resources:
    """What the command line asks for."""
    return slurm.Resources(**{field.name: getattr(options, field.name) for field in fields(slurm.Resources)})


def fit(options: argparse.Namespace, configuration: Callable[[argparse.Namespace], RunConfig]) -> int:
    """Train a run folder, or a new one of a configuration; inside srun, all its processes share one folder."""
    words = options.words
    if len(words) == 1 and "=" not in words[0]:
        if options.recipe or options.config:
            raise ConfigError("A run folder has its own configuration; leave --recipe and --config out.")
        found = runs.find(words[0])
        # A slow start may already read as lost; what counts is that no other trainer has taken the folder.
        status = runs.read_status(found.path)
        if (status["phase"] != "queued" or status["process"]) and not cluster.is_ours(found):
            raise ConfigError(f"{found.id} is {found.phase}; use python -m train resume {found.id}.")
        return _submit(found, options) if options.slurm else _train(found, resume=False)
    config = configuration(options)
    if options.slurm:
        return _submit(runs.create(config), options)
    if again := cluster.own_run(wait=not cluster.is_first()):
        # A second process of this srun step, or the same step of a job that SLURM started again.
        return _train(again, resume=True)
    found = runs.create(config)
    print(f"run {found.path}", flush=True)
    return _train(found, resume=False)


LATER = ("epochs", "patience")
"""What a run that goes on may change: anything else would be another run."""


def resume(options: argparse.Namespace) -> int:
    """Continue a run from its last saved state, here or as a new SLURM job; a finished one only for more epochs."""
    found = runs.find(options.run)
    longer = _longer(found, options.words)
    if found.phase == "finished" and longer is None:
        print(
            f"{found.id} is finished after {found.epoch} epochs: there is nothing left to do. To go on, say how many "
            f"epochs it is to have in all: python -m train resume {found.id} epochs={2 * found.config.epochs}",
            flush=True,
        )
        return 0
    if longer is not None or found.phase != "queued" and not cluster.is_ours(found):
        found = runs.new_attempt(found, keep=options.keep, config=longer)
    return _submit(found, options) if options.slurm else _train(found, resume=True)


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


def rank(options: argparse.Namespace) -> int:
    """Be one of the further processes of a run, which its first one starts."""
    from .fit import run as train

    return train(options.folder, resume=options.resume)


def array(options: argparse.Namespace) -> int:
    """Train the run of this task of a SLURM job array: the list holds one run folder a line."""
    lines = options.list.read_text(encoding="utf-8").splitlines()
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


def _submit(run: Run, options: argparse.Namespace) -> int:
    slurm.launch(run, resources(options))
    print(f"run {run.path}\nSLURM job {slurm.job(run)}", flush=True)
    return 0


def _train(run: Run, *, resume: bool) -> int:
    if run.phase == "finished":
        print(f"{run.id} is finished.", flush=True)
        return 0
    from .fit import run as train

    return train(cluster.claim(run).path, resume=resume)
