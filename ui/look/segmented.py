"""Explore with a checkpoint that labels pixels: classes and outlines of components over the sky, and clicks there."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from scipy import ndimage

from vlass_explorer import segmentation, validity
from vlass_explorer.export import segmented as files
from vlass_explorer.figures import classes
from vlass_explorer.figures import overlays as figures
from vlass_explorer.overlays import Placed
from vlass_explorer.overlays.shapes import Drawn
from vlass_explorer.schema import Checkpoint, Cutout
from vlass_explorer.segmentation import Pieces, Segmentation

from .. import loaders, slow
from ..text import plain
from . import components

OUTLINES, FILLED, BOTH = "Outlines", "Filled classes", "Both"


def found(card: Checkpoint, cutout: Cutout) -> Segmentation | None:
    """The classes of all pixels, with progress where that takes long; None where the user stopped it.

    What is outside of what the checkpoint is for is labelled on request alone: it means nothing, and pixels much
    coarser than the training data's make thousands of fields of view.
    """
    model = loaders.model(card)
    key = components.digest(card, cutout)
    if validity.check(cutout, card.input_spec).level == "outside" and not st.session_state.get(f"segment_anyway_{key}"):
        st.caption(f"This is outside of what {plain(card.name)} is for: its classes would mean nothing here.")
        st.button(
            "Label pixels all the same",
            key=f"segment_{key}",
            type="tertiary",
            icon=":material/play_arrow:",
            on_click=st.session_state.update,
            args=({f"segment_anyway_{key}": True},),
        )
        return None

    asked = segmentation.EightViews(model) if components.eight_views() else model

    def work() -> Segmentation:
        return loaders.remembered(
            "segmentation",
            card,
            cutout,
            (components.eight_views(),),
            lambda: segmentation.segment(asked, card.input_spec, card.label_names, cutout),
        )

    return slow.run(st.empty(), f"segment_{key}", "Labelling pixels", work)


def style(labels: Segmentation) -> str:
    """Draw what lies over the sky, outlines or filled classes, with the colour of each class that is there."""
    chosen = st.segmented_control(
        "Components", [OUTLINES, FILLED, BOTH], default=OUTLINES, required=True, key="classes", persist_state="session"
    )
    st.toggle(
        "Eight orientations",
        key=components.EIGHT,
        persist_state="session",
        help="The mean of the scores over four turns and their mirror images: what is found no longer depends on how "
        "the image is turned. Eight times the time.",
    )
    there = np.unique(labels.labels).tolist()
    st.html(classes.legend(labels.label_names, there))
    return str(chosen)


def layer(made: Pieces, labels: Segmentation, style: str = OUTLINES, chosen: Collection[int] = ()) -> Placed:
    """Outlines of the components as a layer over the sky: those that are chosen bold, and alone over filled classes."""
    names = list(labels.label_names)
    boxes = dict(enumerate(ndimage.find_objects(made.numbers), start=1))
    shapes = [
        Drawn(
            line[:, 1],
            line[:, 0],
            "" if is_hole else str(number),
            classes.colour(names.index(label.split(" + ")[0])),
            bool(is_hole) or number in made.left_out,
            number in chosen,
        )
        for number, label in made.labels.items()
        if (box := boxes.get(number)) is not None and (style != FILLED or number in chosen)
        for outline in files.outlines(made.numbers[box] == number)
        for is_hole, ring in enumerate(outline)
        for line in (np.vstack([ring, ring[:1]]) + (box[1].start, box[0].start),)
    ]
    return Placed("components", tuple(shapes), f"{len(made.labels)} components")


def dressed(
    dress: Callable[[go.Figure], go.Figure], cutout: Cutout, labels: Segmentation, style: str
) -> Callable[[go.Figure], go.Figure]:
    """What lays things over a figure of the sky, and the filled classes too where the style asks for that."""
    if style == OUTLINES:
        return dress
    count = len(labels.label_names)
    return lambda figure: dress(classes.filled(figure, cutout, labels.labels, count))


def clicked(card: Checkpoint, cutout: Cutout, made: Pieces) -> Callable[[], None]:
    """A callback for a click on the sky: the component there is chosen, with Shift beside those that are."""

    def heard() -> None:
        told = st.session_state["sky_cursor"].get("picked")
        if told and told["file"] == cutout.sha256[:16]:
            y, x = figures.pixel(cutout, float(told["y"]), float(told["x"]))
            inside = 0 <= y < cutout.shape[0] and 0 <= x < cutout.shape[1]
            components.choose(card, cutout, made, int(made.numbers[y, x]) if inside else 0, bool(told["more"]))

    return heard
