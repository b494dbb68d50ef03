"""The map of a checkpoint: its training cutouts by its own features, and the cutouts of the session laid over them."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vlass_explorer import calibration, checkpoints, memory
from vlass_explorer.calibration import Reference, embedding
from vlass_explorer.desk import answers, mapped
from vlass_explorer.desk.answers import Answers
from vlass_explorer.desk.pieces import Piece, key_of
from vlass_explorer.schema import Checkpoint, CheckpointError

from .. import loaders, slow, state
from ..text import plain

METHODS = ("PCA", "t-SNE")


def draw(card: Checkpoint) -> None:
    """Draw the map, or why there is none; raises the typed error that says what is wrong with the reference."""
    known = _reference(card)
    if isinstance(known, CheckpointError):
        st.warning(plain(known))
        return
    if known is None:
        st.caption(
            "No features of its training cutouts are kept with this checkpoint. On the command line: "
            f"python -m train reference {plain(card.name)} --data-dir FOLDER."
        )
        return
    own = [entry for entry in state.entries().values() if entry.kind != "example"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        method = st.segmented_control("Map by", METHODS, default="PCA", required=True, key=f"map_method_{card.name}")
        over = st.toggle(
            f"With my files ({len(own):,})",
            key=f"map_over_{card.name}",
            disabled=not own,
            help="The model is asked about the files that you dropped or took from elsewhere; they are diamonds.",
        )
        wanted = st.selectbox(
            "Coloured by", mapped.CHOICES[1:], key=f"map_colour_{card.name}", width=180, disabled=not (over and own)
        )
    place = st.empty()
    new = _answers(place, card, known, own) if over and own else None
    if over and own and new is None:
        return
    if method == "PCA":
        place_of = ("map PCA", *_word(card, own if new is not None else []))
        positions, axes = loaders.MEMORY.get_or_compute(place_of, lambda: mapped.by_components(known, new))
    else:
        rows = mapped.features(known, new)
        label = f"t-SNE of {int(embedding.finite(rows).sum()):,} cutouts"
        word = ("map t-SNE", *_word(card, own if new is not None else []))
        spread = slow.kept(place, word, label, lambda: embedding.tsne(rows))
        if spread is None:
            return
        positions, axes = spread, None
    count = len(known.features)
    colour = (wanted or "Answer") if new is not None else "Label"
    layers = [mapped.training_layer(known, positions[:count], card.label_names, colour)]
    if new is not None:
        names = [entry.label for entry in own]
        layers.append(mapped.new_layer(new, positions[count:], names, [""] * len(own), colour))
    st.plotly_chart(
        mapped.draw(layers, axes, card.label_names, colour),
        key=f"map_{card.name}_{method}_{colour}",
        config={"displaylogo": False, "scrollZoom": True},
        alt=f"Training cutouts of {card.name} by its features",
    )
    st.caption(
        "Each point is a cutout, by what the last layer of the model sees; training cutouts in the colour of their "
        "label or grey. It has learned from them: how far classes are apart here says nothing about new cutouts."
        + (" The axes are fitted to the training cutouts alone." if axes is not None else "")
    )


def _word(card: Checkpoint, own: list[state.Entry]) -> tuple[str, ...]:
    how = (f"{entry.key} {state.reading(entry)}" for entry in own)
    return (memory.of_card(card), checkpoints.beside(card), *how)


def _reference(card: Checkpoint) -> Reference | CheckpointError | None:
    def read() -> Reference | CheckpointError | None:
        try:
            return calibration.read_reference(card)
        except CheckpointError as error:
            return error

    found: Reference | CheckpointError | None = loaders.MEMORY.get_or_compute(("map reference", *_word(card, [])), read)
    return found


def _answers(place: DeltaGenerator, card: Checkpoint, known: Reference, own: list[state.Entry]) -> Answers | None:
    """What the model says of the files, with progress in ``place``; None where it was stopped."""
    pieces = [
        Piece(key_of("upload", entry.sha256), entry.label, partial(loaders.cutout, entry, state.reading(entry)))
        for entry in own
    ]
    label, word = f"{card.name} looks at {len(own):,} cutouts", ("map answers", *_word(card, own))
    found = slow.kept(place, word, label, lambda: answers.ask(loaders.model(card), card, pieces, known))
    if found is not None and found.failed:
        st.caption(
            plain(f"{len(found.failed):,} have no answer, the first because: {next(iter(found.failed.values()))}")
        )
    return found
