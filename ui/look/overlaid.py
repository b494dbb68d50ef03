"""Regions and catalogues over the sky of Explore: files that were dropped for it, for every cutout of a browser."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress

import plotly.graph_objects as go
import streamlit as st

from vlass_explorer import memory, overlays
from vlass_explorer.figures import overlays as figures
from vlass_explorer.overlays import Layer, Placed
from vlass_explorer.schema import Cutout, ExplorerError
from vlass_explorer.sessions import Sessions, Upload

from .. import boundary, loaders, settings, state
from ..text import plain

LAYERS, KIND = "sky_layers", "layer"
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
    """The layers by their digest; those that this browser kept come back with the first call of a browser session."""
    if LAYERS not in st.session_state:
        kept, found = _kept(), {}
        for each, path in [] if kept is None or not kept[0].knows(kept[1]) else kept[0].load(kept[1])[0]:
            if each.kind == KIND:
                with suppress(ExplorerError, OSError):  # it could be read when it was dropped
                    content = path.read_bytes()
                    found[_digest(content, each.name)] = overlays.read(content, each.name)
        st.session_state[LAYERS] = found
    known: dict[str, Layer] = st.session_state[LAYERS]
    return known


def _digest(content: bytes, name: str) -> str:
    return hashlib.sha256(content + name.encode()).hexdigest()[:16]


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
        try:
            layers[_digest(content, file.name)] = overlays.read(content, file.name)
        except ExplorerError as error:
            problems.append(str(error))
            continue
        if (kept := _kept()) is not None:
            store, word = kept
            upload = Upload(file.name, file.name, hashlib.sha256(content).hexdigest(), KIND)
            if store.add(word, (upload, content)):
                problems.append(f"{file.name} will be gone after a reload: the server keeps no more of your files.")
    while len(layers) > MOST_LAYERS:
        _forget(next(iter(layers)))
    if problems:
        raise overlays.OverlayError(" ".join(problems))


def _forget(digest: str) -> None:
    _layers().pop(digest, None)
    if (kept := _kept()) is not None:
        store, word = kept
        files = [(each, path) for each, path in store.load(word)[0] if each.kind == KIND]
        gone = [(each.sha256, each.name) for each, path in files if _digest(path.read_bytes(), each.name) == digest]
        store.remove(word, gone)


def _kept() -> tuple[Sessions, str] | None:
    """Where this browser's files are kept, and its word; None where nothing is kept."""
    store, word = settings.sessions(), st.session_state.get(state.SESSION)
    return None if store is None or word is None else (store, word)
