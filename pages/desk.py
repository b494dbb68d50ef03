"""Desk: cutouts labelled by keyboard, one after the other; lists of them, how labellers agree, what becomes of it."""

import streamlit as st

from ui import boundary, sidebar
from ui.boundary import through_app
from ui.desk import agree, asked, board, choose, listed, mapped, out
from ui.text import plain
from vlass_explorer.schema import ExplorerError

through_app()
screen = boundary.viewport()
chosen = sidebar.draw(steps=False)  # in the sidebar in a narrow window, too: the desk has a list of its own
st.title("Desk", anchor=False)
card = chosen.card if chosen.card is not None and chosen.card.task == "classification" else None
try:
    deck = choose.choice(card)
    choose.broken(deck.labels)
    view = st.segmented_control(
        "View",
        ["One by one", "List", "Gallery", "Map", "Agreement", "Export"],
        default="One by one",
        required=True,
        key="desk_view",
        label_visibility="collapsed",
    )
    if view == "One by one":
        if choose.ORDERS[st.session_state["desk_order"]] in ("score", "informative", "unlike"):
            asked.offer(deck, "This order needs the model's answers to all cutouts; until then they come as listed.")
        board.draw(deck, screen.width)
    elif view == "List":
        listed.table(deck)
    elif view == "Gallery":
        listed.gallery(deck)
    elif view == "Map":
        mapped.draw(deck)
    elif view == "Agreement":
        agree.draw(deck)
    else:
        out.draw(deck)
except ExplorerError as error:
    st.error(plain(error))
