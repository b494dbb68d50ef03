"""What becomes of chosen rows: Explore's list, a folder of a data set, tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import streamlit as st

from vlass_explorer.datasets import uploads
from vlass_explorer.export import tables
from vlass_explorer.schema import Found

from .. import boundary, settings, state
from ..text import plain
from .found import Answer

SAVED = "sky_saved"
"""Session key: the folder that was written last."""


def draw(answer: Answer, chosen: Sequence[state.Entry]) -> None:
    """Draw the buttons; those for chosen rows only where there are some."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        word = "cutout" if len(chosen) == 1 else "cutouts"
        if st.button(
            f"Open {len(chosen)} {word} in Explore",
            key="sky_explore",
            icon=":material/explore:",
            disabled=not chosen,
            on_click=state.take,
            args=(chosen,),
        ):
            st.switch_page("pages/explore.py")
        if st.button(
            "In all surveys",
            key="sky_source",
            icon=":material/layers:",
            disabled=not chosen,
            on_click=state.take,
            args=(chosen,),
            help="Takes them to Explore's list and shows the first on the Source page, beside all others that show it.",
        ):
            st.switch_page("pages/source.py")
        for suffix, label, mime in ((".vot", "VOTable", "application/x-votable+xml"), (".csv", "CSV", "text/csv")):
            st.download_button(
                label,
                lambda suffix=suffix: tables.found_bytes(answer.rows, suffix),  # type: ignore[misc]
                f"cutouts{suffix}",
                mime,
                on_click="ignore",
                icon=":material/download:",
                key=f"sky_get{suffix}",
            )
        if settings.uploads() is not None:
            with st.popover("Save as data set", icon=":material/folder:", disabled=not chosen, key="sky_save"):
                st.text_input("Name of the folder", key="sky_folder", max_chars=60)
                st.button("Save", key="sky_save_now", on_click=_save, args=(answer, list(chosen)))
    if saved := st.session_state.pop(SAVED, None):
        st.success(plain(saved))


@boundary.reported
def _save(answer: Answer, chosen: Sequence[state.Entry]) -> None:
    """Write the chosen cutouts, their labels and a catalogue into a folder of their own below the uploads."""
    parent = settings.uploads()
    assert parent is not None
    names = {entry.name for entry in chosen}
    rows = [row for row in answer.rows if row.file is not None and row.file.rpartition("/")[2] in names]
    files = [
        (row.file.rpartition("/")[2], io.BytesIO((answer.folder / row.file).read_bytes())) for row in rows if row.file
    ]
    labelled = [row for row in rows if row.label]
    if labelled:
        files.append(("labels.csv", io.BytesIO(_labels(labelled))))
    folder = uploads.store(files, parent, st.session_state.get("sky_folder", ""), settings.upload_bounds())
    tables.write_found(folder / "cutouts.vot", rows, overwrite=True)
    say = "" if len(labelled) == len(rows) else f" {len(rows) - len(labelled)} of them have no label yet."
    st.session_state[SAVED] = f"{len(rows)} cutouts are in {folder}, with cutouts.vot.{say}"


def _labels(rows: Sequence[Found]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "label", "ra", "dec"))
    writer.writerows(((row.file or "").rpartition("/")[2], row.label, row.ra, row.dec) for row in rows)
    return text.getvalue().encode()
