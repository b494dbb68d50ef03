"""Widgets of the Train form, drawn from RunConfig: what a field may be decides the widget."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import streamlit as st

from vlass_explorer import datasets, preprocess, recipes
from vlass_explorer.options import of as options_of
from vlass_explorer.recipes.validation import without
from vlass_explorer.schema import INHERITED, RunConfig

from .. import controls
from . import devices

OPTIONS = options_of(RunConfig)
ESSENTIAL = ("epochs", "batch_size", "learning_rate", "img_size", "fold", "device")
ELSEWHERE = (
    "recipe",
    "dataset",
    "data_dir",
    "architecture",
    "task",
    "weights",
    "tune",
    "tune_blocks",
    "name",
    "train_count",
)
"""Fields that the other steps decide."""
GROUPS = {
    "name": "Data",
    "architecture": "Model",
    "img_size": "Input",
    "epochs": "Optimisation",
    "rotate": "Augmentation",
    "seed": "Machine",
}
"""First field of each group -> its title; RunConfig is in this order."""
LABELS = {
    "tune": "Train",
    "img_size": "Image size",
    "fold": "Validation fold",
    "in_chans": "Channels",
    "ema": "Averaging (EMA)",
    "clip_grad": "Gradient clip",
    "beta2": "Beta 2",
    "field_of_view": "Field of view (″)",
    "match_beam": "Beam to match (″)",
    "field_of_view_pixels": "Field of view (px)",
    "cutmix": "CutMix",
    "name": "Name of the checkpoint it becomes",
}


def groups() -> dict[str, list[str]]:
    """Title -> fields that are folded under it, in the order of RunConfig."""
    found: dict[str, list[str]] = {}
    title = ""
    for field in fields(RunConfig):
        title = GROUPS.get(field.name, title)
        if field.name not in (*ESSENTIAL, *ELSEWHERE):
            found.setdefault(title, []).append(field.name)
    return found


def options(config: RunConfig, origin: str) -> RunConfig:
    """Draw the essential options open and the rest folded, starting at ``config``; return what was chosen."""
    chosen: dict[str, Any] = {"name": widget("name", config.name, origin)}
    with st.grid("auto", min_column_width=118, vertical_alignment="bottom"):
        for field in ESSENTIAL:
            chosen[field] = widget(field, getattr(config, field), origin + _follows(config, field))
    st.caption(devices.sentence(chosen["device"]))
    with st.expander("All options", key="train_all"):
        folded = groups()
        for tab, (title, names) in zip(st.tabs(list(folded)), folded.items(), strict=True):
            names = [*names, *(["train_count"] if title == "Data" and datasets.is_made(config.dataset) else [])]
            with tab, st.grid("auto", min_column_width=118, vertical_alignment="bottom"):
                for field in (name for name in names if name not in without(config.task)):
                    chosen[field] = widget(field, getattr(config, field), origin + _follows(config, field))
    return recipes.validate(replace(config, **chosen))


def _follows(config: RunConfig, field: str) -> str:
    """Part of the key of a widget whose default follows the data set or the starting weights, and must show that."""
    if field == "monitor":  # what may be chosen depends on the task
        return f"_{config.task}"
    return f"_{getattr(config, field)}" if field == "split" or field in INHERITED else ""


def key(field: str, origin: str) -> str:
    """Session key of a widget of this start."""
    return f"train_{field}_{origin}"


def widget(field: str, value: Any, origin: str) -> Any:
    """The widget that fits a field's type, starting at ``value``; ``origin`` keeps defaults of other starts apart."""
    label = LABELS.get(field, field.replace("_", " ").capitalize())
    common: dict[str, Any] = {"key": key(field, origin), "help": OPTIONS[field].help}
    if field == "device":
        found = devices.available()
        listed = list(found) if value in found else [value, *found]
        return st.selectbox(label, listed, index=listed.index(value), format_func=lambda k: found.get(k, k), **common)
    if field == "fold":
        return st.selectbox(label, range(max(5, value + 1)), index=value, **common)
    if field == "stretch":
        names = list(preprocess.STRETCHES)
        return st.selectbox(label, names, index=names.index(value) if value in names else 0, **common)
    return controls.option(OPTIONS[field], value, common["key"], label)
