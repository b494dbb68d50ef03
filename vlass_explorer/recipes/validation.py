"""What no single field of a run configuration can say of itself: names, devices, and fields that depend on another."""

from __future__ import annotations

import re

from .. import devices, options
from ..schema import ConfigError, RunConfig

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
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
        raise ConfigError(f"name is letters, digits, dot, dash and underscore (at most 80), not {config.name!r}.")
    unknown = [word for word in filter(None, config.loggers.replace(" ", "").split(",")) if word not in LOGGERS]
    if unknown:
        raise ConfigError(f"loggers knows {', '.join(LOGGERS)}, not {unknown[0]!r}.")
    devices.check_name(config.device)
    return config
