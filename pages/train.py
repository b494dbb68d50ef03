"""Train: choose data and a starting point, see what would run, launch it, watch it."""

from dataclasses import replace

import streamlit as st

from ui import entry, launch, loaders, run_list, run_panel, settings, sidebar, train_data, train_form, viewport
from ui.text import plain
from vlass_explorer import runs
from vlass_explorer.launchers import local
from vlass_explorer.schema import ExplorerError

entry.through_app()
screen = viewport.current()
if screen.narrow:  # the pickers of the sidebar are for other pages
    st.set_page_config(initial_sidebar_state="collapsed")
sidebar.draw()
st.title("Train", anchor=False)
st.caption("A run is a process of its own: it goes on when this page is closed. Its weights become a checkpoint.")
page = st.grid(2, min_column_width=420, gap="medium")

with page.cell():
    st.subheader("New run")
    if not settings.training_allowed():
        st.info("Training from the page is switched off here (VLASS_EXPLORER_TRAINING=off).")
    else:
        try:
            dataset, data_dir = train_data.choice()
            train_data.class_counts(dataset, data_dir)
            defaults = train_form.starting_point(loaders.cards())
            config = train_form.options(replace(defaults, dataset=dataset, data_dir=data_dir))
        except ExplorerError as error:
            st.error(plain(error))
        else:
            st.code(local.command_line(config), language="bash", wrap_lines=True)
            launch.area(config)

with page.cell():
    st.subheader("Runs")
    listing = runs.listing()
    run = run_list.choice(listing)
    if run is None:
        st.caption("No run yet. A launched run appears here with its curves.")
    else:
        run_panel.live_panel(run, may_act=settings.training_allowed())
        with st.expander(f"All runs ({len(listing)})", key="train_runs"):
            run_list.table(listing)

viewport.probe()
