"""What to classify: a folder, a table of files or of positions, by which checkpoints, how, and where, as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import streamlit as st

from vlass_explorer import tabular
from vlass_explorer.catalogue import job, listed
from vlass_explorer.launchers import slurm
from vlass_explorer.schema import CatalogueError, Checkpoint, RunConfig

from .. import loaders, settings, state

FOLDER, FILES, POSITIONS = "Folder", "Table of files", "Table of positions"
HERE, CLUSTER = "This machine", "SLURM"
TEXT = (".txt", ".list", ".lst")


@dataclass(frozen=True)
class Request:
    """A classification that can be launched."""

    config: RunConfig
    """Name and device of its run."""
    words: tuple[str, ...]
    files: dict[str, bytes]
    """Further files of the run folder, which the words name."""


def draw() -> Request | None:
    """Draw the form; None while something is missing. Raises ExplorerError for what cannot be classified."""
    columns = st.grid(2, min_column_width=380, gap="large")
    with columns.cell():
        kind = st.segmented_control(
            "Input", [FOLDER, FILES, POSITIONS], default=FOLDER, required=True, key="batch_input"
        )
        words, files, name = {FOLDER: _folder, FILES: _files, POSITIONS: _positions}[kind]()
    with columns.cell():
        chosen = _checkpoints()
        more = _options()
    if words is None or not chosen:
        return None
    given = _name(st.session_state.get("batch_name", "").strip() or name)
    below = ["--below", *map(str, settings.data_roots())]
    device = "cpu" if "--slurm" in more else "auto"
    all_words = (*words, "--checkpoint", *(card.name for card in chosen), *more, *below)
    return Request(RunConfig(name=given, device=device), all_words, {**files, **job.files(all_words)})


Parts = tuple[list[str] | None, dict[str, bytes], str]
"""Words that name the inputs (None: nothing is chosen yet), the files that these name, and a name for the run."""


def _folder() -> Parts:
    place = _place("Folder of cutouts", "batch_folder", "Everything in it and below it that can be read.")
    pattern = st.text_input(
        "Only files like", key="batch_pattern", placeholder="*.fits, or **/*I.subim.fits below all folders"
    )
    if place is None:
        return None, {}, ""
    return [str(place / pattern.strip()) if pattern.strip() else str(place)], {}, _name(place.name)


def _files() -> Parts:
    told = st.file_uploader(
        "Table of files",
        key="batch_list",
        type=[suffix[1:] for suffix in (*TEXT, *tabular.SUFFIXES)],
        help=f"A name a line (.txt), or a table with one of the columns {', '.join(listed.COLUMNS)}.",
    )
    place = _place("Names start from", "batch_from", "Folder that names in the table are relative to.")
    if told is None or place is None:
        return None, {}, ""
    names = listed.names(told.getvalue(), told.name)
    if not names:
        raise CatalogueError(f"{told.name} names no file.")
    st.caption(f"{len(names):,} files.")
    lines = "".join(f"{place / name}\n" for name in names).encode(errors="surrogateescape")
    return ["--list", f"{job.HERE}/inputs.txt"], {"inputs.txt": lines}, _name(PurePath(told.name).stem)


def _positions() -> Parts:
    told = st.file_uploader(
        "Table of positions",
        key="batch_positions",
        type=[suffix[1:] for suffix in tabular.SUFFIXES],
        help="CSV, VOTable, FITS or Parquet with right ascension and declination, found by UCD or by name.",
    )
    tiles = _place(
        "Folder of tiles", "batch_tiles", "Whole VLASS tiles or mosaics on this machine; the network is not asked."
    )
    if told is None or tiles is None:
        return None, {}, ""
    tabular.columns(told.getvalue(), told.name)  # what is no table is said here, not by a run that fails
    name = f"positions{PurePath(told.name).suffix.lower()}"
    words = ["--positions", f"{job.HERE}/{name}", "--tiles", str(tiles)]
    return words, {name: told.getvalue()}, _name(PurePath(told.name).stem)


def _place(label: str, key: str, help: str) -> Path | None:
    """A folder below the data roots: one of the list, or typed."""
    roots = settings.data_roots()
    known = [*settings.data_sets(), *(path for root in roots for path in [root, *_below(root)])]
    chosen = st.selectbox(
        label,
        list(dict.fromkeys(map(str, known))),
        index=None,
        key=key,
        accept_new_options=True,
        placeholder="Choose or type a folder",
        help=f"{help} It lies below {' or '.join(f'`{root}`' for root in roots) or 'a data root (none is set up)'}.",
    )
    return None if not chosen else settings.checked_data_dir(chosen)


def _below(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))[:200]


def _checkpoints() -> list[Checkpoint]:
    cards = {card.name: card for card in loaders.cards() if card.task == "classification"}
    first = state.chosen_checkpoint(list(cards.values()))
    names = st.multiselect(
        "Checkpoints",
        list(cards),
        default=[first.name] if first is not None else [],
        key="batch_checkpoints",
        help="All are asked in one pass over the pixels; each gives a row of its own.",
    )
    return [cards[name] for name in names]


def _options() -> list[str]:
    """Draw how, and where; return the words for it."""
    found: list[str] = []
    with st.container(horizontal=True):
        if st.toggle(
            "Match beams", True, key="batch_match", help="The answer at the beam of the training data, beside the other"
        ):
            found.append("--match")
        if not st.toggle("Fluxes", key="batch_flux", help="Fluxes, sizes and shapes, which take longer than answering"):
            found.append("--no-flux")
        if st.toggle(
            "How sure",
            key="batch_sure",
            help="Calibrated score, prediction set, percentile among held-out cutouts, flips and turns, as columns of "
            "the table; takes several times as long",
        ):
            found.append("--how-sure")
    st.text_input("Name", key="batch_name", max_chars=60, placeholder="that of the input")
    if not (settings.cluster_allowed() and slurm.is_available()):
        return found
    place = st.segmented_control("Run on", [HERE, CLUSTER], default=HERE, required=True, key="batch_where")
    return found if place == HERE else [*found, *_job()]


def _job() -> list[str]:
    """Draw what a job array asks for."""
    with st.grid("auto", min_column_width=130, vertical_alignment="bottom"):
        partition = st.text_input("Partition", key="batch_partition", placeholder="default")
        account = st.text_input("Account", key="batch_account", placeholder="default")
        numbers: dict[str, Any] = {
            "--minutes": st.number_input("Minutes a task", 1, value=240, key="batch_minutes"),
            "--cpus": st.number_input("Cores a task", 1, value=1, key="batch_cpus"),
            "--limit": st.number_input("Tasks at a time", 0, value=0, key="batch_limit", help="0: all"),
        }
    texts = [f"{key}={value.strip()}" for key, value in (("--partition", partition), ("--account", account)) if value]
    return ["--slurm", *texts, *(f"{key}={value}" for key, value in numbers.items())]


def _name(text: str) -> str:
    """A text as the name of a run."""
    kept: Sequence[str] = [c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in text]
    return "".join(kept).strip(".-_")[:50] or "catalogue"
