"""Shelf of training recipes: one YAML file each, the keys of RunConfig that differ from the defaults.

Source, published figures and the number of classes ("4 classes") stand in the comments at the top of each file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import yaml

from .. import options
from ..foreign import mapped, reason
from ..schema import INHERITED, ConfigError, RunConfig
from .validation import SEGMENTATION_ALONE, validate

__all__ = ["classes", "from_yaml", "load", "names", "parse", "source", "to_yaml", "validate", "with_values"]

_FOLDER = Path(__file__).parent
_DEFAULTS = RunConfig()


def _files() -> dict[str, Path]:
    found = {p.relative_to(_FOLDER).with_suffix("").as_posix(): p for p in _FOLDER.rglob("*.yaml")}
    return dict(sorted(found.items()))


def names() -> list[str]:
    """Names of all recipes, as ``folder/file``."""
    return list(_files())


def _path(name: str) -> Path:
    files = _files()
    if name not in files:
        raise ConfigError(f"There is no recipe {name!r}{options.nearest(name, list(files))}.")
    return files[name]


def load(name: str, base: RunConfig = _DEFAULTS) -> RunConfig:
    """A recipe over the defaults; ConfigError with the nearest name where there is none."""
    text = _path(name).read_text(encoding="utf-8")
    return replace(from_yaml(text, where=f"recipe {name}", base=base), recipe=name)


def source(name: str) -> str:
    """Comment at the top of a recipe: what it is and where it comes from."""
    lines = _path(name).read_text(encoding="utf-8").splitlines()
    head = [line.lstrip("# ") for line in lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]]
    return " ".join(head)


def classes(name: str) -> int:
    """Number of classes that a recipe was written for, as its comment says; ConfigError where it does not."""
    found = re.search(r"\b(\d+) classes\b", source(name))
    if found is None:
        raise ConfigError(f"The comment of the recipe {name} does not say for how many classes it was written.")
    return int(found[1])


def parse(pairs: Iterable[str]) -> dict[str, Any]:
    """``key=value`` strings as typed values; ConfigError with the nearest key for an unknown one."""
    return options.words(options.of(RunConfig), pairs)


def with_values(config: RunConfig, values: dict[str, Any]) -> RunConfig:
    """The configuration with some values changed, each checked; ConfigError where one is impossible."""
    return validate(replace(config, **options.read(options.of(RunConfig), values)))


def from_yaml(text: str, where: str = "configuration", base: RunConfig = _DEFAULTS) -> RunConfig:
    """A configuration from YAML that names any of its keys; ConfigError for an unknown key or a wrong value.

    The other keys are those of ``base``.
    """
    with mapped(lambda error: ConfigError(f"The {where} is not valid YAML: {reason(error, 200)}.")):
        values = yaml.safe_load(text) or {}
    if not isinstance(values, dict):
        raise ConfigError(f"The {where} must be a list of key: value lines.")
    return with_values(base, {str(key): value for key, value in values.items()})


def to_yaml(config: RunConfig, *, differences: bool = False) -> str:
    """The configuration as YAML, all keys or only those that differ from the defaults.

    A run that starts from a checkpoint has other defaults for what that passes on: these keys are always there.
    """
    values = asdict(config)
    if differences:
        said: tuple[str, ...] = () if config.weights in ("", "none", "imagenet") else INHERITED
        if config.task != "segmentation":
            said = tuple(name for name in said if name not in SEGMENTATION_ALONE)
        values = {f.name: values[f.name] for f in fields(RunConfig) if values[f.name] != f.default or f.name in said}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
