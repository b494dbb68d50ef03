"""KEY=VALUE options of an explainer, read as its signature says."""

from __future__ import annotations

import difflib
import inspect
import math
import types
import typing
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..schema import ConfigError

if TYPE_CHECKING:
    from torch import nn


def parse_options(method: str, pairs: list[str]) -> tuple[ModuleType, dict[str, Any]]:
    """The explainer of that name and its options.

    Raises ConfigError for an unknown method or option (with the nearest names) or a value of the wrong type.
    """
    from .. import explainers

    if method not in explainers.EXPLAINERS:
        raise ConfigError(f"There is no method {method!r}; {_nearest(method, list(explainers.EXPLAINERS))}.")
    explainer: ModuleType = explainers.EXPLAINERS[method]
    parameters = explainers.options(method)
    kinds = typing.get_type_hints(explainer.explain)
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise ConfigError(f"An option is KEY=VALUE, not {pair!r}.")
        if key not in parameters:
            raise ConfigError(f"{method} has no option {key!r}; {_nearest(key, list(parameters))}.")
        options[key] = parse_value(f"{method} option {key}", text.strip(), kinds.get(key, _kind(parameters[key])))
    return explainer, options


def parse_query(method: str, text: str, model: nn.Module, size: int) -> dict[str, Any]:
    """The option ``query`` from a patch number or ROW,COLUMN on the grid of the attention on ``size`` pixels a side.

    Raises ConfigError where the method has no such option or the text is no patch of the grid.
    """
    from .. import attention, explainers

    if "query" not in explainers.options(method):
        raise ConfigError(f"{method} does not start at a patch, so it takes no --query-patch.")
    numbers = text.split(",")
    if len(numbers) > 2 or not all(number.strip().isdecimal() for number in numbers):
        raise ConfigError(f"A patch is its number or ROW,COLUMN, not {text!r}.")
    if len(numbers) == 1:
        return {"query": int(text)}
    gy, gx = attention.describe(model, (size, size)).drawn[0].place.before.grid
    row, column = map(int, numbers)
    if row >= gy or column >= gx:
        raise ConfigError(f"There is no patch {row},{column}: this model has {gy} rows and {gx} columns, from 0.")
    return {"query": row * gx + column}


def parse_value(name: str, text: str, kind: Any) -> Any:
    """Text as the annotated type: bool, int, float, str, Literal, or one of them or None."""
    choices = typing.get_args(kind) if _is_union(kind) else (kind,)
    if type(None) in choices and text.lower() in ("none", ""):
        return None
    for choice in choices:
        if typing.get_origin(choice) is typing.Literal:
            for value in typing.get_args(choice):
                if str(value) == text:
                    return value
        elif choice is bool and text.lower() in ("true", "false", "yes", "no", "1", "0"):
            return text.lower() in ("true", "yes", "1")
        elif choice in (int, float):
            try:
                value = choice(text)
            except ValueError:
                continue
            if math.isfinite(value):
                return value
        elif choice is str:
            return text
    raise ConfigError(f"{name} cannot be {text!r}; it is {_describe(choices)}.")


def _kind(parameter: inspect.Parameter) -> Any:
    return str if parameter.default in (parameter.empty, None) else type(parameter.default)


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def _describe(choices: tuple[Any, ...]) -> str:
    words: list[str] = []
    for choice in choices:
        if typing.get_origin(choice) is typing.Literal:
            words += [str(value) for value in typing.get_args(choice)]
        else:
            known = {bool: "true or false", int: "a whole number", float: "a number", type(None): "none"}
            words.append(known.get(choice, "text"))
    return " or ".join(words)


def _nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    return f"known are {', '.join(sorted(near))}" if near else "it has none"
