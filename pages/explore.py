"""Explore: a cutout as astronomers draw it, what a checkpoint says of it, and where the model looked."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from ui import boundary, loaders, results, sidebar
from ui.boundary import through_app
from ui.look import (
    beside,
    components,
    explain,
    facts,
    field,
    files,
    first_sight,
    flips,
    keys,
    matched,
    measured,
    reading,
    segmented,
    story,
    sure,
    verdict,
)
from ui.text import plain
from vlass_explorer import validity
from vlass_explorer.figures.frame import origin_text
from vlass_explorer.schema import ExplorerError

through_app()
screen = boundary.viewport()
top, header = st.container(), st.container()
alerts = st.empty()
upper, middle, lower, notes, foot = (st.container() for _ in range(5))
with header:
    first_sight.draw()
choice = sidebar.draw(top, foot) if screen.narrow else sidebar.draw()
entry, cutout, card = choice.entry, choice.cutout, choice.card
known = files.problems_before()
files.draw_problems(alerts, known)

if entry is None:
    header.info("Drop a cutout on the left. This copy has no bundled examples.")
elif cutout is None:
    header.subheader(plain(entry.label), anchor=False)
    if choice.problem is not None:
        with header:
            reading.again(entry, choice.problem)
else:
    with header.container(gap="xxsmall"):
        st.subheader(plain(entry.label), anchor=False)
        st.caption(plain(origin_text(cutout)))
        if card is not None:
            facts.draw_seen(card, cutout)
    with header:
        reading.plane(entry, cutout)
        field.draw(entry, screen)
        story.draw(entry, cutout, card)

    prediction = seen = window = refusal = labels = made = None
    if card is not None:
        try:
            if card.task == "segmentation":
                with upper:
                    labels = segmented.found(card, cutout)
                made = None if labels is None else components.pieces(card, cutout, labels)
            else:
                prediction = explain.prediction(card, cutout)
            seen, window = loaders.seen(card, cutout)
        except ExplorerError as error:
            refusal = error

    with upper.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
        is_open = beside.switch()
        method_place = st.container(horizontal=True, vertical_alignment="bottom", gap="small", width="stretch")
    with upper.container(horizontal=True, vertical_alignment="center", gap="small"):
        spot = st.container()
        zoomed = keys.zoom(cutout)
        keys.draw("panels")
    with upper:
        picture = beside.picture(cutout, screen, is_open=is_open)
    view, whole_cutout, heard = picture.view, picture.whole_cutout, None
    labelled = not picture.has_sky_axes(cutout)
    dress: Callable[[go.Figure], go.Figure] = partial(picture.dressed, cutout)
    if card is not None and labels is not None and made is not None:
        with method_place:
            style = segmented.style(labels)
        picture.layers.append(segmented.layer(made, labels, style, components.chosen(card, cutout, made)))
        dress = segmented.dressed(dress, cutout, labels, style)
        heard = boundary.reported(segmented.clicked(card, cutout, made))
    if picture.is_apart:
        with picture.place:
            results.sky_chart(
                cutout,
                view,
                window,
                whole_cutout=whole_cutout,
                width=picture.screen.width,
                tallest=picture.tallest,
                zoomed=zoomed,
                labelled=labelled,
                dress=dress,
                config=measured.CONFIG,
            )
    if screen.narrow:
        method_place = lower.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with lower if screen.narrow else upper if picture.is_apart else picture.place:
        result = explain.explain(method_place, card, cutout, prediction) if prediction and card else None
        explain.panels_chart(
            cutout,
            view,
            window,
            seen,
            result,
            whole_cutout=whole_cutout,
            screen=screen if picture.is_apart else picture.screen,
            without_sky=picture.is_apart,
            zoomed=zoomed,
            labelled=labelled,
            dress=dress,
        )
        with spot:  # drawn after the panels: they are what is waited for
            picture.lay_over(cutout, window, ["panels", "sky"], heard)
        if result is not None:
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.caption(plain(result.explanation.caption), width="stretch")
                results.downloads(result.explanation, cutout, result.provenance, view=view, layers=picture.layers)
        if prediction is not None and card is not None:
            matched.draw(card, cutout, prediction, result, view, whole_cutout=whole_cutout, screen=screen)
            flips.draw(card, cutout, prediction)

    with lower if screen.narrow else upper:
        beside.more(cutout)
        if card is not None and labels is not None and made is not None:
            components.draw(card, cutout, labels, made)

    with middle.container():
        has_label = prediction is not None or refusal is not None
        cells = st.grid(2 + has_label, min_column_width=260, gap="medium")
        with cells.cell() if has_label else nullcontext():
            if prediction is not None and card is not None:
                verdict.draw(prediction, card.name)
            elif refusal is not None and card is not None:
                verdict.refused(refusal, card.name)
        with cells.cell():
            if prediction is not None:
                verdict.validity(prediction.validity)
                sure_place = st.container()
            elif card is not None and card.task == "segmentation" and refusal is None:
                verdict.validity(validity.check(cutout, card.input_spec))
            facts.draw_notes(cutout)
        with cells.cell():
            facts.draw_measurements(cutout, loaders.measurements, loaders.structure)

    with notes.expander("Header and how the file is read"):
        reading.choices(entry, cutout)
        facts.draw_header(cutout)
    if result is not None:
        notes.caption(f"explanation {result.stamp} ready")
    if prediction is not None and card is not None:
        with sure_place:  # last: it asks the model eight times more, and what is waited for is there already
            sure.draw(card, cutout, prediction)

with choice.place:
    problems = files.draw(card)
files.draw_problems(alerts, problems, known)
