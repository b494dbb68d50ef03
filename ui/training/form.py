"""Widgets of the Train form, drawn from RunConfig: a field's type decides the widget, its docstring is the help."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import streamlit as st

from vlass_explorer import preprocess, recipes
from vlass_explorer.schema import INHERITED, RunConfig, field_help

from . import devices

HELP = field_help(RunConfig)
TYPES = get_type_hints(RunConfig)
ESSENTIAL = ("epochs", "batch_size", "learning_rate", "img_size", "fold", "device")
ELSEWHERE = ("recipe", "dataset", "data_dir", "architecture", "weights", "tune", "tune_blocks", "name", "train_count")
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
            names = [*names, *(["train_count"] if title == "Data" and config.dataset == "simulated" else [])]
            with tab, st.grid("auto", min_column_width=118, vertical_alignment="bottom"):
                for field in names:
                    chosen[field] = widget(field, getattr(config, field), origin + _follows(config, field))
    return recipes.check(replace(config, **chosen))


def _follows(config: RunConfig, field: str) -> str:
    """Part of the key of a widget whose default follows the data set or the starting weights, and must show that."""
    return f"_{getattr(config, field)}" if field == "split" or field in INHERITED else ""


def widget(field: str, value: Any, origin: str) -> Any:
    """The widget that fits a field's type, starting at ``value``; ``origin`` keeps defaults of other starts apart."""
    label = LABELS.get(field, field.replace("_", " ").capitalize())
    common: dict[str, Any] = {"key": f"train_{field}_{origin}", "help": HELP[field]}
    kind = TYPES[field]
    if field == "device":
        found = devices.known()
        listed = list(found) if value in found else [value, *found]
        return st.selectbox(label, listed, index=listed.index(value), format_func=lambda k: found.get(k, k), **common)
    if field == "fold":
        return st.selectbox(label, range(max(5, value + 1)), index=value, **common)
    if field == "stretch":
        names = list(preprocess.STRETCHES)
        return st.selectbox(label, names, index=names.index(value) if value in names else 0, **common)
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
    return st.text_input(label, value, max_chars=400, **common)
