"""Train: data, model and training in three steps; below, what exactly would run, and the button that launches it."""

from dataclasses import replace

import streamlit as st

from ui import boundary, loaders, settings, sidebar
from ui.text import plain
from ui.training import data_step, defaults, form, launch, model_step, preview, rate
from vlass_explorer.launchers import local
from vlass_explorer.schema import ExplorerError

boundary.through_app()
screen = boundary.viewport()
sidebar.draw()
st.title("Train", anchor=False)
if not settings.training_allowed():
    st.info("Training from the page is switched off here (VLASS_EXPLORER_TRAINING=off).")
    st.stop()

st.caption("A run is a process of its own: it goes on when this page is closed. Its weights become a checkpoint.")
cards = loaders.cards()
try:
    start = defaults.choice(cards)
    page = st.grid(2, min_column_width=420, gap="large")
    with page.cell():
        st.subheader("1 Data", anchor=False)
        dataset, data_dir = data_step.choice(start)
        data = data_step.data_set(dataset, data_dir, data_step.stamp(data_dir))
        data_step.summary(data)
        look = st.container()
    with page.cell():
        st.subheader("2 Model", anchor=False)
        split = data_step.fitting_split(data, start.config.split)
        config = replace(start.config, dataset=dataset, data_dir=data_dir, split=split)
        config = model_step.choice(config, cards, start.origin)
        count = st.empty()
        st.subheader("3 Training", anchor=False)
        chosen = None
        try:
            chosen = form.options(config, start.origin)
        except ExplorerError as error:
            st.error(plain(error))  # here, below the options that it is about
        config = chosen or config
    parameters = model_step.count(
        config.architecture,
        len(data.label_names),
        config.img_size,
        config.patch_size,
        config.in_chans,
        config.encoder,
        config.pyramid,
    )
    count.caption(f"{parameters:,} parameters." if parameters else "The check below counts the parameters.")
    with look:
        preview.draw(config)
    if chosen is None:
        st.stop()
    rate.draw(config, form.key("learning_rate", start.origin))
    st.subheader("What runs", anchor=False)
    st.code(local.command_line(config), language="bash", wrap_lines=True)
    launch.area(config)
except ExplorerError as error:
    st.error(plain(error))
