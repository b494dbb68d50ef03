"""The data set on the Train page: which folder, how many cutouts of each class, under what terms."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from ui import settings
from ui.text import plain
from vlass_explorer import datasets
from vlass_explorer.schema import DatasetError

SIMULATOR = "Bundled simulator (four VLASS classes)"


def choice() -> tuple[str, str]:
    """Draw the data set picker; return the reader and the folder. Raises DatasetError for a folder out of bounds."""
    roots = settings.data_roots()
    names = {_short(path, roots): str(path) for path in settings.data_sets()}
    places = " or ".join(f"`{root}`" for root in roots) or "a data root (none is set up)"
    chosen = st.selectbox(
        "Data set", [*names, SIMULATOR], key="train_data", accept_new_options=True,
        help=f"A folder below {places} with a labels.csv (path, label, optional fold) or one folder a class. "
        "Type a path for one that is not listed.",
    )  # fmt: skip
    if chosen == SIMULATOR:
        return "simulated", ""
    return "class_folders", str(settings.checked_data_dir(names.get(chosen or "", chosen or "")))


def _short(path: Path, roots: list[Path]) -> str:
    inside = next((path.relative_to(root) for root in roots if path.is_relative_to(root) and path != root), None)
    return inside.as_posix() if inside is not None else str(path)


def stamp(data_dir: str) -> float:
    """A number that changes when the data set's folder or its list of labels changes."""
    folder = Path(data_dir)
    if not data_dir or not folder.is_dir():
        return 0.0
    return max(path.stat().st_mtime for path in (folder, folder / "labels.csv") if path.exists())


@st.cache_data(show_spinner="Reading the list of cutouts.", max_entries=8)
def _summary(dataset: str, data_dir: str, changed: float) -> tuple[dict[str, int], list[str], str]:
    """Cutouts of each class, what to know about the data set in a few words each, and its terms."""
    data = datasets.load(dataset, data_dir or None)
    folds = len({item.fold for item in data.items if item.fold is not None})
    facts = [data.title, f"{len(data):,} cutouts"]
    facts += [" at ".join(filter(None, (data.survey, f"{data.frequency_ghz:g} GHz" if data.frequency_ghz else "")))]
    facts += ["simulated"] if data.simulated else []
    facts += [f"{folds} folds by the authors" if folds else "no folds by the authors: split=sky or split=random"]
    return (
        data.counts,
        [*filter(None, facts)],
        "  \n".join(plain(text) for text in (data.licence, data.citation) if text),
    )


def class_counts(dataset: str, data_dir: str) -> None:
    """Draw how many cutouts each class has. Raises DatasetError where the folder is no data set."""
    counts, facts, terms = _summary(dataset, data_dir, stamp(data_dir))
    table = pd.DataFrame({"Class": list(counts), "Cutouts": list(counts.values())})
    bar = st.column_config.ProgressColumn("Cutouts", format="localized", min_value=0, max_value=max(counts.values()))
    st.dataframe(
        table, hide_index=True, column_config={"Cutouts": bar}, row_height=26,
        alt=f"Cutouts of each of {len(counts)} classes, {sum(counts.values()):,} in all",
    )  # fmt: skip
    st.caption(" · ".join(plain(fact) for fact in facts), help=terms or None)
    if len(counts) < 2:
        raise DatasetError("This folder has one class only: a classifier needs two or more.")
