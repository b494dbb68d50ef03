"""A labelled data set on the page: pictures by class, one cutout on the sky, its augmentations, copies of cutouts."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from vlass_explorer import augment, datasets
from vlass_explorer.datasets import DataSet, splits
from vlass_explorer.datasets.duplicates import duplicates
from vlass_explorer.datasets.stretched import stretched
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.frame import origin_text
from vlass_explorer.schema import ExplorerError, RunConfig

from .. import loaders, results, state
from ..text import plain
from . import preview

PER_PAGE = 24
EPOCHS = 8
CELL = 360
"""Least width in pixels of the sky of a cutout, and of the facts beside it."""
KINDS = {"place": "same place on the sky", "pixels": "same pixels", "alike": "alike pixels"}


def gallery(data: DataSet, config: RunConfig) -> None:
    """Draw fields of view of one class or of all, a page at a time; a click puts a cutout in view below."""
    spec = datasets.input_spec(data, config)
    labels = st.pills("Class", data.label_names, key="data_class", format_func=str)
    wanted = np.arange(len(data)) if labels is None else np.flatnonzero(data.labels == data.label_names.index(labels))
    pages = max(1, -(-len(wanted) // PER_PAGE))
    number = min(st.session_state.get("data_page", 1), pages)
    cells = st.grid("auto", min_column_width=112, gap="small")
    for index in wanted[(number - 1) * PER_PAGE : number * PER_PAGE].tolist():
        item = data.items[index]
        with cells.cell(), st.container(gap="xxsmall"):
            try:
                st.image(loaders.seen_picture(spec, item.read(), 104), width=104)
            except ExplorerError as error:
                st.caption(plain(error))
            st.button(
                data.label_names[item.label],
                key=f"data_item_{index}",
                type="tertiary",
                help=plain(item.name),
                on_click=st.session_state.update,
                args=({"data_item": index},),
            )
    st.pagination(pages, default=number, key="data_page")


def one(data: DataSet, data_dir: str, config: RunConfig, width: int) -> None:
    """Draw the cutout in view: sky, what is known of it, and what training would make of it in its first epochs."""
    index = min(st.session_state.get("data_item", 0), len(data) - 1)
    item = data.items[index]
    try:
        cutout = item.read()
    except ExplorerError as error:
        st.error(plain(error))
        return
    st.subheader(plain(item.name), anchor=False)
    st.caption(plain(origin_text(cutout)))
    cells = st.grid(2, min_column_width=CELL, gap="medium")
    with cells.cell():
        beside = width // 2 if width > 2 * CELL else width  # the facts stand beside it where there is room
        results.sky_chart(cutout, SkyView(), None, whole_cutout=True, width=min(beside, 560))
    with cells.cell():
        known = {
            "Class": data.label_names[item.label],
            "Position": "not stated" if item.ra is None or item.dec is None else f"{item.ra:.5f}°, {item.dec:+.5f}°",
            "Fold": "none" if item.fold is None else str(item.fold),
            "Part": item.split or "by fold",
            "Pixels": " × ".join(str(side) for side in cutout.shape),
            "Unit": cutout.unit or "counts",
        }
        st.table(pd.DataFrame({"": known.values()}, index=list(known)), border="horizontal")
        take = partial(state.borrow, item, data_dir)
        if st.button("Open in Explore", key="data_explore", icon=":material/explore:", on_click=take):
            st.switch_page("pages/explore.py")
    try:
        spec = datasets.input_spec(data, config)
        views = augment.preview(cutout, spec, config, EPOCHS, index=index)
        st.image(
            preview.tiled([views], spec),
            width="stretch",
            caption="The same cutout in the first epochs of a training with default augmentation",
        )
    except ExplorerError as error:
        st.warning(plain(error))


def copies(data: DataSet, config: RunConfig, split: str) -> None:
    """Draw the cutouts that may be one source or one image in two parts of the split, when asked."""
    st.caption("Copies in training and validation make a model look better than it is.")
    everywhere = st.toggle("Also copies within one part", key="data_within")
    st.button(
        "Look for copies",
        key="data_copies",
        icon=":material/content_copy:",
        on_click=st.session_state.update,
        args=({"data_look": True},),
    )
    if not st.session_state.pop("data_look", False):
        return
    with st.spinner("Comparing positions and pixels"):
        parts = splits.split(data, split, 0, 0, config.field_of_view)
        pairs = duplicates(
            data, stretched(data, datasets.input_spec(data, config), allowed=1.0), None if everywhere else parts
        )
    if not pairs:
        st.success("None was found.")
        return
    part = {int(i): name for name, indices in zip(parts._fields, parts, strict=True) for i in indices}
    rows = [
        {
            "one": data.items[pair.one].name,
            "in": part.get(pair.one, ""),
            "other": data.items[pair.other].name,
            "and in": part.get(pair.other, ""),
            "why": KINDS[pair.kind],
            "″ or correlation": pair.amount,
        }
        for pair in pairs
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Cutouts that may be copies of one another")
    st.caption(f"{len(pairs)} pairs, split {plain(split)}, fold 0 held out.")


def default_config(data: DataSet, reader: str, data_dir: str) -> RunConfig:
    """A run with defaults on this data set, which decides how it is looked at."""
    return RunConfig(dataset=reader, data_dir=data_dir, in_chans=3 if data.colour else 1)
