"""The rows that a classification has answered: filters, pictures, a table whose rows open in Explore, exports."""

from __future__ import annotations

import hashlib
from functools import partial
from os.path import commonprefix
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from vlass_explorer import cutouts
from vlass_explorer.catalogue import follow, shard
from vlass_explorer.catalogue.follow import Filter
from vlass_explorer.catalogue.plan import Plan
from vlass_explorer.export.tables import FORMATS
from vlass_explorer.figures import batch as figures
from vlass_explorer.schema import CatalogueError, ExplorerError, Run

from .. import boundary, state
from ..text import plain

MOST = 1000
"""Rows of the table on the page; the exports hold all that the filters let through."""
PICKED = "batch_picked"
"""Session key: id of the row that was clicked, whatever the table has become since."""
AS_IT_IS, MATCHED = "As it is", "Matched"
ALL, ANSWERED, FAILED = "All", "Answered", "Failed"
PLOT = {"displaylogo": False}
COLUMNS = {
    "id": None,
    "input": st.column_config.TextColumn("Input", width=230),
    "label": st.column_config.TextColumn("Label", width=90),
    "score": st.column_config.NumberColumn("Score", format="%.3f", width=70, help="Softmax score, not calibrated"),
    "validity": st.column_config.TextColumn("Validity", width=80),
    "matched_label": st.column_config.TextColumn("Matched", width=90, help="Label at the beam of the training data"),
    "matched_score": st.column_config.NumberColumn("Its score", format="%.3f", width=75),
    "matched_validity": st.column_config.TextColumn("Its validity", width=85),
    "snr": st.column_config.NumberColumn("Peak S/N", format="%.1f", width=75),
    "flux": st.column_config.NumberColumn("Flux (Jy)", format="%.3g", width=75),
    "ra": st.column_config.NumberColumn("RA (deg)", format="%.5f", width=85),
    "dec": st.column_config.NumberColumn("Dec (deg)", format="%.5f", width=85),
    "checkpoint": st.column_config.TextColumn("Checkpoint", width=120),
    "error": st.column_config.TextColumn("Why there is no answer", width=380),
}
FORMS = ((".csv", "CSV", "text/csv"), (".vot", "VOTable", "application/x-votable+xml"))


@st.cache_resource(max_entries=16, show_spinner=False)
def answers(folder: str) -> follow.Answers:
    """What a folder has answered, shared by all sessions: each look reads only the parts that are new."""
    return follow.Answers(Path(folder))


def draw(run: Run, made: Plan, table: pa.Table) -> None:
    """Draw the rows that are answered by now."""
    names = list(dict.fromkeys(label for one in made.asked for label in one.label_names))
    by, is_matched = _filters(run, made, names)
    of_one = follow.chosen(table, Filter(by.checkpoint))
    if is_matched:
        of_one = follow.matched(of_one)
    rows = follow.chosen(of_one, by)
    left = made.count - of_one.num_rows
    told = f"{rows.num_rows:,} of {of_one.num_rows:,} rows" + (f"; {left:,} are not answered yet" if left > 0 else "")
    st.caption(f"{told}.")
    if not rows.num_rows:
        return
    _pictures(run, rows, names)
    _table(run, rows, _folder(of_one), is_matched=is_matched)
    _actions(run, made, rows)


def _filters(run: Run, made: Plan, names: list[str]) -> tuple[Filter, bool]:
    """Draw the filters; return them and whether the matched answer is the one to look at."""
    key = f"batch_{run.id[-9:]}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        checkpoints = [one.name for one in made.asked]
        # One at a time: labels of two checkpoints in one histogram would say nothing of either.
        checkpoint = checkpoints[0]
        if len(checkpoints) > 1:
            checkpoint = st.selectbox("Checkpoint", checkpoints, key=f"{key}_checkpoint", width=190)
        view = AS_IT_IS
        if made.how.match:
            view = st.segmented_control(
                "Answer",
                [AS_IT_IS, MATCHED],
                default=AS_IT_IS,
                required=True,
                key=f"{key}_view",
                help="Of the image as it is, or smoothed to the beam of the checkpoint's training data",
            )
        labels = st.multiselect("Labels", names, key=f"{key}_labels", placeholder="all", width=220)
        validities = st.multiselect(
            "Validity", list(figures.VALIDITIES), key=f"{key}_validity", placeholder="all", width=200
        )
        low, high = st.slider("Score", 0.0, 1.0, (0.0, 1.0), 0.01, key=f"{key}_scores", width=170)
        snr = st.number_input("Least S/N", 0.0, value=0.0, step=1.0, format="%g", key=f"{key}_snr", width=110)
        which = st.segmented_control("Rows", [ALL, ANSWERED, FAILED], default=ALL, required=True, key=f"{key}_failed")
    failed = {ALL: None, ANSWERED: False, FAILED: True}[which]
    by = Filter(checkpoint, tuple(labels), tuple(validities), (low, high), float(snr), failed)
    return by, view == MATCHED


