"""The checkpoint that a run starts from, and what the run takes over from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..schema import INHERITED, NETWORKS, Ancestor, Checkpoint, CheckpointError, RunConfig
from .config import WEIGHTS, read_config
from .heads import FRONT, MLP_HEAD, NONE
from .shelf import find, read

SUFFIX = ".safetensors"


def is_file(weights: str) -> bool:
    """True where starting weights are named by a path."""
    return weights.endswith(SUFFIX)


def resolve_name(text: str, config: RunConfig) -> str:
    """The name of a checkpoint where {fold} and {split} stand for those of the run."""
    return text.strip().replace("{fold}", str(config.fold)).replace("{split}", config.split)


def starting_checkpoint(config: RunConfig) -> Checkpoint | None:
    """The checkpoint that a run starts from: of the shelf, or a model.safetensors that lies beside its config.json.

    None for fresh weights, timm's own and a file without such a card. Raises CheckpointError as ``find`` and ``read``.
    """
    if config.weights in ("", "none", "imagenet"):
        return None
    if not is_file(config.weights):
        return find(resolve_name(config.weights, config))
    path = Path(config.weights).expanduser()
    if path.name != WEIGHTS or not path.is_file():
        return None
    try:
        read_config(path.parent)
    except CheckpointError:  # none, or one of timm's, which says nothing of ours
        return None
    return read(path.parent)


def file_of(config: RunConfig) -> Ancestor | None:
    """Starting weights of a file that no card describes, by the hash of the file; None for any others."""
    if not is_file(config.weights):
        return None
    path = Path(config.weights).expanduser()
    with path.open("rb") as file:
        return Ancestor(path.name, hashlib.file_digest(file, "sha256").hexdigest())


def inherited_options(card: Checkpoint) -> dict[str, Any]:
    """Options of a run that start as a checkpoint has them: its architecture, its head, its front and its input."""
    patch = card.model_args.get("patch_size", 0)
    own = {
        "architecture": card.architecture,
        "head": "mlp" if card.model_args.get(MLP_HEAD) else "simple",
        "front": str(card.model_args.get(FRONT, NONE)),
        "patch_size": patch if isinstance(patch, int) else 0,
        "task": "segmentation" if card.architecture in NETWORKS else "classification",
        "encoder": str(card.model_args.get("encoder", RunConfig.encoder)),
        "pyramid": int(card.model_args.get("pyramid", RunConfig.pyramid)),
    }
    return {key: own[key] if key in own else getattr(card.input_spec, key) for key in INHERITED}


def with_inherited(make: Callable[[RunConfig], RunConfig]) -> RunConfig:
    """The configuration that ``make`` builds over defaults; over what a checkpoint passes on where it starts from one.

    So what was given stays, and what was not is as the starting weights know it. A checkpoint whose name depends on
    the fold may not be there yet: then nothing is passed on.
    """
    config = make(RunConfig())
    try:
        start = starting_checkpoint(config)
    except CheckpointError:
        if "{" not in config.weights:
            raise
        return config
    return config if start is None else make(replace(RunConfig(), **inherited_options(start)))
