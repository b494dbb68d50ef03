"""Recipes: every file of the shelf, and what bad input is told."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import timm

from vlass_explorer import backbones, datasets, options, recipes
from vlass_explorer.preprocess import STRETCHES
from vlass_explorer.schema import NETWORKS, ConfigError, RunConfig


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_can_be_trained(name: str) -> None:
    config = recipes.load(name)
    assert recipes.validate(config) == config
    assert config.recipe == name
    assert config.architecture in {*timm.list_models(), *backbones.names(), *NETWORKS}
    assert config.stretch in STRETCHES and config.dataset in datasets.DATASETS
    assert len(recipes.source(name)) > 30


@pytest.mark.parametrize("name", recipes.names())
def test_yaml_round_trip(name: str) -> None:
    config = replace(recipes.load(name), data_dir="/data/été: #1", learning_rate=3e-4)
    assert recipes.from_yaml(recipes.to_yaml(config)) == config
    assert recipes.from_yaml(recipes.to_yaml(config, differences=True)) == config


def test_only_differences_are_written() -> None:
    text = recipes.to_yaml(RunConfig(epochs=3, flip=0.25), differences=True)
    assert text == "epochs: 3\nflip: 0.25\n"


def test_words_become_values_of_the_field() -> None:
    found = recipes.parse(
        ["epochs=1e1", "learning_rate=3e-4", "rotate=no", "keep=best", "name=a=b", "class_weighting=1"]
    )
    assert found == {
        "epochs": 10,
        "learning_rate": 3e-4,
        "rotate": False,
        "keep": "best",
        "name": "a=b",
        "class_weighting": True,
    }
    assert type(found["epochs"]) is int and found["class_weighting"] is True


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("epoch=3", "There is no option 'epoch'; the nearest name is 'epochs'."),
        ("lerning_rate=3", "There is no option 'lerning_rate'; the nearest name is 'learning_rate'."),
        ("epochs", "'epochs' is not of the form key=value."),
        ("epochs=many", "epochs is a whole number, not 'many'."),
        ("epochs=2.5", "epochs is a whole number, not '2.5'."),
        ("learning_rate=nan", "learning_rate is a finite number, not 'nan'."),
        ("rotate=perhaps", "rotate is true or false, not 'perhaps'."),
        ("keep=first", "keep is one of last, best, not 'first'."),
    ],
)
def test_wrong_words_are_one_sentence(word: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipes.parse([word])
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch_size": -1},
        {"learning_rate": -1.0},
        {"flip": 1.5},
        {"ema": 1.0},
        {"in_chans": 2},
        {"name": "../up"},
        {"name": ""},
        {"name": "a b"},
        {"device": "tpu"},
        {"img_size": 0},
        {"split_seed": -1},
    ],
)
def test_impossible_values_are_named(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        recipes.with_values(RunConfig(), values)


@pytest.mark.parametrize(
    "text", ["[1, 2]", "epochs: [1]", "epochs: {a: 1}", "a: b: c", "epochs: !!python/object:os.x {}"]
)
def test_wrong_yaml_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        recipes.from_yaml(text)


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="nearest name is 'first/cnn'"):
        recipes.load("first/cmn")
    with pytest.raises(ConfigError):
        recipes.load("../../pyproject")


def test_every_option_has_its_help() -> None:
    known = options.of(RunConfig)
    assert list(known) == [f.name for f in fields(RunConfig)]
    assert all(option.help.rstrip().endswith(".") for option in known.values())
