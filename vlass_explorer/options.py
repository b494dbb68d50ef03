"""Options of a run, a job and an explainer: kind, choices, bounds and help of each, and its value from text.

An option is a field of a dataclass or a keyword of a function. What it may be is said once, by its annotation with the
bounds beside the type (``Annotated[int, Gt(0)]``); what it means by the docstring under the field, or by a line
``name: text`` in the docstring of the function. Forms, flags, ``key=value`` words and YAML files are made from that.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import Field, TypeAdapter, ValidationError, create_model

from .schema import ConfigError
from .schema.bounds import OPTION_RULES

T = TypeVar("T")
_KINDS: Mapping[str, type] = {"boolean": bool, "integer": int, "number": float, "string": str}
_WORDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_BOUNDS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


@dataclass(frozen=True, eq=False)
class Option:
    """One option: what it may be, what it is unless it is given, and what it means."""

    name: str
    kind: type
    """bool, int, float or str; that of the choices where it is a choice."""
    default: Any
    help: str
    choices: tuple[Any, ...]
    """All that it may be; empty where it is no choice."""
    is_optional: bool
    """It may be None, too."""
    bounds: Mapping[str, float]
    """As JSON Schema says them: minimum, exclusiveMinimum, maximum, exclusiveMaximum."""
    _adapter: TypeAdapter[Any]

    @property
    def meaning(self) -> str:
        """What it may be, in words."""
        words = f"one of {', '.join(map(str, self.choices))}" if self.choices else _WORDS[self.kind]
        return f"{words} or none" if self.is_optional else words

    @property
    def limits(self) -> str:
        """The bounds in words, as they follow the name: "must be positive"; empty where there are none."""
        low = self.bounds.get("minimum", self.bounds.get("exclusiveMinimum"))
        high = self.bounds.get("maximum", self.bounds.get("exclusiveMaximum"))
        if high is None:
            positive = "be positive" if "exclusiveMinimum" in self.bounds else "not be negative"
            return "" if low is None else f"must {positive if low == 0 else f'be at least {low:g}'}"
        below = " (exclusive)" if "exclusiveMaximum" in self.bounds else ""
        return f"is a {'share' if (low, high) == (0, 1) else 'number'} from {low:g} to {high:g}{below}"

    @property
    def least(self) -> Any:
        """The smallest number that a form may offer, None where there is no bound; 0 for a number above 0."""
        low = self.bounds.get("minimum", self.bounds.get("exclusiveMinimum"))
        is_above = self.kind is int and "exclusiveMinimum" in self.bounds
        return None if low is None else self.kind(low) + is_above

    @property
    def most(self) -> Any:
        """The largest number that a form may offer, None where there is no bound; 0.99 for a number below 1."""
        high = self.bounds.get("maximum", self.bounds.get("exclusiveMaximum"))
        below = (1 if self.kind is int else 0.01) if "exclusiveMaximum" in self.bounds else 0
        return None if high is None else self.kind(high) - below

    def value(self, given: Any, name: str = "") -> Any:
        """The value that a text, or a value of a YAML file, stands for.

        Raises ConfigError where it stands for none; its sentence begins with ``name``, by default the option's own.
        """
        try:
            read = self._adapter.validate_python({self.name: self._plain(given)})
        except ValidationError as error:
            kind = error.errors(include_url=False)[0]["type"]
            if kind in _BOUNDS:
                wrong = f"{self.limits}, {'got' if 'not' in self.limits else 'not'} {given}"
            else:
                wrong = f"is {'a finite number' if kind == 'finite_number' else self.meaning}, not {given!r}"
            raise ConfigError(f"{name or self.name} {wrong}.") from None
        return getattr(read, self.name)

    def _plain(self, given: Any) -> Any:
        """What pydantic does not take by itself: choices that are numbers, "none", 1e3 as a whole number."""
        text = given.strip() if isinstance(given, str) else given
        if self.choices:
            return {str(choice): choice for choice in self.choices}.get(str(text), text)
        if self.is_optional and text in ("", "none", "None"):
            return None
        if self.kind is int and isinstance(text, str):
            for number in (int, float):
                with suppress(ValueError):
                    return number(text)
        # True is no number here, though Python counts it as one.
        return str(given) if isinstance(given, bool) and self.kind is not bool else given


@functools.cache
def of(source: Callable[..., Any]) -> Mapping[str, Option]:
    """The options of a dataclass that carries ``OPTION_RULES``, or the keyword-only ones of a function, in order."""
    adapter: TypeAdapter[Any] = TypeAdapter(_model(source) if inspect.isfunction(source) else cast(type, source))
    return {name: _option(name, entry, adapter) for name, entry in adapter.json_schema()["properties"].items()}


def _model(function: Callable[..., Any]) -> type:
    """A pydantic model of the keyword-only parameters of a function; the lines ``name: text`` are their help."""
    found = re.findall(r"^(\w+): (.+(?:\n[ ]{4}.+)*)", inspect.getdoc(function) or "", flags=re.MULTILINE)
    texts = {name: re.sub(r"\s+", " ", words) for name, words in found}
    given: dict[str, Any] = {
        each.name: (each.annotation, Field(each.default, description=texts.get(each.name)))
        for each in inspect.signature(function, eval_str=True).parameters.values()
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return create_model(function.__name__, __config__=OPTION_RULES, **given)


def _option(name: str, entry: Mapping[str, Any], adapter: TypeAdapter[Any]) -> Option:
    """An option from its JSON Schema."""
    several = entry.get("anyOf", [entry])
    (main,) = (each for each in several if each.get("type") != "null")
    return Option(
        name,
        _KINDS[main["type"]],
        entry["default"],
        entry.get("description", ""),
        tuple(main.get("enum", ())),
        len(several) > 1,
        {key: main[key] for key in main if key.lower().endswith(("minimum", "maximum"))},
        adapter,
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest one, or the first ones that are known."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; the nearest name is {close[0]!r}" if close else f"; known: {', '.join(known[:12])}" if known else ""


def read(known: Mapping[str, Option], values: Mapping[str, Any], owner: str = "") -> dict[str, Any]:
    """Values by the name of their option, each checked; ConfigError, with the nearest name for an unknown one.

    ``owner`` is what has the options, where a sentence would not be clear without.
    """
    for key in values:
        if key not in known:
            raise ConfigError(
                f"{owner} has no option {key!r}{nearest(key, known)}."
                if owner
                else f"There is no option {key!r}{nearest(key, known)}."
            )
    return {key: known[key].value(given, f"{owner} option {key}" if owner else "") for key, given in values.items()}


def words(known: Mapping[str, Option], pairs: Iterable[str], owner: str = "") -> dict[str, Any]:
    """``key=value`` words as typed values, as ``read`` says; a dash in a key stands for an underscore."""
    values: dict[str, str] = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign:
            raise ConfigError(f"{pair!r} is not of the form key=value.")
        values[key.strip().replace("-", "_")] = text.strip()
    return read(known, values, owner)


def add_flags(command: argparse._ActionsContainer, source: Callable[..., Any]) -> None:
    """One flag for each option, read by ``flags``."""
    for option in of(source).values():
        flag = f"--{option.name.replace('_', '-')}"
        command.add_argument(flag, default=option.default, help=option.help, choices=option.choices or None)


def flags(parsed: argparse.Namespace, source: Callable[..., T]) -> T:
    """What flags of ``add_flags`` ask for; ConfigError for an impossible value."""
    known = of(source)
    return source(**read(known, {name: getattr(parsed, name) for name in known}))
