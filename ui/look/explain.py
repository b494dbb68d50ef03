"""Choose an explainer and its options, and draw sky, model input and explanation on linked axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import explainers, export
from vlass_explorer.figures import zoom
from vlass_explorer.figures.colours import SkyView
from vlass_explorer.figures.ready import Ready
from vlass_explorer.figures.sky import Overlay, sky_spec
from vlass_explorer.schema import (
    Checkpoint,
    Cutout,
    Explanation,
    ExplorerError,
    FloatArray,
    Prediction,
    Window,
)

from .. import controls, loaders, results, slow, state
from ..boundary import Viewport
from ..text import WITHHELD, plain
from . import measured, methods

WANTED, SHOWN = "wanted_method", "attention_shown"
INSTEAD = (loaders.ROLLOUT, "grad_cam", "integrated_gradients")
"""The first that a checkpoint supports is drawn where the chosen method does not apply."""


@dataclass(frozen=True)
class Result:
    """One explanation, how it lies over the sky, and what it was made from."""

    explanation: Explanation
    overlay: Overlay
    provenance: export.Provenance
    stamp: str
    """Cutout hash, checkpoint and method: drawn into the figure last, so that its presence says it is drawn."""


def prediction(card: Checkpoint, cutout: Cutout) -> Prediction:
    """Scores with their validity, and where the attention rollout is what ``explain`` will draw, that as well."""
    is_next = st.session_state.get(WANTED, INSTEAD[0]) == loaders.ROLLOUT and loaders.supports(card, loaders.ROLLOUT)[0]
    return loaders.prediction_and_rollout(card, cutout) if is_next else loaders.prediction(card, cutout)


def explain(place: DeltaGenerator, card: Checkpoint, cutout: Cutout, prediction: Prediction) -> Result | None:
    """Draw method, options and overlay controls into ``place`` and explain; a reason is drawn where it is refused."""
    method, reason = _method(card)
    with place:
        st.selectbox(
            "Explanation",
            methods.of_the_sky(),
            key="method",
            width=190,
            on_change=_want,
            format_func=lambda name: explainers.EXPLAINERS[name].TITLE,
        )
        explainer = explainers.EXPLAINERS[method]
        with st.popover("Options", icon=":material/settings:"):
            st.caption(plain((explainer.__doc__ or "").strip().split("\n\n")[0]))
            names = list(card.label_names)
            target = st.selectbox("Explained label", names, methods.first_label(card, prediction), placeholder="none")
            chosen = controls.options(explainers.options(method), f"{method}_{card.name}")
    if reason:
        st.info(f"{plain(reason)} Shown instead: {explainer.TITLE}.", icon=":material/visibility_off:")
    if target is None:
        st.info(f"{WITHHELD} It is under Options.", icon=":material/block:")
        return None
    key = (method, names.index(target), tuple(sorted(chosen.items())))
    try:
        explanation = slow.run(
            st.empty(),
            f"explore_{cutout.sha256[:8]}_{card.name}_{key}",
            explainer.TITLE,
            lambda: loaders.explanation(card, cutout, *key),
        )
    except ExplorerError as error:
        st.info(plain(error))
        return None
    if explanation is None:  # stopped
        return None
    with place:
        overlay = controls.overlay(explanation)
    provenance = export.Provenance(card, method, target, chosen, prediction)
    return Result(explanation, overlay, provenance, f"{cutout.sha256[:8]} {card.name} {method}")


def _method(card: Checkpoint) -> tuple[str, str]:
    """The method to draw, and why it is not the one that was asked for; the picker shows the one that is drawn."""
    wanted = st.session_state.get(WANTED, INSTEAD[0])
    applies, reason = loaders.supports(card, wanted)
    method = wanted if applies else next(name for name in INSTEAD if loaders.supports(card, name)[0])
    st.session_state["method"] = method
    # Nobody misses attention who has neither asked for it nor seen it.
    is_missed = WANTED in st.session_state or SHOWN in st.session_state or card.name != state.FAVOURITE
    if applies and method == INSTEAD[0]:
        st.session_state[SHOWN] = True
    return method, reason if is_missed and not applies else ""


def _want() -> None:
    """In a callback: the choice stays when a checkpoint that it does not suit is looked at in between."""
    st.session_state[WANTED] = st.session_state["method"]


def panels_chart(
    cutout: Cutout,
    view: SkyView,
    window: Window | None,
    seen: FloatArray | None,
    result: Result | None,
    *,
    whole_cutout: bool,
    screen: Viewport,
    without_sky: bool = False,
    key: str = "panels",
    zoomed: Window | None = None,
    labelled: bool = True,
    dress: Callable[[go.Figure], go.Figure] | None = None,
) -> None:
    """Draw sky, model input and explanation side by side, or without the sky where that stands alone.

    ``dress`` adds what belongs to the sky of the page; its corners, and unless ``labelled`` the words along the axes,
    are then drawn over it, see ``cursor``.
    """
    count = 1 + (seen is not None) + (result is not None)
    if without_sky:
        if seen is None:
            return
        count -= 1
    spec = sky_spec(
        cutout,
        view,
        window=window,
        seen=seen,
        explanation=result.explanation if result else None,
        overlay=result.overlay if result else None,
        whole_cutout=whole_cutout,
        height=round(results.side(screen.width, count)) + results.AROUND,
        show=("seen", "explanation") if without_sky else ("sky", "seen", "explanation"),
        stamp=result.stamp if result else "",
        corners=dress is None,
        labelled=labelled,
    )
    figure = Ready(spec) if zoomed is None else zoom.zoomed(Ready(spec), cutout, zoomed)
    config = results.CONFIG
    if dress is not None and not without_sky:
        figure, config = dress(figure), measured.CONFIG
    alt = f"Sky, model input and explanation of {cutout.name}"
    st.plotly_chart(figure, key=key, config=config, alt=alt)
