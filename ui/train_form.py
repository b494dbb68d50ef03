"""The form of the Train page: from a data set and a starting point to a RunConfig."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import streamlit as st
import timm
import torch

from vlass_explorer import backbones, preprocess, recipes
from vlass_explorer.recipes.values import nearest
from vlass_explorer.schema import Checkpoint, ConfigError, RunConfig, field_help

HELP = field_help(RunConfig)
TYPES = get_type_hints(RunConfig)
ESSENTIAL = ("epochs", "batch_size", "learning_rate", "tune", "img_size", "device", "fold")
DECIDED = ("recipe", "dataset", "data_dir", "architecture", "weights", "name", "train_count")
LABELS = {
    "tune": "Train", "img_size": "Image size", "fold": "Validation fold", "in_chans": "Channels",
    "ema": "Averaging (EMA)", "clip_grad": "Gradient clip", "beta2": "Beta 2", "field_of_view": "Field of view (″)",
    "field_of_view_pixels": "Field of view (px)",
}  # fmt: skip
COMMON = (
    "vit_tiny_patch16_224", "vit_small_patch16_224", "deit_tiny_distilled_patch16_224", "convit_tiny", "resnet18",
    "mobilenetv3_small_100", "efficientnet_b0", "convnext_atto",
)  # fmt: skip
FINE_TUNE = {"epochs": 10, "learning_rate": 3e-4, "warmup_epochs": 1.0}


def devices() -> dict[str, str]:
    """Value of ``device`` -> what it is on this machine; one entry more for each GPU that is there."""
    found = {"cpu": "CPU"}
    if torch.cuda.is_available():
        found |= {f"cuda:{i}": torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())}
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    return {"auto": f"automatic: {list(found.values())[min(1, len(found) - 1)]}"} | found


def starting_point(cards: list[Checkpoint]) -> RunConfig:
    """Draw the choice of a checkpoint, a recipe or an architecture; return the defaults that follow from it.

    Raises ConfigError for an architecture that nobody knows.
    """
    ways = [*(["Checkpoint"] if cards else []), "Recipe", "Architecture"]
    way = st.segmented_control("Start from", ways, default=ways[0], required=True, key="train_way")
    if way == "Checkpoint":
        by_name = {card.name: card for card in cards}
        card = by_name[st.selectbox("Checkpoint", list(by_name), key="train_checkpoint")]
        st.caption(f"{card.architecture}, {card.parameters:,} parameters, classes {', '.join(card.label_names)}.")
        return from_checkpoint(card)
    if way == "Recipe":
        name = st.selectbox("Recipe", recipes.names(), key="train_recipe")
        st.caption(recipes.source(name))
        return recipes.load(name)
    architecture = st.selectbox(
        "Architecture", [*backbones.names(), *COMMON], key="train_architecture", accept_new_options=True,
        help="Any classification architecture of timm: type its name.",
    )  # fmt: skip
    weights = st.segmented_control(
        "Weights", ["none", "imagenet"], default="none", required=True, key="train_weights",
        format_func={"none": "random", "imagenet": "ImageNet"}.get,
        help="ImageNet weights are downloaded once and expect three channels.",
    )  # fmt: skip
    defaults = RunConfig(architecture=known_architecture(architecture), weights=weights, name=f"{architecture}-new")
    return replace(defaults, in_chans=3) if weights == "imagenet" else defaults


def known_architecture(name: str) -> str:
    """The name itself where timm knows it; ConfigError with the nearest names otherwise."""
    if timm.is_model(name):
        return name
    raise ConfigError(f"There is no architecture {name!r}{nearest(name, timm.list_models())}.")


def from_checkpoint(card: Checkpoint) -> RunConfig:
    """Defaults for fine-tuning a checkpoint: its architecture and input, few epochs, a low learning rate."""
    spec = card.input_spec
    return RunConfig(
        name=f"{card.name}-tuned", architecture=card.architecture, weights=card.name,
        patch_size=int(card.model_args.get("patch_size", 0)), drop_rate=float(card.model_args.get("drop_rate", 0.0)),
        img_size=spec.img_size, in_chans=spec.in_chans, stretch=spec.stretch, field_of_view=spec.field_of_view,
        field_of_view_pixels=spec.field_of_view_pixels, normalisation=spec.normalisation, **FINE_TUNE,
    )  # fmt: skip


def options(defaults: RunConfig) -> RunConfig:
    """Draw the essential options open and the rest folded, starting at ``defaults``; return what was chosen."""
    origin = f"{defaults.weights}-{defaults.recipe}-{defaults.architecture}"  # another start, other defaults
    chosen: dict[str, Any] = {}
    chosen["name"] = st.text_input(
        "Name of the checkpoint it becomes", defaults.name, key=f"train_name_{origin}", help=HELP["name"], max_chars=80
    )
    with st.grid("auto", min_column_width=118, vertical_alignment="bottom"):
        for field in ESSENTIAL:
            chosen[field] = _widget(field, getattr(defaults, field), origin)
    found = devices()
    st.caption(
        "This machine has no GPU: training runs on the CPU." if set(found) == {"auto", "cpu"}
        else "GPU: " + ", ".join(text for key, text in found.items() if key not in ("auto", "cpu")) + "."
    )  # fmt: skip
    with (
        st.expander("All options", key="train_all"),
        st.grid("auto", min_column_width=118, vertical_alignment="bottom"),
    ):
        for field in TYPES:
            if field not in (*ESSENTIAL, *DECIDED):
                chosen[field] = _widget(field, getattr(defaults, field), origin)
        if defaults.dataset == "simulated":
            chosen["train_count"] = _widget("train_count", defaults.train_count, origin)
    return recipes.check(replace(defaults, **chosen))


def _widget(field: str, value: Any, origin: str) -> Any:
    """The widget that fits a field's type: its help is the docstring under the field."""
    label = LABELS.get(field, field.replace("_", " ").capitalize())
    common: dict[str, Any] = {"key": f"train_{field}_{origin}", "help": HELP[field]}
    kind = TYPES[field]
    if field == "device":
        found = devices()
        return st.selectbox(label, list(found), format_func=lambda key: found.get(key, key), **common)
    if field == "fold":
        return st.selectbox(label, range(5), index=min(value, 4), **common)
    if field == "stretch":
        names = list(preprocess.STRETCHES)
        return st.selectbox(label, names, index=names.index(value), **common)
    if get_origin(kind) is Literal:
        choices = list(get_args(kind))
        return st.selectbox(label, choices, index=choices.index(value), **common)
    if kind is bool:
        return st.checkbox(label, value, **common)
    if kind is int:
        return int(st.number_input(label, value=value, min_value=0, step=1, **common))
    if kind is float:
        step = value / 10 or 0.01  # a tenth of the default: rates differ by orders of magnitude
        return float(st.number_input(label, value=float(value), min_value=0.0, step=step, format="%g", **common))
    return st.text_input(label, value, **common)
