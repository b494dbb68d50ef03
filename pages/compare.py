"""Compare: one cutout through several checkpoints, or several methods on one checkpoint, on one colour scale."""

import streamlit as st

from ui import boundary, results, sidebar
from ui.boundary import through_app
from ui.look import compared, maps, methods, verdict
from ui.text import plain

through_app()
screen = boundary.viewport()
page, choice = sidebar.beside(screen)

with page:
    st.title("Compare", anchor=False)
    about = sidebar.subject(choice)
    if about is not None:
        cutout = about.cutout
        st.caption(sidebar.sentence(about))
        requests = compared.choose(about)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            look = maps.look_controls(cutout, key="compare")

        count = len(requests) + 1
        columns = 2 if count == 4 else min(count, 3)  # four stand two by two, not one alone below three
        cells = st.grid(columns, min_column_width=270, gap="small")
        height = maps.side(screen.width, columns)
        with cells.cell():
            maps.draw_sky(cutout, about.window, look, height, key="compare_sky")
        explained = maps.explanations(cutout, requests, [cells.cell() for _ in requests])
        drawn = maps.scaled([explanation for *_, explanation in explained], look)
        for (request, place, explanation), (scaled, overlay) in zip(explained, drawn, strict=True):
            key = f"compare_{request.card.name}_{request.method}"
            with place:
                st.markdown(f"**{plain(request.card.name)}**, {plain(methods.title(request.method))}")
                maps.draw_map(cutout, compared.window(request.card, cutout), scaled, overlay, look, height, key=key)
                verdict.draw_small(request.prediction, request.target, request.against, key=f"{key}_bars")
                results.numbers(explanation)
        maps.download_area(
            [(explanation, request.provenance) for request, _, explanation in explained], cutout, key="compare_get"
        )
