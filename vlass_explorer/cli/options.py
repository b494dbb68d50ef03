"""KEY=VALUE options of an explainer, read as its signature says."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..schema import ConfigError

if TYPE_CHECKING:
    from torch import nn


def parse_options(method: str, pairs: list[str]) -> tuple[ModuleType, dict[str, Any]]:
    """The explainer of that name and its options.

    Raises ConfigError for an unknown method or option (with the nearest name) or an impossible value.
    """
    from .. import explainers
    from ..options import nearest, words

    if method not in explainers.EXPLAINERS:
        raise ConfigError(f"There is no method {method!r}{nearest(method, explainers.EXPLAINERS)}.")
    return explainers.EXPLAINERS[method], words(explainers.options(method), pairs, method)


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
