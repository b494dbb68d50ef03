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
        asked = compared.choose(about)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            look = maps.look_controls(cutout, key="compare")

        columns = min(len(asked) + 1, 3)
        cells = st.grid(columns, min_column_width=270, gap="small")
        height = maps.side(screen.width, columns)
        with cells.cell():
            maps.draw_sky(cutout, about.window, look, height, key="compare_sky")
        found = maps.answers(cutout, asked, [cells.cell() for _ in asked])
        drawn = maps.scaled([explanation for *_, explanation in found], look)
        for (ask, place, explanation), (scaled, overlay) in zip(found, drawn, strict=True):
            key = f"compare_{ask.card.name}_{ask.method}"
            with place:
                st.markdown(f"**{plain(ask.card.name)}**, {plain(methods.title(ask.method))}")
                maps.draw_map(cutout, compared.window(ask.card, cutout), scaled, overlay, look, height, key=key)
                verdict.draw_small(ask.prediction, ask.target, ask.against, key=f"{key}_bars")
                results.numbers(explanation)
        maps.download_area([(explanation, ask.provenance) for ask, _, explanation in found], cutout, key="compare_get")

boundary.probe()
