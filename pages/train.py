"""Train: data, model and training in three steps; below, what exactly would run, and the button that launches it."""

from dataclasses import replace

import streamlit as st

from ui import (
    entry,
    launch,
    loaders,
    settings,
    sidebar,
    train_data,
    train_form,
    train_look,
    train_model,
    train_start,
    viewport,
)
from ui.text import plain
from vlass_explorer.launchers import local
from vlass_explorer.schema import ExplorerError

entry.through_app()
screen = viewport.current()
if screen.narrow:  # the pickers of the sidebar are for other pages
    st.set_page_config(initial_sidebar_state="collapsed")
sidebar.draw()
st.title("Train", anchor=False)
if not settings.training_allowed():
    st.info("Training from the page is switched off here (VLASS_EXPLORER_TRAINING=off).")
    viewport.probe()
    st.stop()

st.caption("A run is a process of its own: it goes on when this page is closed. Its weights become a checkpoint.")
cards = loaders.cards()
try:
    start = train_start.choice(cards)
    page = st.grid(2, min_column_width=420, gap="large")
    with page.cell():
        st.subheader("1 Data", anchor=False)
        dataset, data_dir = train_data.choice(start)
        data = train_data.data_set(dataset, data_dir, train_data.stamp(data_dir))
        train_data.summary(data)
        look = st.container()
    with page.cell():
        st.subheader("2 Model", anchor=False)
        split = train_data.fitting_split(data, start.config.split)
        config = replace(start.config, dataset=dataset, data_dir=data_dir, split=split)
        config = train_model.choice(config, cards, start.origin)
        count = st.empty()
        st.subheader("3 Training", anchor=False)
        config = train_form.options(config, start.origin)
    parameters = train_model.count(
        config.architecture, len(data.label_names), config.img_size, config.patch_size, config.in_chans
    )
    count.caption(f"{parameters:,} parameters." if parameters else "The check below counts the parameters.")
    with look:
        train_look.draw(config)
    st.subheader("What runs", anchor=False)
    st.code(local.command_line(config), language="bash", wrap_lines=True)
    launch.area(config)
except ExplorerError as error:
    st.error(plain(error))

viewport.probe()
