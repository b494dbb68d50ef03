"""Anatomy: the chosen model opened up on the chosen cutout, step by step."""

import streamlit as st

from ui import boundary, sidebar
from ui.anatomy import panel
from ui.boundary import through_app

through_app()
screen = boundary.viewport()
page, choice = sidebar.beside(screen)

with page:
    st.title("Anatomy", anchor=False)
    about = sidebar.subject(choice)
    if about is not None:
        st.caption(f"{sidebar.sentence(about)} Each step of the model's own pass, with the tensor that it makes.")
        panel.draw(about.card, about.cutout, about.prediction)
