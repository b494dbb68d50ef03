"""What a checkpoint's spatial transformer made of the cutout in view, and of all others, before and after."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from vlass_explorer import preprocess, warp
from vlass_explorer.figures import warps
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, UnsupportedError

from .. import loaders, state
from ..text import plain

SHOWN = 24


def draw(card: Checkpoint, cutout: Cutout) -> None:
    """Draw both pictures with what lies between them in words, and on request those of all files; nothing without."""
    try:
        warp.sampler(loaders.model(card))
    except UnsupportedError:  # said below, among the methods that do not apply
        return
    st.subheader("What the spatial transformer made of it", anchor=False)
    _pair(card, cutout)
    if not st.toggle("All files, before and after", key="warped_all"):
        return
    entries = list(state.entries().values())
    places = st.grid("auto", min_column_width=330, gap="medium")
    for entry in entries[:SHOWN]:
        with places.cell(), st.container(gap="xxsmall"):
            st.caption(f"**{plain(entry.label)}**")
            try:
                _pair(card, loaders.cutout(entry, state.reading(entry)))
            except ExplorerError as error:
                st.caption(plain(error))
    if len(entries) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(entries)} files; for all: python -m vlass_explorer transform.")


def _pair(card: Checkpoint, cutout: Cutout) -> None:
    picture, words = _made(card, cutout)
    st.image(picture, width=406)
    st.caption(plain(words))


@st.cache_data(show_spinner=False, max_entries=100, hash_funcs=loaders.HASHES)
def _made(card: Checkpoint, cutout: Cutout) -> tuple[NDArray[np.uint8], str]:
    model, x = loaders.model(card), loaders.tensor(card, cutout)
    matrix = warp.theta(model, x)[0]
    given, made = (each[0].float().mean(0).numpy() for each in (x, warp.made(model, x)))
    window = preprocess.window(cutout, card.input_spec)
    return warps.pair(given, made, warp.corners(matrix)), warp.in_words(matrix, cutout, window)
