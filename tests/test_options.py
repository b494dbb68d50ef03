"""One engine for the options of runs, jobs and explainers: what they may be, and what bad values are told."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Interval

from vlass_explorer import options
from vlass_explorer.launchers import slurm
from vlass_explorer.schema import ConfigError, RunConfig
from vlass_explorer.schema.bounds import OPTION_RULES, Count, NotNegative, Share, ShareBelowOne


@dataclass(frozen=True)
class Plain:
    """Options of every kind."""

    __pydantic_config__ = OPTION_RULES

    text: str = "a"
    """A text."""
    yes: bool = False
    whole: int = -1
    number: float = 0.5
    word: Literal["mean", "max"] = "mean"
    side: Literal[1, 3] = 1
    maybe: int | None = None
    count: Count = 2
    """How many,
    at least one."""
    rate: NotNegative = 0.0
    share: Share = 0.5
    below: ShareBelowOne = 0.5
    angle: Annotated[float, Interval(ge=-90, le=90)] = 0.0


def method(model: object, x: object, *, query: int | None = None, ratio: ShareBelowOne = 0.0) -> None:
    """Do nothing.

    query: Patch that is asked, and a line that
        goes on.
    ratio: Share that is left out.
    other: Not an option.
    """


KNOWN = options.of(Plain)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("number", "0.5", 0.5),
        ("number", " 3e-4 ", 3e-4),
        ("number", 3, 3.0),
        ("whole", "3", 3),
        ("whole", "-1e3", -1000),
        ("whole", 64.0, 64),
        ("whole", "9007199254740993", 9007199254740993),  # more digits than a float has
        ("yes", "true", True),
        ("yes", "No", False),
        ("yes", "on", True),
        ("yes", 0, False),
        ("maybe", "none", None),
        ("maybe", "", None),
        ("maybe", None, None),
        ("maybe", "7", 7),
        ("word", "max", "max"),
        ("side", "3", 3),
        ("side", 3, 3),
        ("text", "x y", "x y"),
        ("text", 2024, "2024"),
        ("share", "1", 1.0),
        ("angle", "-90", -90.0),
    ],
)
def test_text_becomes_a_value_of_its_kind(name: str, given: object, value: object) -> None:
    read = KNOWN[name].value(given)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("number", "nan", "number is a finite number, not 'nan'."),
        ("number", "many", "number is a number, not 'many'."),
        ("number", True, "number is a number, not True."),
        ("number", [1], "number is a number, not [1]."),
        ("whole", "1.5", "whole is a whole number, not '1.5'."),
        ("whole", "inf", "whole is a finite number, not 'inf'."),
        ("whole", None, "whole is a whole number, not None."),
        ("yes", "2", "yes is true or false, not '2'."),
        ("word", "min", "word is one of mean, max, not 'min'."),
        ("side", 2, "side is one of 1, 3, not 2."),
        ("maybe", "x", "maybe is a whole number or none, not 'x'."),
        ("text", {"a": 1}, "text is a text, not {'a': 1}."),
        ("text", None, "text is a text, not None."),
        ("count", "0", "count must be positive, not 0."),
        ("rate", -1, "rate must not be negative, got -1."),
        ("share", 1.5, "share is a share from 0 to 1, not 1.5."),
        ("below", 1, "below is a share from 0 to 1 (exclusive), not 1."),
        ("angle", 91, "angle is a number from -90 to 90, not 91."),
    ],
)
def test_what_is_no_value_is_one_sentence(name: str, given: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        KNOWN[name].value(given)
    assert str(caught.value) == sentence


def test_help_is_what_stands_under_the_field() -> None:
    assert (KNOWN["text"].help, KNOWN["count"].help, KNOWN["yes"].help) == ("A text.", "How many,\nat least one.", "")


def test_keywords_of_a_function_are_options() -> None:
    known = options.of(method)
    assert list(known) == ["query", "ratio"]
    assert known["query"].help == "Patch that is asked, and a line that goes on."
    assert (known["query"].default, known["query"].kind, known["query"].is_optional) == (None, int, True)
    assert (known["ratio"].least, known["ratio"].most) == (0.0, 0.99)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("whole", None, None), ("count", 1, None), ("rate", 0.0, None), ("share", 0.0, 1.0), ("angle", -90.0, 90.0)],
)
def test_forms_know_the_bounds(name: str, least: float | None, most: float | None) -> None:
    found = KNOWN[name].least, KNOWN[name].most
    assert found == (least, most)
    assert all(end is None or type(end) is KNOWN[name].kind for end in found)  # a form takes no mixture


@pytest.mark.parametrize(
    ("words", "owner", "sentence"),
    [
        (["coumt=1"], "", "There is no option 'coumt'; the nearest name is 'count'."),
        (["coumt=1"], "lens", "lens has no option 'coumt'; the nearest name is 'count'."),
        (["count=0"], "lens", "lens option count must be positive, not 0."),
        (["count"], "", "'count' is not of the form key=value."),
    ],
)
def test_wrong_words_are_one_sentence(words: list[str], owner: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        options.words(KNOWN, words, owner)
    assert str(caught.value) == sentence


def test_words_are_read_as_the_options_say() -> None:
    assert options.words(KNOWN, ["count = 3", "text=a=b"]) == {"count": 3, "text": "a=b"}


@pytest.mark.parametrize("source", [RunConfig, slurm.Resources, Plain])
def test_defaults_are_values(source: type) -> None:
    defaults: dict[str, Any] = {name: option.default for name, option in options.of(source).items()}
    assert source(**options.read(options.of(source), defaults)) == source()


def test_flags_make_the_same_object() -> None:
    command = argparse.ArgumentParser()
    options.add_flags(command, slurm.Resources)
    assert options.flags(command.parse_args([]), slurm.Resources) == slurm.Resources()
    parsed = command.parse_args(["--minutes", "1e2", "--memory-gb", "2.5", "--qos", "long"])
    assert options.flags(parsed, slurm.Resources) == slurm.Resources(minutes=100, memory_gb=2.5, qos="long")
    with pytest.raises(ConfigError, match="minutes must be positive, not 0"):
        options.flags(command.parse_args(["--minutes", "0"]), slurm.Resources)
