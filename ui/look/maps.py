"""Maps side by side: each is computed with progress, drawn over the sky on one colour scale, and can be downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import export
from vlass_explorer.figures import scale
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.sky import Overlay, sky_panels
from vlass_explorer.schema import Checkpoint, Cutout, Explanation, ExplorerError, Prediction, Window

from .. import controls, loaders, results, slow
from ..results import AROUND, CONFIG, LEFT
from ..text import plain
from . import methods

RELATIVE, RAW = "Each map's largest value", "Raw values"
TALLEST = 420
"""Largest side of a panel in pixels."""


@dataclass(frozen=True)
class Request:
    """One explanation that is wanted: of which checkpoint, by which method, for which label."""

    card: Checkpoint
    prediction: Prediction
    method: str
    target: str
    against: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def provenance(self) -> export.Provenance:
        """What an exported file says of it."""
        return export.Provenance(self.card, self.method, self.target, self.options, self.prediction, self.against)

    @property
    def key(self) -> tuple[str, int, tuple[tuple[str, Any], ...], int | None]:
        """Method, index of the label, options and index of the label that it is compared with."""
        names = self.card.label_names
        against = None if self.against is None else names.index(self.against)
        return self.method, names.index(self.target), tuple(sorted(self.options.items())), against

    @property
    def name(self) -> str:
        """A key of this very explanation, unlike that of any other on the page."""
        return f"{self.card.name}_{self.method}_{self.target}_{self.against}_{sorted(self.options.items())}"


@dataclass(frozen=True)
class Look:
    """How all maps are drawn."""

    view: SkyView
    whole_cutout: bool
    overlay: Overlay
    relative: bool


def look_controls(cutout: Cutout, *, key: str) -> Look:
    """Draw display, overlay and colour scale, in the row of the caller."""
    with st.popover("Display", icon=":material/tune:"):
        view, whole_cutout = controls.sky_view(cutout)
    overlay = controls.overlay_style()
    units = st.segmented_control(
        "One scale for all, in units of",
        [RELATIVE, RAW],
        default=RELATIVE,
        required=True,
        key=f"{key}_scale",
        persist_state="session",
        help="Methods differ in unit: relative to its largest value, each fills the scale. Raw values show which map "
        "is strong, among maps of one unit.",
    )
    return Look(view, whole_cutout, overlay, units == RELATIVE)


def explanations(
    cutout: Cutout, requests: Sequence[Request], places: Sequence[DeltaGenerator]
) -> list[tuple[Request, DeltaGenerator, Explanation]]:
    """Explain all, each in its place, where its progress or the reason of a refusal is shown; those that were made."""
    explained = []
    for request, place in zip(requests, places, strict=True):
        with place:
            made = explanation(st.empty(), cutout, request)
        if made is not None:
            explained.append((request, place, made))
    return explained


def explanation(place: DeltaGenerator, cutout: Cutout, request: Request) -> Explanation | None:
    """The explanation, computed with its progress in ``place``; where there is none the reason is drawn there."""
    label = f"{methods.title(request.method)}, {request.card.name}"
    try:
        return slow.run(
            place,
            f"{cutout.sha256[:16]}_{request.name}",
            plain(label),
            lambda: loaders.explanation(request.card, cutout, *request.key),
        )
    except ExplorerError as error:
        place.info(plain(error))
        return None


def scaled(found: Sequence[Explanation], look: Look) -> list[tuple[Explanation, Overlay]]:
    """Each explanation as it is drawn, with the overlay that holds the colour scale that all share."""
    if look.relative:
        overlay = replace(look.overlay, top=1.0, unit=scale.RELATIVE)
        return [(scale.relative(each), overlay) for each in found]
    tops = {signed: scale.common(found, signed) for signed in (True, False)}
    return [(each, replace(look.overlay, top=tops[each.signed])) for each in found]


def side(width: int, columns: int) -> int:
    """Height in pixels of a figure in one of ``columns`` cells of a page of this width, so that its panel is square."""
    columns = max(1, min(columns, width // 290))
    return round(min(width / columns - LEFT - 20, TALLEST)) + AROUND


def draw_sky(cutout: Cutout, window: Window | None, look: Look, height: int, *, key: str) -> None:
    """Draw the sky panel that stands beside the maps."""
    st.markdown(f"**{plain(cutout.name)}**" if len(cutout.name) < 30 else "**Sky**")
    figure = sky_panels(cutout, look.view, window=window, show=("sky",), whole_cutout=look.whole_cutout, height=height)
    st.plotly_chart(figure, key=key, config=CONFIG, alt=f"Sky image of {cutout.name}")


def draw_map(
    cutout: Cutout, window: Window, drawn: Explanation, overlay: Overlay, look: Look, height: int, *, key: str
) -> None:
    """Draw the maps of one explanation over the sky; of several panels the user chooses one."""
    if len(drawn.titles) > 1:
        panel = st.selectbox("Map", range(len(drawn.titles)), format_func=lambda i: drawn.titles[i], key=f"{key}_panel")
        overlay = replace(overlay, panel=panel)
    figure = sky_panels(
        cutout,
        look.view,
        window=window,
        explanation=drawn,
        overlay=overlay,
        show=("explanation",),
        whole_cutout=look.whole_cutout,
        height=height,
    )
    st.plotly_chart(figure, key=key, config=CONFIG, alt=drawn.titles[overlay.panel])


def download_area(made: Sequence[export.Item], cutout: Cutout, *, key: str) -> None:
    """Draw the downloads of all maps together, and behind a button those of each."""
    if not made:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        results.downloads_of_all(made, cutout, key=f"{key}_all")
        with st.popover("Each map", icon=":material/download:"):
            for number, (explanation, provenance) in enumerate(made):
                st.caption(f"{plain(provenance.card.name)}, {plain(methods.title(provenance.method))}")
                results.downloads(explanation, cutout, provenance, key=f"{key}_{number}")
