"""What a run's checkpoint says of itself: where it comes from, and which cutouts it and its ancestors have seen."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from .. import __version__, checkpoints
from ..checkpoints.starting import is_file, starting_checkpoint
from ..datasets import DataSet
from ..recipes import to_yaml
from ..schema import Ancestor, Checkpoint, Provenance, RunConfig, Seen
from .best import monitored
from .data import Data


@dataclass(frozen=True, eq=False)
class Start:
    """What a run takes over from the checkpoints that it starts from and learns from."""

    seen: tuple[Seen, ...] = ()
    started_from: Ancestor | None = None
    teachers: tuple[Ancestor, ...] = ()
    saw_validation: str | None = None


def inherited(card: Checkpoint, role: str) -> Seen:
    """What an ancestor has seen; where its card does not list it, that it is not listed.

    Raises CheckpointError where its list is broken: better before hours of training than after.
    """
    found = checkpoints.seen(card)
    return Seen(unlisted=(f"{role} {card.name}",)) if found is None else found


def outside(config: RunConfig, data_set: DataSet) -> tuple[Seen, ...]:
    """Starting weights that are no checkpoint: nobody lists the pictures of ImageNet, among which none is radio."""
    if is_file(config.weights) and starting_checkpoint(config) is None:
        return (Seen(unlisted=(f"weights file {Path(config.weights).name}",)),)
    if config.weights == "imagenet" and data_set.colour:
        return (Seen(unlisted=("ImageNet weights",)),)
    return ()


def seen(data: Data, ancestors: Sequence[Seen]) -> Seen:
    """The cutouts that a run trains on and validates on, and those of all its ancestors."""
    return checkpoints.merged([Seen(data.train.cutouts, data.validation.cutouts), *ancestors])


def selected_on(config: RunConfig, data: Data) -> str:
    """How the validation part chose the weights of a run."""
    where = f"{len(data.validation):,} validation cutouts of fold {config.fold}"
    ways = [f"the epoch with the best {monitored(config)}"] if config.keep == "best" else []
    ways += [f"an early stop by {monitored(config)}"] if config.patience else []
    return f"{' and '.join(ways)} on {where}" if ways else f"the last epoch was kept; {where} were watched"


def provenance(run: str, config: RunConfig, data: Data, start: Start) -> Provenance:
    """Where the weights of a run come from."""
    source = data.data_set
    known = Provenance(
        data=source.title,
        dataset=config.dataset,
        data_licence=source.licence,
        citation=source.citation,
        simulated=source.simulated,
        split=config.split,
        fold=config.fold,
        split_seed=config.split_seed,
        train_count=len(data.train),
        validation_count=len(data.validation),
        test_count=len(data.test_indices),
        unreadable_count=len(data.unreadable),
        class_fractions=data.class_fractions(),
        recipe=config.recipe or "none",
        seed=config.seed,
        epochs=config.epochs,
        weights=config.weights,
        teacher=config.teacher,
        run=run,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={
            "vlass_explorer": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": version("timm"),
            "numpy": np.__version__,
            "scikit-learn": version("scikit-learn"),
        },
        configuration=to_yaml(config, differences=True),
        teachers=start.teachers or None,
        saw_validation=start.saw_validation,
        selected_on=selected_on(config, data),
        calibrated_on="nothing",
    )
    if start.started_from is None:
        return known
    return replace(known, started_from=start.started_from.name, started_from_sha256=start.started_from.sha256)
