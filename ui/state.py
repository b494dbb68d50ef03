"""What a browser session has chosen: its cutouts, the one in view and the checkpoint; the same on every page.

Pages call ``sidebar.draw()`` once; afterwards ``chosen_entry()`` and ``chosen_checkpoint()`` answer anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from vlass_explorer.cutouts import is_cutout
from vlass_explorer.datasets import Item
from vlass_explorer.schema import Checkpoint, Cutout, Row0

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MOST_FILES, MOST_BYTES = 500, 2 << 30
"""What a browser session keeps of uploads; the oldest go first, and the page says so."""
CHOSEN_RUNS = "runs_chosen"
"""Session key: ids of the runs in view."""
AGAIN = "train_again"
"""Session key: id of the run whose configuration the Train page starts from."""
FAVOURITE = "first-vit-tiny"
"""Checkpoint that a new session starts with, where it exists: it shows attention."""


@dataclass(frozen=True)
class Reading:
    """How a file is read, where it leaves a choice; see ``cutouts.read``."""

    plane: int = 0
    row0: Row0 | None = None
    position: tuple[float, float] | None = None
    box: tuple[int, int, int, int] | None = None
    size_arcsec: float | None = None
    keep_zeros: bool = False

    @property
    def is_part(self) -> bool:
        """True where only a part of the image is read."""
        return self.position is not None or self.box is not None


@dataclass(frozen=True)
class Entry:
    """One file of the session: a bundled example (``path``), an upload (``content``) or of a data set (``source``)."""

    key: str
    label: str
    """Name on the page, unique in the session; user text, so show it through ``text.plain``."""
    name: str
    kind: Literal["example", "upload", "data set"]
    sha256: str
    path: Path | None = None
    content: bytes = field(default=b"", repr=False, compare=False)
    source: Callable[[], Cutout] | None = field(default=None, repr=False, compare=False)


def entries() -> dict[str, Entry]:
    """All files of the session by key, uploads first, the latest on top."""
    uploads: dict[str, Entry] = st.session_state.setdefault("uploads", {})
    return dict(reversed(uploads.items())) | _examples()


def chosen_entry() -> Entry | None:
    """The file in view, or None where there is neither an upload nor an example."""
    known = entries()
    return known.get(st.session_state.get("cutout", ""), next(iter(known.values()), None))


def choose(key: str) -> None:
    """Put a file in view; call it from a callback or before ``sidebar.draw``."""
    st.session_state["cutout"] = key


def add_uploads(files: Sequence[Any]) -> list[Entry]:
    """Take uploaded files into the session and return their entries, in the order of the drop."""
    uploads: dict[str, Entry] = st.session_state.setdefault("uploads", {})
    keys = []
    for file in reversed(files):  # the list shows the latest on top: the first file of a drop ends up there
        content = file.getvalue()
        sha256 = hashlib.sha256(content).hexdigest()
        key = f"{sha256[:16]}:{file.name}"
        if key not in uploads:
            taken = {entry.label for entry in entries().values()}
            label = next(text for text in _numbered(file.name) if text not in taken)
            uploads[key] = Entry(key, label, file.name, "upload", sha256, content=content)
        keys.append(key)
    _bound(uploads)
    return [uploads[key] for key in reversed(keys) if key in uploads]


def _bound(uploads: dict[str, Entry]) -> None:
    held, left = sum(len(entry.content) for entry in uploads.values()), len(uploads)
    while left > 1 and (left > MOST_FILES or held > MOST_BYTES):
        oldest = uploads.pop(next(iter(uploads)))
        held, left = held - len(oldest.content), left - 1
        st.session_state.get("readings", {}).pop(oldest.key, None)
        st.session_state["uploads_left_out"] = st.session_state.get("uploads_left_out", 0) + 1


def borrow(item: Item, data_dir: str) -> None:
    """Take a cutout of a data set into the session and put it in view; call it from a callback."""
    name = item.name
    uploads: dict[str, Entry] = st.session_state.setdefault("uploads", {})
    sha256 = hashlib.sha256(f"{data_dir}\0{name}\0{item.key}".encode()).hexdigest()
    key = f"{sha256[:16]}:{name}"
    uploads[key] = Entry(key, name, name, "data set", sha256, source=item.source)
    choose(key)


def forget_uploads(keys: Sequence[str] | None = None) -> None:
    """Drop these uploads of the session, or all, and how they were read: the same file dropped again starts anew."""
    uploads: dict[str, Entry] = st.session_state.get("uploads", {})
    gone = set(uploads if keys is None else keys)
    st.session_state["uploads"] = {key: entry for key, entry in uploads.items() if key not in gone}
    readings: dict[str, Reading] = st.session_state.get("readings", {})
    st.session_state["readings"] = {key: how for key, how in readings.items() if key not in gone}


def reading(entry: Entry) -> Reading:
    """How this file is read in this browser session."""
    chosen: dict[str, Reading] = st.session_state.setdefault("readings", {})
    return chosen.get(entry.key, Reading())


def read_as(entry: Entry, how: Reading) -> None:
    """Read this file so from now on."""
    st.session_state.setdefault("readings", {})[entry.key] = how


def choose_runs(*run_ids: str) -> None:
    """Put runs in view on the Runs page; call it before their table is drawn or from a callback."""
    st.session_state[CHOSEN_RUNS] = list(run_ids)


def chosen_checkpoint(cards: Sequence[Checkpoint]) -> Checkpoint | None:
    """The chosen one of the cards; a new session starts with one that shows attention."""
    by_name = {card.name: card for card in cards}
    wanted = st.session_state.get("checkpoint")
    for name in (wanted, FAVOURITE):
        if name in by_name:
            return by_name[name]
    return next(iter(cards), None)


@st.cache_data(show_spinner=False, max_entries=1)
def _examples() -> dict[str, Entry]:
    if not EXAMPLES.is_dir():
        return {}
    found = {}
    for path in sorted(EXAMPLES.iterdir()):
        if is_cutout(path.name):
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            key = f"example:{path.name}"
            found[key] = Entry(key, path.name, path.name, "example", sha256, path)
    return found


def _numbered(name: str) -> Any:
    yield name
    yield from (f"{name} ({count})" for count in range(2, MOST_FILES + 100))
