"""Explain: several methods side by side on one cutout, each beside numbers that say how far to trust it."""

import streamlit as st

from ui import boundary, results, sidebar
from ui.boundary import through_app
from ui.look import maps, methods, trust, warped
from ui.text import plain

MOST = 6

through_app()
screen = boundary.viewport()
page, choice = sidebar.beside(screen)

with page:
    st.title("Explain", anchor=False)
    about = sidebar.subject(choice)
    if about is not None:
        cutout, card = about.cutout, about.card
        st.caption(f"{sidebar.sentence(about)} A map shows what a method found, and no method is always right.")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            with st.container(width=420):
                chosen = methods.choose_many(card, "explain_methods", MOST)
            target, against = methods.choose_labels(card, about.prediction, "explain")
        options = methods.draw_options(chosen, f"explain_{card.name}")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            look = maps.look_controls(cutout, key="explain")
            checks = trust.choose_checks()

        cells = st.grid(3, min_column_width=270, gap="small")
        height = maps.side(screen.width, 3)
        with cells.cell():
            maps.draw_sky(cutout, about.window, look, height, key="explain_sky")
        requests = [
            maps.Request(card, about.prediction, name, target, against, options[name]) for name in chosen if target
        ]
        explained = maps.explanations(cutout, requests, [cells.cell() for _ in requests])
        drawn = maps.scaled([explanation for *_, explanation in explained], look)
        for (request, place, explanation), (scaled, overlay) in zip(explained, drawn, strict=True):
            with place:
                st.markdown(f"**{plain(methods.title(request.method))}**, {plain(request.provenance.question)}")
                maps.draw_map(
                    cutout, about.window, scaled, overlay, look, height, key=f"explain_{card.name}_{request.method}"
                )
                results.numbers(explanation)
        for request, place, explanation in explained:  # last, so that all maps stand before the long work
            with place:
                trust.draw(cutout, request, explanation, checks, key=f"explain_{card.name}_{request.method}")
        maps.download_area(
            [(explanation, request.provenance) for request, _, explanation in explained], cutout, key="explain_get"
        )
        warped.draw(card, cutout)
        methods.draw_unsupported(card)
