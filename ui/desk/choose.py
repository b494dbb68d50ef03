"""What the desk is about: whose labels of which set, which cutouts in which order, blind or not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from vlass_explorer import runs
from vlass_explorer.catalogue import job
from vlass_explorer.datasets.fingerprint import fingerprint
from vlass_explorer.desk import classified, labels, order, records
from vlass_explorer.desk.answers import Answers
from vlass_explorer.desk.labels import Labels
from vlass_explorer.desk.pieces import Desk
from vlass_explorer.export.tables import FORMATS
from vlass_explorer.schema import Checkpoint, DatasetError

from .. import boundary, settings, state
from ..text import plain
from . import asked
from . import deck as decks
from .deck import Deck

MINE = "My files"
ORDERS = {
    "As listed": "as listed",
    "Over the sky": "sky",
    "Least sure first": "score",
    "Most informative first": "informative",
    "Doubtful and varied first": "varied",
    "Least like the training data": "unlike",
    "At random": "random",
}
USUAL = ("FRI", "FRII", "Compact", "Bent")
LONGEST_NAME = 60


def choice(card: Checkpoint | None) -> Deck:
    """Draw what is chosen and return the deck. Raises the error that says what cannot be."""
    folder = settings.labels()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        place = _source()
        name, known = _set(folder)
        by = _labeller()
        wanted = st.selectbox("Order", list(ORDERS), key="desk_order", width=180, persist_state="session")
        blind = st.toggle(
            "Blind",
            key="desk_blind",
            persist_state="session",
            help="The model's answer, labels of others and notes are hidden until you have labelled.",
        )
        classes = _classes(known, card, by, can_write=folder is not None)
    state.keep()  # before anything that takes long: a server that is killed meanwhile comes back with this list
    desk, where = _desk(place)
    found = asked.known(card, where, desk)
    return Deck(
        desk,
        place,
        where,
        _order(ORDERS[wanted], desk, found, known, by, where),
        known,
        name,
        by,
        blind,
        classes,
        card,
        folder is not None,
    )


def _source() -> str:
    """The chosen folder, or the files of the session."""
    names = {_short(path): str(path) for path in settings.data_sets()} | _batches()
    typed = st.session_state.get("desk_place") or MINE
    chosen = st.selectbox(
        "Cutouts",
        list(dict.fromkeys([MINE, *names, typed])),
        key="desk_place",
        accept_new_options=True,
        width=200,
        persist_state="session",
        help="Files that you dropped or took from elsewhere, a finished batch, or a folder or table of answers below "
        "the data roots: type its path where it is not listed. A folder need not be labelled.",
    )
    return names.get(chosen or MINE, chosen or MINE)


def _batches() -> dict[str, str]:
    """The latest finished classifications by name."""
    found = (run for run in runs.listing() if run.kind == "classification")
    named = {f"Batch: {run.config.name} ({run.id[-9:]})": job.folder(run) for run in found}
    return {name: str(path) for name, path in named.items() if classified.is_classified(path)}


def _short(path: Path) -> str:
    root = next((root for root in settings.data_roots() if path.is_relative_to(root) and path != root), None)
    return str(path) if root is None else path.relative_to(root).as_posix()


def _desk(place: str) -> tuple[Desk, str]:
    """The cutouts, and a word that changes with them."""
    if place == MINE:
        entries = list(state.entries().values())
        own = [entry for entry in entries if entry.kind != "example"]
        desk = decks.of_files(own or entries)
        if not desk.pieces:
            raise DatasetError("Drop cutouts on the left, or choose a folder.")
        return desk, " ".join(piece.key for piece in desk.pieces)
    if any(place == str(path) for path in _batches().values()):
        return decks.of_classified(Path(place))
    if Path(place).suffix.lower() in FORMATS:
        table = settings.checked_data_dir(str(Path(place).parent)) / Path(place).name
        if not classified.is_classified(table):
            raise DatasetError(f"There is no table {table}.")
        return decks.of_classified(table)
    root = settings.checked_data_dir(place)
    if classified.is_classified(root):
        return decks.of_classified(root)
    stamp = fingerprint(root, contents=False)
    return decks.of_folder(root, stamp), f"{root} {stamp}"


def _set(folder: Path | None) -> tuple[str, Labels]:
    """Name and labels of the chosen set."""
    if folder is None:
        st.caption("Labels are not kept on this server (VLASS_EXPLORER_LABELS).")
        return "", Labels(Path("/nonexistent/none.jsonl"))
    typed = st.session_state.get("desk_set")
    known = dict.fromkeys([*labels.known_sets(folder), *([typed] if typed else [])])
    name = st.selectbox(
        "Set of labels",
        list(known) or ["labels"],
        key="desk_set",
        accept_new_options=True,
        width=140,
        persist_state="session",
        help="A file on the server that all labellers of the set share. Type a name for a new one: letters, digits, "
        "dashes and underscores.",
    )
    return name or "labels", labels.opened(labels.path_of(folder, name or "labels")).refresh()


def _labeller() -> str:
    text = st.text_input(
        "Your name",
        "me",
        key="desk_by",
        width=100,
        max_chars=LONGEST_NAME,
        persist_state="session",
        help="Kept with each label. Two who give one name count as one labeller.",
    )
    return re.sub(r"\s+", " ", text).strip() or "me"


def _classes(known: Labels, card: Checkpoint | None, by: str, *, can_write: bool) -> tuple[str, ...]:
    """The classes of the set; before the first label those of the checkpoint, which may be changed at any time."""
    declared = known.classes if known.declared else (card.label_names if card is not None else USUAL)
    with st.popover("Classes", icon=":material/label:", disabled=not can_write):
        text = st.text_area(
            "One a line, in the order of the keys 1 to 9", "\n".join(declared), key=f"desk_classes_{known.path.stem}"
        )
        st.button(
            "Set classes",
            key="desk_classes_set",
            on_click=boundary.reported(_set_classes),
            args=(known, by, text.splitlines()),
        )
    return tuple(declared)


def _set_classes(known: Labels, by: str, lines: list[str]) -> None:
    known.append(records.classes(by, [line for line in lines if line.strip()]))


def _order(wanted: str, desk: Desk, found: Answers | None, known: Labels, by: str, where: str) -> NDArray[np.int64]:
    """The order, kept as it was when it was chosen: it does not move under the labeller's hands."""
    count = len(desk.pieces)
    key = (wanted, where, by, known.path.stem, None if found is None else id(found))
    if st.session_state.get("desk_ordered", (None,))[0] == key:
        kept: NDArray[np.int64] = st.session_state["desk_ordered"][1]
        return kept
    if wanted == "sky":
        places = [(np.nan if one.ra is None else one.ra, np.nan if one.dec is None else one.dec) for one in desk.pieces]
        made = order.sky(places if found is None else found.places)
    elif wanted == "random":
        made = order.random(count)
    elif wanted == "unlike" and found is not None:
        made = order.unlike(found.percentile)
    elif wanted in ("score", "informative", "varied") and found is not None:
        made = order.score(found.scores) if wanted == "score" else order.informative(found.scores)
        if wanted == "varied":
            done = [known.of(piece.key, by) is not None for piece in desk.pieces]
            distance = found.percentile if np.isfinite(found.percentile).any() else None
            made = order.varied(
                found.scores, views=found.views, distance=distance, features=found.features, labelled=done
            )
    else:
        made = np.arange(count)
    st.session_state["desk_ordered"] = (key, made)
    return made


def broken(known: Labels) -> None:
    """Say which lines of the label file are left out."""
    if not known.broken:
        return
    first = "; ".join(f"line {one.line}: {one.why}" for one in known.broken[:3])
    more = ", …" if len(known.broken) > 3 else ""
    verb = "line cannot be read and is" if len(known.broken) == 1 else "lines cannot be read and are"
    st.warning(plain(f"{len(known.broken)} {verb} left out of this set ({first}{more}). The others hold."))
