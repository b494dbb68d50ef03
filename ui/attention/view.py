"""What the Attention page draws: the overview, the enlarged maps on the sky, and the picks that link them."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from vlass_explorer.figures.colours import UNSIGNED_MAP, SkyView
from vlass_explorer.figures.layers import layer_player
from vlass_explorer.figures.overview import overview, png, scaled, tiled
from vlass_explorer.figures.sky import Overlay, sky_panels
from vlass_explorer.figures.tokens import add_patches
from vlass_explorer.schema import Cutout, Explanation, FloatArray, Window

READOUT, PATCH = "read-out", "patch"
MEAN = "mean"
PANEL_HEIGHT = 400


Key = Callable[[str], str]
"""Widget key of one checkpoint: what is picked in one model means nothing in the next."""


def keys(checkpoint: str) -> Key:
    """Names of this page's widgets for one checkpoint."""
    return lambda part: f"attention_{part}_{checkpoint}"


def pick(chart: str, take: Callable[[int], None]) -> Callable[[], None]:
    """A selection callback: hands the index of the clicked marker to ``take``, if one was clicked."""

    def clicked() -> None:
        points = st.session_state[chart].selection.points
        if points:
            take(int(points[-1]["point_index"]))

    return clicked


def query_controls(key: Key, grid: tuple[int, int]) -> int | None:
    """Draw the choice of where attention starts; return the patch (row * gx + column) or None for the read-out."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xxsmall"):
        start = st.segmented_control(
            "Attention from",
            [READOUT, PATCH],
            default=READOUT,
            required=True,
            key=key("start"),
            help="A patch has a row, 0 at the bottom, and a column, 0 at the left; a click on the sky chooses one.",
        )
        patch = patch_inputs(key, "start", grid, disabled=start != PATCH)
    return patch if start == PATCH else None


def patch_inputs(key: Key, part: str, grid: tuple[int, int], *, disabled: bool = False) -> int:
    """Draw row and column of a patch, the way without a mouse; return row * gx + column."""
    gy, gx = grid
    row_key, column_key = key(f"{part}_row"), key(f"{part}_column")
    st.session_state.setdefault(row_key, gy // 2)
    st.session_state.setdefault(column_key, gx // 2)
    row = st.number_input("Row", 0, gy - 1, key=row_key, width=60, disabled=disabled)
    column = st.number_input("Column", 0, gx - 1, key=column_key, width=60, disabled=disabled)
    return int(row) * gx + int(column)


def choose_patch(key: Key, part: str, grid: tuple[int, int], patch: int) -> None:
    """Put this patch into the inputs; call it from a callback."""
    row, column = divmod(patch, grid[1])
    st.session_state.update({key(f"{part}_row"): row, key(f"{part}_column"): column})


def layer_controls(key: Key, layers: int, heads: int) -> tuple[int, int | None]:
    """Draw the choice of layer and head; return their indices from 0, None for the mean over heads."""
    st.session_state.setdefault(key("layer"), layers - 1)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = st.selectbox(
            "Layer", range(layers), format_func=lambda i: f"{i + 1}", key=key("layer"), width=110, persist_state="page"
        )
        names = [MEAN, *(str(head + 1) for head in range(heads))]
        head = st.selectbox("Head", names, key=key("head"), width=110, persist_state="page")
    return layer, None if head == MEAN else int(head) - 1


def rollout_controls(key: Key) -> dict[str, str | float]:
    """Draw the options of the rollout; return them by name."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        fusion = st.segmented_control(
            "Heads fused by", ["mean", "max", "min"], default="mean", required=True, key=key("fusion")
        )
        discard = st.select_slider(
            "Discarded",
            [round(0.05 * i, 2) for i in range(20)],
            0.0,
            key=key("discard"),
            width=92,
            help="Share of the weakest links of each layer that is dropped before the layers are multiplied.",
        )
    return {"head_fusion": fusion, "discard_ratio": discard}


def choose_tile(key: Key, layers: int, tile: int) -> None:
    """Enlarge this tile of the overview; call it from a callback."""
    row, layer = divmod(tile, layers)
    st.session_state.update({key("layer"): layer, key("head"): str(row) if row else MEAN})


