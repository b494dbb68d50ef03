"""Configurations on the page: what differs from a recipe or between runs, and the whole as YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import pandas as pd
import streamlit as st

from vlass_explorer import recipes
from vlass_explorer.schema import ConfigError, Run, RunConfig


def differing(configs: Sequence[RunConfig]) -> dict[str, list[str]]:
    """Key -> its value in each configuration, as text, for the keys that are not the same in all."""
    values = {f.name: [getattr(config, f.name) for config in configs] for f in fields(RunConfig)}
    return {key: [str(v) for v in row] for key, row in values.items() if any(v != row[0] for v in row)}


def origin(config: RunConfig) -> tuple[str, RunConfig]:
    """What a configuration is compared with: its recipe, or the defaults where there is none (any more)."""
    try:
        return (f"recipe {config.recipe}", recipes.load(config.recipe)) if config.recipe else ("defaults", RunConfig())
    except ConfigError:
        return "defaults", RunConfig()


def draw(run: Run) -> None:
    """Draw what differs from the recipe, the whole configuration, and its download."""
    name, other = origin(run.config)
    table = differing([other, run.config])
    rows = [{"Key": key, f"In the {name}": old or "empty", "In this run": new} for key, (old, new) in table.items()]
    if rows:
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            row_height=28,
            alt=f"What differs from the {name}",
            height="content" if len(rows) <= 12 else 28 * 13,
        )
    else:
        st.caption(f"Nothing differs from the {name}.")
    text = recipes.to_yaml(run.config)
    with st.expander("All keys as YAML", key=f"yaml-{run.id}"):
        st.code(text, language="yaml", height=320)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "YAML",
            text,
            f"{run.config.name}.yaml",
            "application/yaml",
            on_click="ignore",
            icon=":material/download:",
            key=f"get-yaml-{run.id}",
        )
        st.caption(f"Folder: `{run.path}`")
