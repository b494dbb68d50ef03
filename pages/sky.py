"""Sky: images of VLASS and other surveys around positions, names or the rows of a table, with a verdict for each."""

import streamlit as st

from ui import sidebar
from ui.boundary import through_app
from ui.sky import actions, found, request
from ui.text import plain
from vlass_explorer.schema import ExplorerError

through_app()
sidebar.draw()  # in the sidebar in a narrow window, too: this page is not about the chosen cutout
page = st.container()
with page:
    st.title("Sky", anchor=False)
    st.caption(
        "Images around positions from the archives of the surveys, each with a verdict; the chosen go to Explore."
    )
    try:
        asked = request.draw()
        place = st.empty()
        answer = found.look(asked, place) if asked is not None else None
        if answer is not None:
            use_survey_noise = st.toggle(
                "Noise from the survey's rms image",
                True,
                key="sky_noise",
                help="Local at the source, where the survey has such an image; else measured on the whole cutout. The "
                "two columns of the table say how they differ, and the cutout's notes which is used.",
            )
            buttons = st.container()
            chosen = found.table(answer, use_survey_noise=use_survey_noise)
            with buttons:
                actions.draw(answer, chosen)
    except ExplorerError as error:
        st.error(plain(error))
