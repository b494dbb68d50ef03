"""Further logs beside metrics.jsonl: TensorBoard and Weights & Biases, imported only where a run asks for them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

from lightning.pytorch.loggers import Logger

from vlass_explorer.schema import ConfigError, RunConfig


def _tensorboard(folder: Path, config: RunConfig) -> Logger:
    _need("tensorboard", "tensorboard")
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(save_dir=folder, name="", version="tensorboard")


def _wandb(folder: Path, config: RunConfig, *, offline: bool = False) -> Logger:
    _need("wandb", "wandb")
    from lightning.pytorch.loggers import WandbLogger

    # The run's id, so that a resumed run goes on in the same curves.
    return WandbLogger(
        project="vlass-explorer", name=config.name, id=folder.name, save_dir=folder, offline=offline, resume="allow"
    )


def _wandb_offline(folder: Path, config: RunConfig) -> Logger:
    return _wandb(folder, config, offline=True)


KNOWN: Mapping[str, Callable[[Path, RunConfig], Logger]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "wandb-offline": _wandb_offline,
}


def _need(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError(f"loggers={package} needs the package {package}: install it with pip install {package}.")


def make(folder: Path, config: RunConfig) -> list[Logger]:
    """The loggers of a run, writing below its folder; ConfigError for an unknown one or one that is not installed."""
    names = [name.strip() for name in config.loggers.split(",") if name.strip()]
    if unknown := [name for name in names if name not in KNOWN]:
        raise ConfigError(f"There is no logger {unknown[0]!r}; known are {', '.join(KNOWN)}.")
    return [KNOWN[name](folder, config) for name in names]


def write(loggers: list[Logger], row: Mapping[str, float | int | str]) -> None:
    """One row of metrics.jsonl, by its step; AUROC of each class is among its numbers after a validation."""
    numbers = {key: float(value) for key, value in row.items() if key != "step" and not isinstance(value, str)}
    for logger in loggers:
        logger.log_metrics(numbers, step=int(row["step"]))
