"""The model step of the Train form: architecture, where its weights start, and which of them are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
import timm
import torch

from vlass_explorer import backbones, checkpoints
from vlass_explorer.options import nearest
from vlass_explorer.recipes.validation import without
from vlass_explorer.schema import MONITORS, NETWORKS, Checkpoint, ConfigError, ExplorerError, RunConfig

from .form import widget

FIRST = (
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
    "deit_tiny_distilled_patch16_224",
    "convit_tiny",
    "resnet18",
    "mobilenetv3_small_100",
    "efficientnet_b0",
    "convnext_atto",
)
"""Architectures at the top of the list, after those of this project."""
SOURCES = {"none": "random", "imagenet": "ImageNet", "checkpoint": "checkpoint"}


@st.cache_data(show_spinner=False, max_entries=1)
def architectures() -> list[str]:
    """Every architecture: of this project, networks for pixels, a few small ones, then all of timm by name."""
    first = [*backbones.names(), *NETWORKS, *(name for name in FIRST if timm.is_model(name))]
    return [*first, *(name for name in timm.list_models() if name not in first)]


def choice(config: RunConfig, cards: Sequence[Checkpoint], origin: str) -> RunConfig:
    """Draw the model options, starting at ``config``; raises ConfigError for an architecture that nobody knows."""
    names = architectures()
    listed = [config.architecture, *names] if config.architecture not in names else names
    architecture = st.selectbox(
        "Architecture",
        listed,
        index=listed.index(config.architecture),
        key=f"train_architecture_{origin}",
        accept_new_options=True,
        help=f"{len(names):,} names: type a part of one. A pretrained tag may follow a dot.",
    )
    config = replace(config, architecture=checked_architecture(architecture or ""))
    config = _of_task(config)
    config = _weights(config, cards, f"{origin}_{config.architecture}")
    with st.grid(2, min_column_width=118):
        config = replace(config, tune=widget("tune", config.tune, origin))
        if config.tune == "last":
            config = replace(config, tune_blocks=widget("tune_blocks", config.tune_blocks, origin))
    return config


def _of_task(config: RunConfig) -> RunConfig:
    """The same with the task of its architecture; options that only the other task has are as by default."""
    is_network = config.architecture in NETWORKS
    own = RunConfig(task="segmentation" if is_network else "classification")
    changed: dict[str, Any] = {name: getattr(own, name) for name in without(own.task)}
    if config.monitor not in MONITORS[own.task]:
        changed["monitor"] = own.monitor
    if is_network and config.tune == "last":
        changed["tune"] = own.tune
    return replace(config, task=own.task, **changed)


def _weights(config: RunConfig, cards: Sequence[Checkpoint], origin: str) -> RunConfig:
    fitting = [card.name for card in cards if card.architecture == config.architecture]
    given = config.weights
    start = given if given in ("none", "imagenet") else "checkpoint"
    if start == "checkpoint" and config.weights not in fitting:
        if "{" in config.weights or "/" in config.weights or config.weights.endswith(".safetensors"):
            fitting = [config.weights, *fitting]
        elif fitting:
            config = replace(config, weights=fitting[0])
        else:
            start, config = "none", replace(config, weights="none")
    sources = [name for name in SOURCES if name != "checkpoint" or fitting]
    source = st.segmented_control(
        "Weights",
        sources,
        default=start,
        required=True,
        key=f"train_weights_{origin}",
        format_func=SOURCES.__getitem__,
        help="Where the weights start. ImageNet weights are downloaded once and expect three channels.",
    )
    if source == "checkpoint":
        index = fitting.index(config.weights) if config.weights in fitting else 0
        chosen = st.selectbox(
            "Weights of", fitting, index=index, key=f"train_source_{origin}", label_visibility="collapsed"
        )
        if chosen == given:  # as the form started: what was given stays
            return replace(config, weights=chosen)
        card = next(card for card in cards if card.name == chosen)
        return replace(config, weights=chosen, **checkpoints.inherited_options(card))
    return replace(config, weights=source, in_chans=3 if source == "imagenet" else config.in_chans)


def checked_architecture(name: str) -> str:
    """The name itself where timm knows it; ConfigError with the nearest names otherwise."""
    backbones.register()
    if name in NETWORKS or timm.is_model(name):
        return name
    raise ConfigError(f"There is no architecture {name!r}{nearest(name, architectures())}.")


@st.cache_data(show_spinner=False, max_entries=64)
def count(
    architecture: str, classes: int, img_size: int, patch_size: int, in_chans: int, encoder: str = "", pyramid: int = 0
) -> int | None:
    """Parameters of a model, built without memory for them; None where it cannot be built so."""
    wishes: dict[str, Any] = {"img_size": img_size, "in_chans": in_chans} | (
        {"patch_size": patch_size} if patch_size else {}
    )
    if architecture in NETWORKS:
        wishes |= {"encoder": encoder} | ({"pyramid": pyramid} if pyramid else {})
    for arguments in (wishes, {key: value for key, value in wishes.items() if key != "img_size"}):
        try:
            with torch.device("meta"):
                return sum(p.numel() for p in checkpoints.create(architecture, classes, arguments).parameters())
        except ExplorerError:
            continue
    return None
