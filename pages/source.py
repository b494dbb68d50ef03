"""Source: one place of the sky in all surveys and VLASS epochs, on one grid: overlaid, classified, compared."""

import streamlit as st

from ui import boundary, sidebar
from ui.boundary import through_app
from ui.source import answers, changes, gather, panels, slope
from ui.text import plain
from vlass_explorer.schema import ExplorerError

through_app()
screen = boundary.viewport()
page, choice = sidebar.beside(screen)
with page:
    st.title("Source", anchor=False)
    st.caption("All images of Explore's list that show one source, on one grid; more of them come from the Sky page.")
    try:
        found = gather.draw(choice)
        if found is not None:
            panels.draw(found, screen)
            st.subheader("What the checkpoint says", anchor=False)
            answers.draw(found, choice.card)
            st.subheader("Two epochs", anchor=False)
            changes.draw(found, screen)
            st.subheader("Spectral index", anchor=False)
            slope.draw(found)
    except ExplorerError as error:
        st.error(plain(error))
