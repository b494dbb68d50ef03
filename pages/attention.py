"""Attention: all layers and heads of one model on one cutout, from the read-out or from a clicked patch."""

import streamlit as st

from ui import boundary, sidebar
from ui.attention import panels
from ui.boundary import through_app

through_app()
screen = boundary.viewport()
page, choice = sidebar.beside(screen)

with page:
    st.title("Attention", anchor=False)
    if panels.is_of_pixels(choice.card) and choice.card is not None and choice.cutout is not None:
        panels.draw_pixels(choice.card, choice.cutout, screen.width)
        about = None
    else:
        about = sidebar.subject(choice)
    if about is not None:
        st.caption(f"{sidebar.sentence(about)} Attention shows where information flowed, not why a class was chosen.")
        panels.draw(about.card, about.cutout, about.window, about.prediction, screen.width)
