"""Batch: classify a whole folder or table as a run; its rows while it works, with filters, pictures and exports."""

import streamlit as st

from ui import boundary, settings, sidebar
from ui.batch import launch, panel, request, rows
from ui.text import plain
from vlass_explorer.catalogue import job
from vlass_explorer.schema import ExplorerError

REFRESH_SECONDS, ROWS_SECONDS = 2.0, 6.0

boundary.through_app()
sidebar.draw()
st.title("Batch", anchor=False)
found = panel.listing()
if settings.training_allowed():
    with st.expander("New classification", expanded=not found, icon=":material/add:", key="batch_new"):
        try:
            launch.draw(request.draw())
        except ExplorerError as error:
            st.error(plain(error))
else:
    st.info("Starting from the page is switched off here (VLASS_EXPLORER_TRAINING=off): answers can be looked at only.")
if not found:
    st.caption("No classification yet. A run of its own, it goes on when this page is closed.")
    st.stop()
is_polling = any(run.is_active for run in found)


@st.fragment(run_every=REFRESH_SECONDS if is_polling else None)
@boundary.guarded()
def live() -> None:
    """Draw what changes by the second."""
    now = panel.listing()
    if any(run.is_active for run in now) != is_polling or not now:
        st.rerun()
    run = panel.chosen(now)
    panel.table(now, run)
    panel.draw(run)


@st.fragment(run_every=ROWS_SECONDS if is_polling else None)
@boundary.guarded()
def answers() -> None:
    """Draw the rows of the classification in view."""
    run = panel.chosen(panel.listing())
    made, table = rows.answers(str(job.folder(run))).update()
    if made is not None and table.num_rows:
        rows.draw(run, made, table)


live()
answers()
