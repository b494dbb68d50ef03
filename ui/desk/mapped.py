"""The desk as a map: cutouts near each other look alike to the model; what a lasso holds is labelled together."""

from __future__ import annotations

import numpy as np
import streamlit as st

from vlass_explorer import calibration, checkpoints, memory
from vlass_explorer.calibration import Reference, embedding
from vlass_explorer.desk import mapped
from vlass_explorer.figures import embedding as figures
from vlass_explorer.schema import Checkpoint, CheckpointError

from .. import loaders, slow
from ..text import plain
from . import asked, together
from .deck import Deck

METHODS = ("PCA", "t-SNE")


def draw(deck: Deck) -> None:
    """Draw the map and, above it, what labels the cutouts that are chosen on it."""
    if deck.blind:
        st.caption(
            "The place of a cutout tells what the model makes of it: there is no map while labels are given blind."
        )
        return
    found = asked.offer(deck, "The map needs the model's features of all cutouts.")
    if deck.card is None or found is None:
        return
    if not embedding.finite(found.features).any():
        if found is not deck.stored:
            st.caption(plain(f"{deck.card.name} gives no features of these cutouts, so that there is no map."))
        return
    known = _reference(deck.card)
    folds = [piece.fold for piece in deck.pieces]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        method = st.segmented_control("Map by", METHODS, default="PCA", required=True, key="desk_map_method")
        over = st.toggle(
            "With training cutouts",
            key="desk_map_over",
            disabled=known is None,
            help="Training cutouts are small points, in the colour of their label where that is coloured."
            if known is not None
            else "No features of its training cutouts are kept with this checkpoint (python -m train reference).",
        )
        choices = (*mapped.CHOICES, *([mapped.FOLD] if any(fold is not None for fold in folds) else []))
        wanted = st.selectbox("Coloured by", choices, key="desk_map_colour", width=160) or "Label"
    place = st.empty()
    under = known if over else None
    key = ("desk PCA", *_word(deck, known))
    positions, axes = loaders.MEMORY.get_or_compute(key, lambda: mapped.by_components(known, found))
    own = positions[-len(deck.pieces) :]
    positions = positions if under is not None else own
    if method == "t-SNE":
        rows = mapped.features(under, found)
        label = f"t-SNE of {int(embedding.finite(rows).sum()):,} cutouts"
        spread = slow.kept(place, ("desk t-SNE", *_word(deck, under)), label, lambda: embedding.tsne(rows))
        if spread is None:
            return
        positions, own = spread, spread[-len(deck.pieces) :]
    given = [deck.labels.of(piece.key, deck.by) for piece in deck.pieces]
    words = ["" if one is None else one.word for one in given]
    new = mapped.new_layer(found, own, [deck.name(piece) for piece in deck.pieces], words, wanted, folds)
    layers = [new]
    if under is not None:
        layers.insert(0, mapped.training_layer(under, positions[: -len(deck.pieces)], deck.card.label_names, wanted))
    controls = st.container()
    # another key once something was labelled: what the lasso held lies in other traces then
    done = sum(one is not None for one in given)
    event = st.plotly_chart(
        mapped.draw(layers, axes if method == "PCA" else None, deck.classes, wanted),
        key=f"desk_map_{deck.word}_{method}_{wanted}_{bool(under)}_{done}",
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config={"displaylogo": False, "scrollZoom": True},
        alt=f"Cutouts of the desk by the features of {deck.card.name}; draw around some to label them",
    )
    picked = figures.chosen(new, event.selection)
    with controls:
        together.draw(deck, [deck.pieces[row].key for row in picked.tolist()], "map", with_answers=True)
        if not len(picked):
            st.caption("Draw around cutouts with the mouse to choose them.")
    if len(picked):
        _names(deck, picked)


def _names(deck: Deck, rows: np.ndarray, most: int = 12) -> None:
    """Say which cutouts are chosen."""
    names = ", ".join(plain(deck.name(deck.pieces[row])) for row in rows[:most].tolist())
    st.caption(names + (f" and {len(rows) - most:,} more" if len(rows) > most else ""))


def _word(deck: Deck, under: Reference | None) -> tuple[str, ...]:
    card = "" if deck.card is None else f"{memory.of_card(deck.card)} {checkpoints.beside(deck.card)}"
    return card, deck.place, str(under is not None)


def _reference(card: Checkpoint) -> Reference | None:
    def read() -> Reference | None:
        try:
            return calibration.read_reference(card)
        except CheckpointError:
            return None  # Checkpoints and Explore say what is wrong with it

    key = ("desk reference", memory.of_card(card), checkpoints.beside(card))
    found: Reference | None = loaders.MEMORY.get_or_compute(key, read)
    return found
