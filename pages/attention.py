"""Attention: all layers and heads of one model on one cutout, from the read-out or from a clicked patch."""

import streamlit as st

from ui import attention_panels, loaders, sidebar, viewport
from ui.entry import through_app
from ui.text import plain
from vlass_explorer.schema import InputError

through_app()
screen = viewport.current()
if screen.narrow:  # the pickers move below the figures, as on Explore
    st.set_page_config(initial_sidebar_state="collapsed")
page, foot = st.container(), st.container()
choice = sidebar.draw(foot if screen.narrow else st.sidebar)
entry, cutout, card = choice.entry, choice.cutout, choice.card

with page:
    st.title("Attention", anchor=False)
    prediction = window = None
    if entry is None or card is None:
        st.info("Choose a cutout and a checkpoint on the left.")
    elif cutout is None:
        st.error(f"{plain(entry.label)}: {plain(choice.problem)}")
    else:
        try:
            prediction = loaders.prediction(card, cutout)
            _, window = loaders.seen(card, cutout)
        except InputError as error:
            st.warning(plain(error))
    if entry and card and cutout and prediction and window:
        st.caption(
            f"{plain(entry.label)} through {plain(card.name)}: {plain(prediction.label)}, softmax score "
            f"{float(prediction.probabilities.max()):.2f}. Attention shows where information flowed, not why a "
            "class was chosen."
        )
        attention_panels.draw(card, cutout, window, prediction, screen.width)

viewport.probe()
