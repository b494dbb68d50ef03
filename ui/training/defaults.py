"""What the Train form starts from: a checkpoint, a recipe, an architecture, an earlier run or a YAML file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from vlass_explorer import checkpoints, recipes, runs
from vlass_explorer.checkpoints import starting
from vlass_explorer.foreign import mapped
from vlass_explorer.runs.words import when
from vlass_explorer.schema import Checkpoint, ConfigError, RunConfig

from .. import settings, state
from ..text import plain

FINE_TUNE: dict[str, Any] = {"epochs": 10, "learning_rate": 3e-4, "warmup_epochs": 1.0}
WAYS = ("Checkpoint", "Recipe", "Architecture", "Earlier run", "YAML file")
LARGEST_YAML = 1 << 16


@dataclass(frozen=True)
class Start:
    """Defaults of the form, and a word that changes when they come from somewhere else."""

    config: RunConfig
    origin: str
    says_data: bool = False
    """True where the data set is part of it."""


def choice(cards: list[Checkpoint]) -> Start:
    """Draw the choice and return the defaults that follow from it; raises ConfigError for a file that is none."""
    known = {run.id: run for run in runs.listing()}
    if (asked := st.session_state.pop(state.AGAIN, None)) in known:
        st.session_state["train_way"], st.session_state["train_run"] = "Earlier run", asked
    ways = [way for way in WAYS if (way != "Checkpoint" or cards) and (way != "Earlier run" or known)]
    way = st.segmented_control("Start from", ways, default=ways[0], required=True, key="train_way")
    if way == "Checkpoint":
        by_name = {card.name: card for card in cards}
        if (first := state.chosen_checkpoint(cards)) is not None:  # the one that is looked at, else the best
            st.session_state.setdefault("train_checkpoint", first.name)
        card = by_name[st.selectbox("Checkpoint", list(by_name), key="train_checkpoint")]
        names = ", ".join(plain(name) for name in card.label_names)
        st.caption(f"{plain(card.architecture)}, {card.parameters:,} parameters, classes {names}.")
        return Start(from_checkpoint(card), f"checkpoint {card.name}")
    if way == "Recipe":
        name = st.selectbox("Recipe", recipes.names(), key="train_recipe")
        st.caption(plain(recipes.source(name)))
        return Start(recipes.load(name), f"recipe {name}")
    if way == "Earlier run":
        run_id = st.selectbox(
            "Run", list(known), key="train_run", format_func=lambda i: f"{known[i].config.name} · {when(known[i])}"
        )
        return Start(_confined(known[run_id].config), f"run {run_id}", says_data=True)
    if way == "YAML file":
        return _from_file()
    return Start(RunConfig(), "architecture")


def from_checkpoint(card: Checkpoint) -> RunConfig:
    """Defaults for fine-tuning a checkpoint: its architecture, head and input, few epochs, a low learning rate."""
    return RunConfig(name=f"{card.name}-tuned", weights=card.name, **checkpoints.inherited_options(card), **FINE_TUNE)


def _confined(config: RunConfig) -> RunConfig:
    """The same configuration; ConfigError where it names a file of weights that pages may not open."""
    if starting.is_file(config.weights):
        config = replace(config, weights=str(settings.checked_weights(config.weights)))
    return config


def _from_file() -> Start:
    file = st.file_uploader(
        "Configuration", key="train_yaml", max_upload_size=1, help="Any keys of a run as key: value lines (.yaml)."
    )
    if file is None:
        st.caption("Drop a file as the YAML button below writes it; keys that it leaves out have their defaults.")
        return Start(RunConfig(), "no file")
    content = file.getvalue()
    if len(content) > LARGEST_YAML:
        raise ConfigError(f"{file.name} is too long for a configuration.")
    with mapped(lambda error: ConfigError(f"{file.name} is not a text file.")):
        text = content.decode("utf-8")
    config = checkpoints.with_inherited(lambda base: _confined(recipes.from_yaml(text, f"file {file.name}", base)))
    return Start(config, f"file {file.file_id}", says_data=bool(config.data_dir) or config.dataset != "class_folders")
