"""What becomes of the labels: tables to download, and a data set that Train takes at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from vlass_explorer.datasets.facts import facts
from vlass_explorer.datasets.splits import Split
from vlass_explorer.desk import export, training_set
from vlass_explorer.schema import DatasetError

from .. import boundary, settings
from ..text import plain
from .deck import Deck

MIME = {".csv": "text/csv", ".vot": "application/x-votable+xml"}
NAMES = {".csv": "CSV", ".vot": "VOTable"}


def draw(deck: Deck) -> None:
    """Draw the downloads and the button that writes a data set."""
    given = deck.labels.given
    if not given:
        st.caption("Nothing has been labelled in this set yet.")
        return
    who = len(deck.labels.labellers)
    st.markdown(
        f"**{plain(deck.set_name)}**: {len(given):,} labels of {len({one.cutout for one in given}):,} cutouts by "
        f"{who:,} labeller{'' if who == 1 else 's'}; {sum(one.blind for one in given):,} given blind."
    )
    for title, make, stem in (
        ("Labels as given, one row each", export.as_given, "labels"),
        ("By cutout, with the share of labellers behind each class", export.by_cutout, "cutouts"),
    ):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(title)
            for suffix, name in NAMES.items():
                st.download_button(
                    name,
                    partial(make, deck.labels, suffix),
                    f"{deck.set_name}-{stem}{suffix}",
                    MIME[suffix],
                    on_click="ignore",
                    icon=":material/download:",
                    key=f"desk_get_{stem}_{suffix[1:]}",
                )
    st.subheader("Train on them", anchor=False)
    if settings.uploads() is None or not settings.training_allowed():
        st.caption("Data sets are not written on this server.")
        return
    st.caption(
        "The files that are on the desk now, with the class that most labellers gave; without those called unsure or "
        "an artefact, and where labellers differ."
    )
    blind = st.checkbox(
        "Test on what was labelled blind",
        True,
        key="desk_blind_test",
        help="Labels given without sight of a model's answer are the honest ones to measure it by; they are not "
        "trained on.",
    )
    st.button(
        "Write as a data set",
        key="desk_write",
        icon=":material/dataset:",
        on_click=boundary.reported(_write),
        args=(deck, blind),
    )
    written: training_set.Written | None = st.session_state.get("desk_written")
    if written is None:
        return
    counts = [f"{written.counts[part]:,} {part}" for part in Split._fields if part in written.counts]
    st.success(plain(f"The data set {written.folder.name} is written: {', '.join(counts)}."))
    for note in written.notes:
        st.caption(plain(note))
    if st.button("Train on it", key="desk_train", icon=":material/model_training:"):
        st.session_state["train_data"] = written.folder.relative_to(settings.uploads() or "/").as_posix()
        st.switch_page("pages/train.py")


def _write(deck: Deck, blind: bool) -> None:
    parent = settings.uploads()
    if parent is None or not settings.training_allowed():
        raise DatasetError("Data sets are not written on this server.")
    parent.mkdir(parents=True, exist_ok=True)
    data_set = deck.desk.data_set
    stretch = facts(Path(deck.source)).get("stretch") if data_set is not None else None
    st.session_state["desk_written"] = training_set.write(
        parent,
        deck.set_name,
        deck.pieces,
        deck.labels.refresh().given,
        data_set=data_set,
        stretch=stretch,
        blind_is_test=blind,
    )
