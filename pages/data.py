"""Data: what is in a labelled data set, one cutout at a time, and whether its parts are apart."""

import streamlit as st

from ui import data_view, settings, sidebar, train_data, viewport
from ui.entry import through_app
from ui.text import plain
from ui.train_start import Start
from vlass_explorer.schema import ExplorerError, RunConfig

through_app()
screen = viewport.current()
if screen.narrow:
    st.set_page_config(initial_sidebar_state="collapsed")
sidebar.draw()
st.title("Data", anchor=False)
if not settings.data_roots():
    st.info("No data root is set up (VLASS_EXPLORER_DATA_ROOTS); the bundled simulator can still be looked at.")
try:
    with st.container(width=560):
        reader, data_dir = train_data.choice(Start(RunConfig(), "data page"))
        data = train_data.data_set(reader, data_dir, train_data.stamp(data_dir))
        train_data.summary(data)
    config = data_view.default_config(data, reader, data_dir)
    pictures, copies = st.tabs(["Cutouts", "Copies"])
    with pictures:
        data_view.gallery(data, config)
        st.divider()
        data_view.one(data, data_dir, config, screen.width)
    with copies:
        data_view.copies(data, config, train_data.fitting_split(data, "authors"))
except ExplorerError as error:
    st.error(plain(error))

viewport.probe()
