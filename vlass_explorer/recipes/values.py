"""Values of a run configuration: from text to the field's type, and their limits."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..schema import ConfigError, RunConfig

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_POSITIVE = (
    "epochs",
    "batch_size",
    "img_size",
    "field_of_view",
    "field_of_view_pixels",
    "distill_temperature",
    "layer_decay",
    "decay_epochs",
    "decay_rate",
    "accumulate",
    "devices",
    "nodes",
)
_NOT_NEGATIVE = (
    "learning_rate",
    "weight_decay",
    "warmup_epochs",
    "restart_epoch",
    "restart_rate",
    "mixup",
    "clip_grad",
    "shift",
    "zoom",
    "workers",
    "save_every",
    "tune_blocks",
    "patch_size",
    "train_count",
    "fold",
    "class_weight_power",
    "balance",
    "seed",
    "split_seed",
    "keep_patches",
    "cutmix",
    "patience",
    "min_delta",
    "min_rate",
)
_SHARES = (
    "drop_rate",
    "drop_path_rate",
    "label_smoothing",
    "ema",
    "flip",
    "noise",
    "reclip",
    "distill_weight",
    "beta2",
    "mixup_probability",
    "momentum",
    "layer_decay",
    "blur",
    "rotate_probability",
    "move_probability",
    "allow_unreadable",
)
_BELOW_ONE = ("ema", "drop_rate", "drop_path_rate", "beta2", "label_smoothing", "momentum", "allow_unreadable")
LOGGERS = ("tensorboard", "wandb", "wandb-offline")


@functools.cache
def _types() -> dict[str, Any]:
    hints = get_type_hints(RunConfig)
    return {f.name: hints[f.name] for f in fields(RunConfig)}


def nearest(word: str, known: Sequence[str]) -> str:
    """``, did you mean X?`` without its question mark's context: the nearest known words, or nothing."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; the nearest name is {close[0]!r}" if close else f"; known: {', '.join(known[:12])}" if known else ""


def convert(key: str, value: Any) -> Any:
    """A value, often text, as the type of that field; ConfigError for an unknown key or a value of another type."""
    types = _types()
    if key not in types:
        raise ConfigError(f"There is no option {key!r}{nearest(key, list(types))}.")
    kind = types[key]
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if str(value) not in choices:
            raise ConfigError(f"{key} is one of {', '.join(choices)}, not {value!r}.")
        return str(value)
    if kind is bool:
        if str(value).lower() not in _WORDS:
            raise ConfigError(f"{key} is true or false, not {value!r}.")
        return _WORDS[str(value).lower()]
    if kind is str:
        if value is None or isinstance(value, list | dict):
            raise ConfigError(f"{key} is a text, not {value!r}.")
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{key} is a number, not {value!r}.") from None
    if isinstance(value, bool) or number != number or abs(number) == float("inf"):
        raise ConfigError(f"{key} is a finite number, not {value!r}.")
    if kind is int:
        if number != int(number):
            raise ConfigError(f"{key} is a whole number, not {value!r}.")
        return int(number)
    return number


def check(config: RunConfig) -> RunConfig:
    """The same configuration where every value is possible; ConfigError names the first that is not."""
    for key in (*_POSITIVE, *_NOT_NEGATIVE, *_SHARES):
        value = getattr(config, key)
        if key in _POSITIVE and value <= 0:
            raise ConfigError(f"{key} must be positive, not {value}.")
        if key in _NOT_NEGATIVE and value < 0:
            raise ConfigError(f"{key} must not be negative, got {value}.")
        if key in _SHARES and not (0 <= value < 1 or (value == 1 and key not in _BELOW_ONE)):
            raise ConfigError(f"{key} is a share from 0 to 1, not {value}.")
    if 0 < config.epochs <= config.restart_epoch:
        raise ConfigError(
            f"restart_epoch must lie before the last of {config.epochs} epochs, not {config.restart_epoch}."
        )
    if config.in_chans not in (1, 3):
        raise ConfigError(f"in_chans is 1 or 3, not {config.in_chans}.")
    if not NAME.fullmatch(config.name):
        raise ConfigError(f"name is letters, digits, dot, dash and underscore (at most 80), not {config.name!r}.")
    unknown = [word for word in filter(None, config.loggers.replace(" ", "").split(",")) if word not in LOGGERS]
    if unknown:
        raise ConfigError(f"loggers knows {', '.join(LOGGERS)}, not {unknown[0]!r}.")
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", config.device):
        raise ConfigError(f"device is auto, cpu, cuda, cuda:0 or mps, not {config.device!r}.")
    return config
