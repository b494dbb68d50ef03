"""Checkpoints: compare them, see how good one is and where it is wrong, take them in and out."""

import streamlit as st

from ui import boundary, loaders, settings, sidebar
from ui.boundary import through_app
from ui.shelf import actions, average, calibrate, evaluate, leaderboard, mapped, masks
from ui.text import plain
from vlass_explorer import checkpoints
from vlass_explorer.checkpoints import tasks, words
from vlass_explorer.schema import ExplorerError

through_app()
page, choice = sidebar.beside(boundary.viewport())
may_change = settings.training_allowed()

with page:
    st.title("Checkpoints", anchor=False)
    for name, problem in checkpoints.problems().items():
        st.warning(f"{plain(name)} is left out. {plain(problem)}")
    names = ["Leaderboard", "Report", "Calibration", "Map", "Average", "Export and import"]
    board, report, sure, cloud, mean, shelf = st.tabs(names)
    with board:
        leaderboard.draw(tasks.of(loaders.cards(), "classification"))
        masks.draw(tasks.of(loaders.cards(), "segmentation"))
    with report:
        if choice.card is None:
            st.caption("Choose a checkpoint on the left.")
        else:
            st.markdown(f"**{plain(choice.card.name)}**, trained on {plain(words.trained_on(choice.card))}")
            if choice.card.task == "segmentation":
                masks.report(choice.card)
            else:
                evaluate.draw(choice.card)
    with sure:
        if choice.card is None:
            st.caption("Choose a checkpoint on the left.")
        elif choice.card.task == "segmentation":
            st.caption("It labels pixels: only scores of whole images are calibrated.")
        else:
            st.markdown(f"**{plain(choice.card.name)}**, trained on {plain(words.trained_on(choice.card))}")
            calibrate.draw(choice.card, may_change)
    with cloud:
        if choice.card is None:
            st.caption("Choose a checkpoint on the left.")
        elif choice.card.task == "segmentation":
            st.caption("It labels pixels: only features of whole images have a map.")
        else:
            try:
                mapped.draw(choice.card)
            except ExplorerError as error:
                st.error(plain(error))
    with mean:
        average.draw(tasks.of(loaders.cards(), "classification"), may_change)
    with shelf:
        if choice.card is not None:
            st.markdown(f"**{plain(choice.card.name)}**")
            actions.export(choice.card)
            actions.rename_and_delete(choice.card, may_change)
        st.subheader("Import", anchor=False)
        actions.import_form(may_change)
