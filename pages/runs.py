"""Runs: all training runs with what they do now; one in detail, or several compared. It only reads run folders."""

import streamlit as st

from ui import boundary, settings, sidebar
from ui.runs import compare, panel, table
from vlass_explorer import runs
from vlass_explorer.schema import Run

REFRESH_SECONDS = 2.0

boundary.through_app()
sidebar.draw()
st.title("Runs", anchor=False)
if not settings.training_allowed():
    st.info("Training from the page is switched off here (VLASS_EXPLORER_TRAINING=off): runs can be looked at only.")


def trainings() -> list[Run]:
    """All training runs, newest first; classifications are on the Batch page."""
    return [run for run in runs.listing() if run.kind == "training"]


if busy := [run for run in runs.listing() if run.kind == "classification" and run.is_active]:
    word = "A classification is" if len(busy) == 1 else f"{len(busy)} classifications are"
    st.caption(f"{word} active, too, and {'shares' if len(busy) == 1 else 'share'} the queue of the devices.")
    st.page_link("pages/batch.py", label="Batch", icon=":material/table_view:")
is_polling = any(run.is_active for run in trainings())
table.follow_link(trainings())


@st.fragment(run_every=REFRESH_SECONDS if is_polling else None)
@boundary.guarded()
def live() -> None:
    """Draw everything that changes; again every two seconds while a run is active."""
    listing = trainings()
    if any(run.is_active for run in listing) != is_polling:
        st.rerun()  # the whole page: polling begins or ends, and a new checkpoint joins every picker
    if not listing:
        st.caption("No run yet. What the Train page launches appears here, with its curves.")
        st.page_link("pages/train.py", label="Train", icon=":material/model_training:")
        return
    chosen = table.draw(listing)
    if len(chosen) == 1:
        st.caption("Select several rows to compare them.")
        panel.draw(chosen[0])
    else:
        compare.draw(chosen)


live()