def _pictures(run: Run, rows: pa.Table, names: list[str]) -> None:
    labels, validities = follow.texts(rows, "label"), follow.texts(rows, "validity")
    score, snr, ra, dec = (follow.numbers(rows, name) for name in ("score", "snr", "ra", "dec"))
    drawn = {
        "labels": (figures.label_counts(labels, validities, names), "Rows of each label, by validity"),
        "scores": (figures.score_histograms(score, labels, names), "Histogram of the highest scores of each label"),
        "snr": (figures.snr_score(snr, score, labels, names), "S/N against the highest score"),
        "sky": (figures.sky_map(ra, dec, labels, names), "Rows on the sky, Aitoff projection"),
    }
    place = st.grid(2, min_column_width=380, gap="small")
    for name, (figure, alt) in drawn.items():
        with place.cell():
            st.plotly_chart(figure, key=f"batch_{name}_{run.id}", config=PLOT, alt=alt)


def _folder(rows: pa.Table) -> str:
    """The folder, with its last slash, that all inputs lie in; empty where they share none."""
    ends = pc.min_max(rows["id"]).as_py()
    return f"{commonprefix([ends['min'], ends['max']]).rpartition('/')[0]}/" if ends["min"].startswith("/") else ""


def _table(run: Run, rows: pa.Table, folder: str, *, is_matched: bool) -> None:
    shown = rows.slice(0, MOST)
    frame = shown.to_pandas()
    frame["input"] = frame["id"].str.removeprefix(folder)  # a whole path would show its beginning alone
    frame = frame[[name for name in COLUMNS if not (is_matched and name.startswith("matched_"))]]
    is_empty = [name for name in frame if frame[name].isna().all() or (frame[name].astype(str) == "").all()]
    frame = frame.drop(columns=[name for name in is_empty if name not in ("label", "score", "validity")])
    # Another key with other rows: a click is then never taken for the row that has come to its place.
    stamp = hashlib.sha256("\n".join(shown["id"].to_pylist()).encode(errors="surrogateescape")).hexdigest()[:12]
    key = f"batch_rows_{stamp}"
    ids = shown["id"].to_pylist()
    st.dataframe(
        frame,
        hide_index=True,
        key=key,
        on_select=partial(_pick, key, ids),
        selection_mode="single-row",
        row_height=28,
        height=min(40 + 28 * len(ids), 400),
        column_config=COLUMNS,
        placeholder="",
        alt=f"Rows of {run.config.name}",
    )
    if rows.num_rows > MOST:
        st.caption(f"The first {MOST:,} of these {rows.num_rows:,} rows; exports hold all of them.")


def _pick(key: str, ids: list[str]) -> None:
    picked = st.session_state[key]["selection"]["rows"]
    st.session_state[PICKED] = ids[picked[0]] if picked and picked[0] < len(ids) else None


def _actions(run: Run, made: Plan, rows: pa.Table) -> None:
    picked = st.session_state.get(PICKED)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Open the row in Explore",
            key="batch_open",
            type="primary",
            icon=":material/explore:",
            disabled=not picked,
            on_click=_open,
            args=(made, picked, st.session_state.get(f"batch_{run.id[-9:]}_checkpoint") or made.asked[0].name),
            help=None if picked else "Choose a row of the table first.",
        ):
            st.switch_page("pages/explore.py")
        too_many = rows.num_rows > follow.MOST
        for suffix, label, mime in FORMS:
            st.download_button(
                f"{label} of {rows.num_rows:,} rows",
                partial(_export, made, rows, suffix),
                f"{run.config.name}{suffix}",
                mime,
                on_click="ignore",
                icon=":material/download:",
                disabled=too_many,
                key=f"batch_get{suffix}",
                help="All columns of the rows that the filters let through, with units and UCDs in the VOTable",
            )
        if too_many:
            st.caption(f"Exports hold {follow.MOST:,} rows at most: filter, or take the whole table `{made.folder}`.")
    if picked:
        st.caption(f"Chosen: {plain(picked)}")


def _export(made: Plan, rows: pa.Table, suffix: str) -> bytes:
    return FORMATS[suffix].to_bytes(made.columns, follow.full(made, rows))


@boundary.reported
def _open(made: Plan, id: str, checkpoint: str) -> None:
    """In a callback: the image of a row comes to Explore's list and into view, with the checkpoint that answered."""
    state.take([entry(made, id)])
    st.session_state["checkpoint"] = checkpoint


def entry(made: Plan, id: str) -> state.Entry:
    """The image of a row; raises CatalogueError where there is none to open."""
    one = follow.asked(made, id)
    if one.error or not (one.file or one.position):
        raise CatalogueError(f"There is no image of {id}: {one.error}")
    if one.file:
        path = Path(one.file)
        told = f"{path}\0{path.stat().st_mtime_ns if path.exists() else ''}"
        sha256 = hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()
        return state.Entry(
            f"{sha256[:16]}:{path.name}", path.name, path.name, "data set", sha256, source=partial(cutouts.read, path)
        )
    try:
        name, content = shard.piece(made, one)
    except ExplorerError as error:
        raise CatalogueError(f"There is no image of {id}: {error}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    return state.Entry(f"{sha256[:16]}:{name}", name, name, "upload", sha256, content=content)
