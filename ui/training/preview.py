"""A look at the training data: cutouts of each class as the model gets them, and what augmentation makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import streamlit as st
from numpy.typing import NDArray
from torch import Tensor

from vlass_explorer import augment, checkpoints, datasets, preprocess
from vlass_explorer.datasets import DataSet
from vlass_explorer.figures.colours import SKY_MAP
from vlass_explorer.schema import ExplorerError, InputSpec, RunConfig, UnreadableItem

from ..text import plain
from . import data_step, form

COLUMNS, GAP = 8, 3
SEEN = (
    "dataset",
    "data_dir",
    "stretch",
    "field_of_view",
    "field_of_view_pixels",
    "normalisation",
    "img_size",
    "in_chans",
    "seed",
)
"""Fields that decide how a cutout looks, beside those of the augmentation."""


def draw(config: RunConfig) -> None:
    """Draw a montage (a row a class) and one cutout in several epochs; files that cannot be read are named."""
    changed = data_step.stamp(config.data_dir)
    with st.expander("Look at the data as the model gets it", icon=":material/grid_view:", key="train_look"):
        if not st.toggle("Show", key="train_look_on", help="Reads a few cutouts of each class."):
            return
        data = data_step.data_set(config.dataset, config.data_dir, changed)
        start = None if (card := checkpoints.starting_checkpoint(config)) is None else card.input_spec
        config = RunConfig(**{key: getattr(config, key) for key in (*SEEN, *form.groups()["Augmentation"])})
        picture, problems = _montage(config, start, changed)
        names = ", ".join(plain(name) for name in data.label_names)
        st.image(picture, width="stretch", caption=f"Cutouts, a row a class: {names}")
        for sentence in problems:
            st.error(plain(sentence))
        try:
            st.image(
                _augmented(config, start, changed),
                width="stretch",
                caption="The first cutout of each class in the first epochs, with this augmentation",
            )
        except ExplorerError as error:
            st.error(plain(error))


def _chosen(data: DataSet, count: int) -> list[list[int]]:
    """Items of each class, evenly spread over the data set."""
    rows = [np.flatnonzero(data.labels == label) for label in range(len(data.label_names))]
    return [row[np.linspace(0, len(row) - 1, min(count, len(row))).astype(int)].tolist() for row in rows if len(row)]


@st.cache_data(show_spinner="Reading cutouts", max_entries=16)
def _montage(config: RunConfig, start: InputSpec | None, changed: str) -> tuple[NDArray[np.uint8], list[str]]:
    data = data_step.data_set(config.dataset, config.data_dir, changed)
    spec = datasets.input_spec(data, config, start=start)
    problems: list[str] = []
    rows = []
    for row in _chosen(data, COLUMNS):
        tiles = []
        for index in row:
            try:
                tiles.append(preprocess.to_tensor(data.items[index].read(), spec)[0])
            except ExplorerError as error:
                name = "" if isinstance(error, UnreadableItem) else f"{data.items[index].name}: "
                problems.append(f"{name}{error}")
        rows.append(tiles)
    return tiled(rows, spec), problems


@st.cache_data(show_spinner="Augmenting", max_entries=16)
def _augmented(config: RunConfig, start: InputSpec | None, changed: str) -> NDArray[np.uint8]:
    data = data_step.data_set(config.dataset, config.data_dir, changed)
    spec = datasets.input_spec(data, config, start=start)
    return tiled([_epochs(data, row, spec, config) for row in _chosen(data, COLUMNS)], spec)


def _epochs(data: DataSet, row: Sequence[int], spec: InputSpec, config: RunConfig) -> list[Tensor]:
    """The first readable of some cutouts as the trainer would make it in each of the first epochs, (C, S, S) each."""
    for index in row:
        try:
            cutout = data.items[index].read()
            break
        except ExplorerError:  # named above, in the montage
            continue
    else:
        return []
    return augment.preview(cutout, spec, config, COLUMNS, index=index)


def tiled(rows: Sequence[Sequence[Tensor]], spec: InputSpec) -> NDArray[np.uint8]:
    """Tiles (C, S, S), row 0 at the bottom, as one picture, each from minimum to maximum: in inferno or in colour."""
    step, side = spec.img_size + GAP, spec.img_size
    sheet = np.full((len(rows) * step - GAP, COLUMNS * step - GAP, 3), 128, np.uint8)
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            planes = (tile if spec.colour else tile[:1]).numpy()[:, ::-1]
            levels = (planes - planes.min()) / ((planes.max() - planes.min()) or 1.0)
            in_colour = np.round(np.moveaxis(levels, 0, -1) * 255)
            shown = in_colour if spec.colour else matplotlib.colormaps[SKY_MAP](levels[0], bytes=True)[..., :3]
            sheet[i * step : i * step + side, j * step : j * step + side] = shown
    return sheet
