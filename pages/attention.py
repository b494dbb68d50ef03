"""Attention: all layers and heads of one model on one cutout, from the read-out or from a clicked patch."""

import streamlit as st

from ui import attention_panels, sidebar, subject, viewport
from ui.entry import through_app

through_app()
screen = viewport.current()
page, choice = sidebar.beside(screen)

with page:
    st.title("Attention", anchor=False)
    about = subject.draw(choice)
    if about is not None:
        st.caption(f"{subject.sentence(about)} Attention shows where information flowed, not why a class was chosen.")
        attention_panels.draw(about.card, about.cutout, about.window, about.prediction, screen.width)

viewport.probe()
