"""The position tab of the Attention page: what a model learned about where its patches lie."""

from __future__ import annotations

import numpy as np
import streamlit as st

from vlass_explorer import export
from vlass_explorer.figures.colours import SIGNED_MAP
from vlass_explorer.figures.overview import overview, picture
from vlass_explorer.schema import Checkpoint, Cutout, FloatArray, Window

from .. import boundary, controls, loaders, results
from ..text import plain
from . import cached, view
from .view import Key

FILTERS_IN_A_ROW = 7


@st.fragment
@boundary.guarded()
def draw(key: Key, card: Checkpoint, cutout: Cutout, window: Window) -> None:
    """Similarity of position embeddings, bias by offset, and the patch filters, as far as the model has them."""
    applies, reason = loaders.supports(card, "position_similarity")
    by_offset = loaders.supports(card, "position_bias")[0]
    if applies:
        _similarity(key, card, cutout, window)
    elif not by_offset:
        st.info(f"Off for this checkpoint: {plain(reason)}")
    if by_offset:
        st.subheader("Position by offset", anchor=False)
        if not applies:
            st.caption("This model knows how far apart patches lie and in which direction; no place has an embedding.")
        _bias(key, card)
    if loaders.supports(card, "patch_filters")[0]:
        st.subheader("Filters that cut the patches", anchor=False)
        _filters(key, card)


def _similarity(key: Key, card: Checkpoint, cutout: Cutout, window: Window) -> None:
    """One patch against all, and every patch against all; also interpolated to another grid."""
    (gy, gx), _ = cached.similarity(card, None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        resize = None
        if gy == gx and not cached.is_rotary(card):
            side = st.number_input(
                "Interpolated to",
                2,
                24,
                gy,
                key=key("resize"),
                width=130,
                help=f"Rows and columns of patches, as for another image size. Trained with {gy}.",
            )
            resize = None if side == gy else int(side)
        grid, matrix = cached.similarity(card, resize)
        part = "position" if resize is None else f"position{resize}"  # another grid, other rows and columns
        patch = view.patch_inputs(key, part, grid)
        options = (("query", patch), ("resize", resize), ("view", "patch"))
        tile = loaders.explanation(card, cutout, "position_similarity", 0, options)
        overlay = controls.overlay(tile)
    with st.grid(2, min_column_width=320):
        figure = view.map_figure(cutout, window, tile, overlay, patch, scale="cosine")
        view.draw_map(key("position_tile"), figure, tile.titles[overlay.panel])
        _positions(key, part, grid, matrix, patch)
    st.caption(f"{plain(tile.caption)} Left: the chosen patch against all. Right: one such tile for every patch.")
    results.downloads(
        tile,
        cutout,
        export.Provenance(card, "position_similarity", card.label_names[0], dict(options)),
        key="get_position",
    )


def _bias(key: Key, card: Checkpoint) -> None:
    """Kernel of each head of one layer: how much a patch at an offset is preferred."""
    found = cached.position_biases(card)
    number = st.selectbox(
        "Layer with a position bias", range(len(found)), format_func=lambda i: found[i].name, key=key("bias"), width=300
    )
    chosen = found[number]
    gates = "" if chosen.gate is None else " Share of position: " + ", ".join(f"{gate:.2f}" for gate in chosen.gate)
    names = [f"head {head + 1}" for head in range(len(chosen.kernel))]
    _tiles(np.nan_to_num(chosen.kernel)[None], [""], names, key("bias_tiles"), f"Position bias of {chosen.name}")
    st.caption(f"The patch that asks is in the middle of each tile, north as on the sky.{plain(gates)}")


def _filters(key: Key, card: Checkpoint) -> None:
    """First principal components of the patch-embedding filters, the strongest first."""
    components, share = cached.filter_components(card)
    count = len(components) // FILTERS_IN_A_ROW * FILTERS_IN_A_ROW or len(components)
    columns = min(FILTERS_IN_A_ROW, count)
    tiles = components[:count].reshape(-1, columns, *components.shape[1:])
    rows = [f"from {1 + row * columns}" for row in range(len(tiles))]
    _tiles(tiles, rows, [str(i + 1) for i in range(columns)], key("filters"), "Components of the patch filters")
    st.caption(f"Principal components; the first {count} hold {share[:count].sum():.0%} of the variance.")


def _positions(key: Key, part: str, grid: tuple[int, int], matrix: FloatArray, chosen: int) -> None:
    """Draw the tiles of all patches on their grid, row 0 at the bottom; a click chooses that patch."""
    gy, gx = grid
    maps = np.asarray(matrix, np.float32).reshape(gy, gx, gy, gx)[::-1]
    row, column = divmod(chosen, gx)
    figure = overview(
        picture(maps, SIGNED_MAP, common=True, signed=True),
        maps.shape,
        row_names=[str(r) for r in reversed(range(gy))],
        row_word="patch row",
        column_names=[str(c) for c in range(gx)],
        column_word="column",
        chosen=(gy - 1 - row, column),
        tile_height=view.PANEL_HEIGHT // gy,
    )

    def take(tile: int) -> None:
        row_from_top, column = divmod(tile, gx)
        view.choose_patch(key, part, grid, (gy - 1 - row_from_top) * gx + column)

    chart = key("positions")
    st.plotly_chart(
        figure,
        key=chart,
        on_select=view.pick(chart, take),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Position similarity of every patch against all; click a tile to enlarge it",
    )


def _tiles(maps: FloatArray, rows: list[str], columns: list[str], key: str, alt: str) -> None:
    source = picture(maps, SIGNED_MAP, signed=True)
    figure = overview(source, maps.shape, row_names=rows, column_names=columns, tile_height=96)
    st.plotly_chart(figure, key=key, config={"displayModeBar": False}, alt=alt)
