"""What no single field of a run configuration can say of itself: names, devices, and fields that depend on another."""

from __future__ import annotations

import re

from .. import devices, options
from ..schema import MONITORS, NETWORKS, ConfigError, RunConfig, Task

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
CLASSIFIERS_ALONE = (
    "calibration_fraction",
    "head",
    "front",
    "patch_size",
    "initialise",
    "drop_rate",
    "label_smoothing",
    "balance",
    "mixup",
    "cutmix",
    "teacher",
    "keep_patches",
)
"""Options without a meaning for segmentation."""
SEGMENTATION_ALONE = ("encoder", "pyramid", "mask_loss")
LOGGERS = ("tensorboard", "wandb", "wandb-offline")


def validate(config: RunConfig) -> RunConfig:
    """The same configuration where every value is possible; ConfigError names the first that is not."""
    for name, option in options.of(RunConfig).items():
        option.value(getattr(config, name))
    if config.epochs <= config.restart_epoch:
        raise ConfigError(
            f"restart_epoch must lie before the last of {config.epochs} epochs, not {config.restart_epoch}."
        )
    if not NAME.fullmatch(config.name):
        raise ConfigError(f"The name is letters, digits, dot, dash and underscore (at most 80), not {config.name!r}.")
    unknown = [word for word in filter(None, config.loggers.replace(" ", "").split(",")) if word not in LOGGERS]
    if unknown:
        raise ConfigError(f"loggers knows {', '.join(LOGGERS)}, not {unknown[0]!r}.")
    devices.check_name(config.device)
    _check_task(config)
    return config


def without(task: Task) -> tuple[str, ...]:
    """Options that have no meaning for a task."""
    return CLASSIFIERS_ALONE if task == "segmentation" else SEGMENTATION_ALONE


def _check_task(config: RunConfig) -> None:
    """ConfigError where an option does not go with the task."""
    networks = " or ".join(NETWORKS)
    if config.task == "segmentation" and config.architecture not in NETWORKS:
        raise ConfigError(f"task=segmentation needs architecture={networks}, not {config.architecture}.")
    if config.task != "segmentation" and config.architecture in NETWORKS:
        raise ConfigError(f"{config.architecture} labels pixels: set task=segmentation, or take a classifier.")
    figures = (*MONITORS[config.task], RunConfig.monitor)
    if config.monitor not in figures:
        raise ConfigError(
            f"monitor is one of {', '.join(MONITORS[config.task])} for task={config.task}, not {config.monitor}."
        )
    is_segmentation = config.task == "segmentation"
    for name in without(config.task):
        if getattr(config, name) != options.of(RunConfig)[name].default:
            kind = "classification" if is_segmentation else "segmentation"
            raise ConfigError(f"{name} is for {kind}: leave it out with task={config.task}.")
    if is_segmentation and config.tune == "last":
        raise ConfigError("tune=last is for classification: train all weights of a segmentation, or its head.")