def draw_overview(
    key: Key, maps: FloatArray, picture: Callable[[bool], str], layer: int, head: int | None, width: int
) -> None:
    """Draw maps (row, layer, gy, gx), row 0 the mean over heads, whose tiles can be clicked.

    ``picture``: what composes them, see ``figures.overview.picture``, on one colour scale where True.
    """
    rows, layers = maps.shape[:2]
    row = st.container(horizontal=True, vertical_alignment="center")
    common = row.toggle(
        "One colour scale for all",
        key=key("common"),
        help="Off: each map runs from its own minimum to its own maximum, so that its shape shows.",
    )
    row.download_button(
        "Overview as PNG",
        lambda: png(tiled(scaled(maps, common=common), UNSIGNED_MAP)),
        "attention_overview.png",
        "image/png",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
        key=key("get_overview"),
    )
    names = [MEAN, *(f"head {head + 1}" for head in range(rows - 1))]
    figure = overview(
        picture(common),
        maps.shape,
        row_names=names,
        column_names=[f"{i + 1}" for i in range(layers)],
        column_word="layer",
        chosen=(0 if head is None else head + 1, layer),
        tile_height=min(76, 620 // rows, (width - 70) // layers),
    )
    chart = key("overview")
    st.plotly_chart(
        figure,
        key=chart,
        on_select=pick(chart, lambda tile: choose_tile(key, layers, tile)),
        selection_mode="points",
        config={"displayModeBar": False},
        alt=f"Attention maps of {layers} layers and {rows - 1} heads; click one to enlarge it",
    )


def sky_figure(cutout: Cutout, window: Window, grid: tuple[int, int], query: int | None) -> go.Figure:
    """The field of view with one invisible marker a patch."""
    figure = sky_panels(cutout, SkyView(), window=window, show=("sky",), height=PANEL_HEIGHT)
    figure.update_traces(hoverinfo="skip", hovertemplate=None, selector={"type": "heatmap"})  # patches are to be found
    add_patches(figure, cutout, window, grid, query, clickable=True)
    return figure


def draw_sky(key: Key, figure: go.Figure, grid: tuple[int, int]) -> None:
    """Draw the field of view (``sky_figure``); a click on a patch starts attention there."""

    def take(patch: int) -> None:
        st.session_state[key("start")] = PATCH
        choose_patch(key, "start", grid, patch)

    chart = key("sky")
    st.plotly_chart(
        figure,
        key=chart,
        on_select=pick(chart, take),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="The field of view; click a patch",
    )


def draw_plain_sky(chart: str, cutout: Cutout, window: Window) -> None:
    """Draw the field of view, as a companion of a map."""
    figure = sky_panels(cutout, SkyView(), window=window, show=("sky",), height=PANEL_HEIGHT)
    st.plotly_chart(figure, key=chart, config={"displaylogo": False}, alt="The field of view")


def map_figure(
    cutout: Cutout,
    window: Window,
    explanation: Explanation,
    overlay: Overlay,
    query: int | None,
    *,
    scale: str | None = None,
) -> go.Figure:
    """One explanation on the axes of the sky, with the chosen patch framed; ``scale`` names its colour bar."""
    figure = sky_panels(
        cutout,
        SkyView(),
        window=window,
        explanation=explanation,
        overlay=overlay,
        show=("explanation",),
        height=PANEL_HEIGHT,
    )
    grid = (explanation.maps.shape[1], explanation.maps.shape[2])
    add_patches(figure, cutout, window, grid, query, clickable=False)
    if scale is not None:
        figure.update_traces(colorbar_title_text=scale, selector=lambda trace: trace.colorbar.title.text is not None)
    return figure


def draw_map(chart: str, figure: go.Figure, alt: str) -> None:
    """Draw a map on the sky (``map_figure``)."""
    st.plotly_chart(figure, key=chart, config={"displaylogo": False}, alt=alt)


def draw_player(key: Key, cutout: Cutout, window: Window, layers: Explanation, overlay: Overlay) -> None:
    """Draw the attention of all layers one after the other; it plays in the browser."""
    figure = layer_player(cutout, window, layers, overlay, height=PANEL_HEIGHT + 110)
    with st.container(width=520):
        st.plotly_chart(
            figure, key=key("player"), config={"displaylogo": False}, alt="Attention of each layer, one after the other"
        )


def input_pixel(cutout: Cutout, window: Window, img_size: int) -> float | None:
    """Arcsec that a pixel of the model input covers, None where the cutout has no pixel scale."""
    return None if cutout.pixel_scale is None else cutout.pixel_scale[0] * window.shape[0] / img_size
