"""The token tab of the Attention page: where each learned token gathers from, and how narrowly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
import torch

from vlass_explorer import export
from vlass_explorer.explainers.token_maps import TokenMaps, on_grid
from vlass_explorer.figures.colours import UNSIGNED_MAP
from vlass_explorer.figures.overview import overview, picture
from vlass_explorer.schema import Checkpoint, Cutout, Prediction, Window

from .. import boundary, controls, loaders, results
from ..text import plain
from . import cached, view
from .view import MEAN, Key

METHOD = "token_maps"


@st.fragment
@boundary.guarded()
def draw(key: Key, card: Checkpoint, cutout: Cutout, window: Window, prediction: Prediction | None, width: int) -> None:
    """All tokens of all tokenizers as one picture; below it the sky, one enlarged map and the numbers of each token.

    ``prediction``: None for a checkpoint that labels pixels. ``width``: of the main column in pixels.
    """
    top = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        after = st.toggle(
            "After self-attention",
            key=key("token_after"),
            help="Off: what each token gathers. On: what it is made of once the tokens have read each other.",
        )
        every = cached.tokens(card, cutout, after)
        st.session_state.setdefault(key("tokenizer"), len(every) - 1)
        tokenizer = st.selectbox(
            "Tokenizer", range(len(every)), format_func=lambda i: f"{i + 1}", key=key("tokenizer"), width=110
        )
        names = [MEAN, *(str(number + 1) for number in range(len(every[tokenizer].maps)))]
        token = names.index(st.selectbox("Token", names, key=key("token"), width=110))
        options = {"token": None, "tokenizer": tokenizer, "after_attention": after}
        label = card.label_names[0] if prediction is None else prediction.label  # the same for every label
        asked = (METHOD, card.label_names.index(label), tuple(options.items()))
        explanation = loaders.explanation(card, cutout, *asked)
        overlay = replace(controls.overlay_style(), panel=token)
    with top:
        _overview(key, every, tokenizer, token, width)
    panels = st.grid(3, min_column_width=270)
    with panels.cell():
        view.draw_plain_sky(key("token_sky"), cutout, window)
    with panels.cell():
        figure = view.map_figure(cutout, window, explanation, overlay, None)
        view.draw_map(key("token_map"), figure, explanation.titles[overlay.panel])
    with panels.cell():
        _numbers(every[tokenizer], view.input_pixel(cutout, window, card.input_spec.img_size))
    st.caption(plain(explanation.caption))
    results.downloads(
        explanation, cutout, export.Provenance(card, METHOD, label, options, prediction), key="get_tokens"
    )


def _overview(key: Key, every: tuple[TokenMaps, ...], tokenizer: int, token: int, width: int) -> None:
    """Mean and every token, one row a tokenizer; a click enlarges a tile."""
    finest = (max(each.maps.shape[1] for each in every), max(each.maps.shape[2] for each in every))
    on_one = [on_grid(torch.from_numpy(each.maps), finest).numpy() for each in every]  # levels of a pyramid differ
    maps = np.stack([np.concatenate([each.mean(0, keepdims=True), each]) for each in on_one])
    rows, columns = maps.shape[:2]
    figure = overview(
        picture(maps, UNSIGNED_MAP),
        maps.shape,
        row_names=[f"{row + 1}" for row in range(rows)],
        row_word="tokenizer",
        column_names=[MEAN, *(f"{number}" for number in range(1, columns))],
        column_word="token",
        chosen=(tokenizer, token),
        tile_height=min(76, (width - 70) // columns),
    )

    def take(tile: int) -> None:
        row, column = divmod(tile, columns)
        st.session_state.update({key("tokenizer"): row, key("token"): str(column) if column else MEAN})

    chart = key("token_overview")
    st.plotly_chart(
        figure,
        key=chart,
        on_select=view.pick(chart, take),
        selection_mode="points",
        config={"displayModeBar": False},
        alt=f"Maps of {columns - 1} tokens of {rows} tokenizers; click one",
    )


def _numbers(found: TokenMaps, arcsec: float | None) -> None:
    """A row a token: how evenly, how locally and how widely it gathers."""
    columns = {
        "Token": np.arange(1, len(found.maps) + 1),
        "Entropy": found.entropy,
        "Even": 100 * found.entropy_share,
        "Local": 100 * found.localness,
        "Spread": found.spread if arcsec is None else arcsec * found.spread,
    }
    unit = "px" if arcsec is None else "″"
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        height=view.PANEL_HEIGHT - 20,
        alt="Entropy, localness and spread of every token",
        column_config={
            "Token": number(width=48),
            "Entropy": number(format="%.2f", width=58, help="In nats; 0 for a single cell."),
            "Even": number(format="%.0f %%", width=54, help="Entropy as a share of that of an even map."),
            "Local": number(format="%.0f %%", width=54, help="Share inside the 3 x 3 cells around the strongest."),
            "Spread": number(f"Spread ({unit})", format="%.1f", width=74, help="Mean distance from the centroid."),
        },
    )
