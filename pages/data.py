"""Data: what is in a labelled data set, one cutout at a time, and whether its parts are apart."""

import streamlit as st

from ui import boundary, settings, sidebar
from ui.boundary import through_app
from ui.text import plain
from ui.training import data_step, gallery
from ui.training.defaults import Start
from vlass_explorer.schema import ExplorerError, RunConfig

through_app()
screen = boundary.viewport()
sidebar.draw()
st.title("Data", anchor=False)
if not settings.data_roots():
    st.info("No data root is set up (VLASS_EXPLORER_DATA_ROOTS); the bundled simulator can still be looked at.")
try:
    with st.container(width=560):
        reader, data_dir = data_step.choice(Start(RunConfig(), "data page"))
        data = data_step.data_set(reader, data_dir, data_step.stamp(data_dir))
        data_step.summary(data)
    config = gallery.default_config(data, reader, data_dir)
    pictures, copies = st.tabs(["Cutouts", "Copies"])
    with pictures:
        gallery.gallery(data, config)
        st.divider()
        gallery.one(data, data_dir, config, screen.width)
    with copies:
        gallery.copies(data, config, data_step.fitting_split(data, "authors"))
except ExplorerError as error:
    st.error(plain(error))
