"""The data step of the Train form: a folder, a bundled data set or an upload; its classes, its terms, a look at it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from vlass_explorer import datasets
from vlass_explorer.datasets import uploads
from vlass_explorer.datasets.fingerprint import fingerprint
from vlass_explorer.quantities import frequency
from vlass_explorer.schema import DatasetError, Split

from .. import boundary, settings
from ..text import plain
from .defaults import Start

BUNDLED = "Bundled: "
SIMULATOR = "simulated"
NOTICED_SECONDS = 20.0
"""After this time at most a page sees that a file was rewritten in its place."""


def choice(start: Start) -> tuple[str, str]:
    """Draw the data set picker; return the reader and the folder. Raises DatasetError for a folder out of bounds."""
    roots = settings.data_roots()
    names = {_short(path, roots): str(path) for path in settings.data_sets()}
    bundled = {f"{BUNDLED}{module.TITLE}": name for name, module in datasets.DATASETS.items() if datasets.is_made(name)}
    _follow(start, names, bundled)
    places = " or ".join(f"`{root}`" for root in roots) or "a data root (none is set up)"
    chosen = st.selectbox(
        "Data set",
        [*names, *bundled],
        key="train_data",
        accept_new_options=True,
        help=f"A folder below {places} with a labels.csv (path, label, optional fold) or one folder a class. "
        "Type a path for one that is not listed.",
    )
    if settings.uploads() is not None:
        _upload(roots)
    if chosen in bundled:
        return bundled[chosen], ""
    return "class_folders", str(settings.checked_data_dir(names.get(chosen or "", chosen or "")))


def _follow(start: Start, names: dict[str, str], bundled: dict[str, str]) -> None:
    """Choose the data set of another start, where it has one; a folder out of bounds is refused as if it were typed."""
    if st.session_state.get("train_origin") == start.origin:
        return
    st.session_state["train_origin"] = start.origin
    config = start.config
    for title, name in bundled.items():
        if config.dataset == name:
            st.session_state["train_data"] = title
    if start.says_data and config.data_dir:
        by_path = {path: name for name, path in names.items()}
        st.session_state["train_data"] = by_path.get(config.data_dir, config.data_dir)


def _short(path: Path, roots: list[Path]) -> str:
    inside = next((path.relative_to(root) for root in roots if path.is_relative_to(root) and path != root), None)
    return inside.as_posix() if inside is not None else str(path)


def _upload(roots: list[Path]) -> None:
    """Draw the two drop zones; what was dropped becomes a folder below the uploads root and is chosen."""
    bounds = settings.upload_bounds()
    with st.expander("Upload a data set", icon=":material/upload:", key="train_upload"):
        st.caption(
            "One folder a class, or a labels.csv beside the files. At most "
            f"{bounds.files:,} files and {bounds.bytes / 2**30:g} GiB unpacked. It stays on the server."
        )
        turn = st.session_state.setdefault("train_upload_turn", 0)
        with st.grid(2, min_column_width=200):
            st.file_uploader(
                "ZIP", type="zip", key=f"train_zip_{turn}", on_change=boundary.reported(_take), args=(turn,)
            )
            st.file_uploader(
                "Folder",
                accept_multiple_files="directory",
                key=f"train_folder_{turn}",
                on_change=boundary.reported(_take),
                args=(turn,),
            )


def _take(turn: int) -> None:
    """In a callback: keep what was dropped, or say in one sentence why not; the drop zone is empty again."""
    parent = settings.uploads()
    if parent is None or not settings.training_allowed():
        return
    st.session_state["train_upload_turn"] = turn + 1
    if archive := st.session_state.get(f"train_zip_{turn}"):
        folder = uploads.unpack(archive, parent, archive.name, settings.upload_bounds())
    elif files := st.session_state.get(f"train_folder_{turn}"):
        name = files[0].name.partition("/")[0] if "/" in files[0].name else "upload"
        folder = uploads.store([(f.name, f) for f in files], parent, name, settings.upload_bounds())
    else:
        return
    st.session_state["train_data"] = _short(folder, settings.data_roots())


def stamp(data_dir: str) -> str:
    """A word that changes when files of the data set come, go or are renamed, and soon after one is rewritten."""
    return _contents(data_dir, fingerprint(Path(data_dir), contents=False)) if data_dir else ""


@st.cache_data(ttl=NOTICED_SECONDS, show_spinner=False, max_entries=32)
def _contents(data_dir: str, changed: str) -> str:
    return fingerprint(Path(data_dir))


@st.cache_resource(show_spinner="Reading the list of cutouts.", max_entries=8)
def data_set(dataset: str, data_dir: str, changed: str) -> datasets.DataSet:
    """The data set, shared by all sessions: nobody changes it. Raises DatasetError where the folder is none."""
    return datasets.load(dataset, data_dir or None)


def summary(data: datasets.DataSet) -> None:
    """Draw how many cutouts each class has and what they are. Raises DatasetError where there is one class only."""
    counts = {"Images with masks": len(data)} if data.is_masked else data.counts
    table = pd.DataFrame({"Class": list(counts), "Cutouts": list(counts.values())})
    bar = st.column_config.ProgressColumn("Cutouts", format="localized", min_value=0, max_value=max(counts.values()))
    st.dataframe(
        table,
        hide_index=True,
        column_config={"Cutouts": bar},
        row_height=26,
        alt=f"Cutouts of each of {len(counts)} classes, {sum(counts.values()):,} in all",
    )
    folds = len({item.fold for item in data.items if item.fold is not None})
    facts = [data.title, f"{len(data):,} cutouts"]
    facts += [" at ".join(filter(None, (data.survey, frequency(data.frequency_ghz) if data.frequency_ghz else "")))]
    facts += ["simulated"] if data.simulated else []
    facts += [f"{folds} folds by the authors" if folds else "no folds by the authors"]
    terms = "  \n".join(plain(text) for text in (data.licence, data.citation) if text)
    st.caption(" · ".join(plain(fact) for fact in facts if fact), help=terms or None)
    if data.is_masked:
        names = ", ".join(plain(name) for name in data.label_names)
        st.caption(f"A class for each pixel: {names}. Choose panoptic_fpn or vt_fpn as the architecture.")
    elif len(counts) < 2:
        raise DatasetError("This folder has one class only: a classifier needs two or more.")


def fitting_split(data: datasets.DataSet, split: Split) -> Split:
    """The split itself, or where it is the authors' and they made none, by the sky, or at random without positions."""
    has_own = any(item.fold is not None or item.split for item in data.items)
    if split != "authors" or has_own:
        return split
    return "sky" if all(item.ra is not None and item.dec is not None for item in data.items) else "random"
