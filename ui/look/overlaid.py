"""Regions and catalogues over the sky of Explore: files that were dropped for it, for every cutout of the session."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from vlass_explorer import memory, overlays
from vlass_explorer.figures import overlays as figures
from vlass_explorer.overlays import Layer, Placed
from vlass_explorer.schema import Cutout, ExplorerError

from .. import boundary, loaders
from ..text import plain

LAYERS = "sky_layers"
MOST_LAYERS = 8
HELP = "DS9 and CASA region files (.reg, .crtf); catalogues as CSV, VOTable, FITS or Parquet, columns by UCD or name."


def placed(cutout: Cutout) -> list[Placed]:
    """The layers that this browser holds, on the pixels of a cutout, without those that are switched off."""
    switched = st.session_state.get
    return [_placed(digest, cutout) for digest in _layers() if switched(f"layer_{digest}", True)]


def over(figure: go.Figure, cutout: Cutout, layers: Sequence[Placed]) -> go.Figure:
    """The figure with the layers over its sky; itself where there are none."""
    return figures.over_the_sky(figure, cutout, layers) if any(layer.shapes for layer in layers) else figure


def draw(cutout: Cutout) -> None:
    """Draw the drop zone, and a line a layer: what of it lies on the cutout, a switch and a way to forget it."""
    turn = st.session_state.setdefault("layers_turn", 0)
    key = f"layers_{turn}"
    st.file_uploader(
        "Regions and catalogues over the sky",
        accept_multiple_files=True,
        key=key,
        on_change=boundary.reported(_take),
        args=(key,),
        help=HELP,
    )
    for digest in list(_layers()):
        where = _placed(digest, cutout)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.checkbox(plain(where.sentence), True, key=f"layer_{digest}", width="stretch", persist_state="session")
            st.button(
                "Forget",
                key=f"forget_{digest}",
                type="tertiary",
                icon=":material/close:",
                on_click=_forget,
                args=(digest,),
            )
        for note in where.notes:
            st.caption(plain(note))


def _layers() -> dict[str, Layer]:
    known: dict[str, Layer] = st.session_state.setdefault(LAYERS, {})
    return known


def _placed(digest: str, cutout: Cutout) -> Placed:
    """A layer on a cutout, done at most once while it is remembered."""
    layer = _layers()[digest]
    key = ("overlay", digest, memory.of_cutout(cutout))
    return loaders.MEMORY.get_or_compute(key, lambda: overlays.place(layer, cutout))


def _take(key: str) -> None:
    """Read dropped files into layers; those that cannot be read are told together, and the others are taken."""
    layers, problems = _layers(), []
    st.session_state["layers_turn"] += 1
    for file in st.session_state.get(key) or []:
        content = file.getvalue()
        digest = hashlib.sha256(content + file.name.encode()).hexdigest()[:16]
        try:
            layers[digest] = overlays.read(content, file.name)
        except ExplorerError as error:
            problems.append(str(error))
    while len(layers) > MOST_LAYERS:
        layers.pop(next(iter(layers)))
    if problems:
        raise overlays.OverlayError(" ".join(problems))


def _forget(digest: str) -> None:
    _layers().pop(digest, None)
