"""What a browser session has chosen: its cutouts, the one in view and the checkpoint; the same on every page.

Pages call ``sidebar.draw()`` once; afterwards ``chosen_entry()`` and ``chosen_checkpoint()`` answer anywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from vlass_explorer.cutouts import is_cutout
from vlass_explorer.datasets import Item
from vlass_explorer.schema import Checkpoint, Cutout, Row0
from vlass_explorer.sessions import Upload, is_word, new_word

from . import boundary, settings

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MOST_FILES, MOST_BYTES = 500, 2 << 30
"""What a browser session keeps of uploads; the oldest go first, and the page says so."""
CHOSEN_RUNS = "runs_chosen"
"""Session key: ids of the runs in view."""
AGAIN = "train_again"
"""Session key: id of the run whose configuration the Train page starts from."""
SESSION, COOKIE = "session_word", "vlass_explorer_session"
"""Session key and cookie: the word under which this browser's uploads and choices are kept on the server."""
KEPT = (
    "cutout",
    "checkpoint",
    "wanted_method",
    "extent",
    "stretch",
    "colour_map",
    "contours",
    "percentile",
    "overlay",
    "opacity",
    "matched",
    "flips",
    "field_at",
)
"""Session keys of the choices that are kept."""
FAVOURITE = "first-d4-resnet"
"""Checkpoint that a new session starts with, where it exists: the best one on real cutouts (README)."""


@dataclass(frozen=True)
class Reading:
    """How a file is read, where it leaves a choice; see ``cutouts.read``."""

    plane: int = 0
    row0: Row0 | None = None
    position: tuple[float, float] | None = None
    box: tuple[int, int, int, int] | None = None
    size_arcsec: float | None = None
    keep_zeros: bool = False
    pixel_scale: float | None = None
    """Arcsec a pixel of a picture or array."""
    beam: tuple[float, float, float] | None = None
    """Axes in arcsec and position angle in degrees of a picture or array."""
    stretch: str | None = None
    """Of a picture or array, as ``cutouts.declared`` writes it."""
    clip: tuple[float, float] | None = None
    """Brightness of its black and white in mJy/beam."""
    survey: str | None = None

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
            _keep_upload(uploads[key])
        keys.append(key)
    _bound(uploads)
    return [uploads[key] for key in reversed(keys) if key in uploads]


def _bound(uploads: dict[str, Entry]) -> None:
    held, left = sum(len(entry.content) for entry in uploads.values()), len(uploads)
    while left > 1 and (left > MOST_FILES or held > MOST_BYTES):
        oldest = uploads.pop(next(iter(uploads)))
        held, left = held - len(oldest.content), left - 1
        _forget_kept([oldest])
        st.session_state.get("readings", {}).pop(oldest.key, None)
        st.session_state["uploads_left_out"] = st.session_state.get("uploads_left_out", 0) + 1


def take(entries: Sequence[Entry]) -> None:
    """Take files from elsewhere into the session, the first of them in view; call it from a callback."""
    uploads: dict[str, Entry] = st.session_state.setdefault("uploads", {})
    for entry in reversed(entries):  # the latest is on top of the list
        uploads.pop(entry.key, None)
        uploads[entry.key] = entry
    _bound(uploads)
    if entries:
        choose(entries[0].key)


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
    _forget_kept([uploads[key] for key in gone & {*uploads}])
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
    """The chosen one of the cards; a new session starts with the best one."""
    by_name = {card.name: card for card in cards}
    wanted = st.session_state.get("checkpoint")
    for name in (wanted, FAVOURITE):
        if name in by_name:
            return by_name[name]
    return next(iter(cards), None)


def restore() -> None:
    """Bring back what this browser kept, once a browser session; call it before anything is drawn.

    The word comes from the cookie. A link with ``?session=WORD`` gives a copy of another session, so that whoever sends
    one gets no hold of the files that are dropped after it was opened.
    """
    if SESSION in st.session_state:
        return
    store, word, linked = settings.sessions(), _cookie(), st.query_params.pop("session", None)
    st.session_state[SESSION] = None if store is None else word if is_word(word) else new_word()
    if store is None:
        return
    word = st.session_state[SESSION]
    boundary.remember(COOKIE, word, store.bounds.days)
    if linked is not None and linked != word:
        if store.knows(linked):
            store.copy(linked, word)
        else:
            st.toast("There is no session of this link any more.", icon=":material/link_off:")
    kept, choices = store.load(word)
    uploads = st.session_state.setdefault("uploads", {})
    for each, path in kept:
        key = f"{each.sha256[:16]}:{each.name}"
        uploads[key] = Entry(key, each.label, each.name, "upload", each.sha256, path)
    readings = {key: _reading(how) for key, how in choices.pop("readings", {}).items()}
    st.session_state["readings"] = readings | st.session_state.get("readings", {})
    for key in set(KEPT) & set(choices):
        st.session_state.setdefault(key, choices[key])
    at: dict[str, Any] = st.session_state.setdefault("field_at", {})
    at.update({key: tuple(place) for key, place in at.items()})
    st.session_state["choices_kept"] = _choices()


def keep() -> None:
    """Keep the choices where they changed; call it after the page was drawn. A mere visit leaves nothing behind."""
    store, word = settings.sessions(), st.session_state.get(SESSION)
    if store is None or word is None:
        return
    choices, before = _choices(), st.session_state.get("choices_kept")
    st.session_state["choices_kept"] = choices
    if choices != before and (store.knows(word) or st.session_state.get("drawn_once")):
        store.choose(word, json.loads(choices))
    st.session_state["drawn_once"] = True


def _choices() -> str:
    chosen = {key: st.session_state[key] for key in KEPT if key in st.session_state}
    readings = {key: asdict(how) for key, how in st.session_state.get("readings", {}).items()}
    return json.dumps({**chosen, "readings": readings})


def _reading(how: dict[str, Any]) -> Reading:
    for key in ("position", "box", "beam", "clip"):
        how[key] = tuple(how[key]) if how.get(key) else None
    return Reading(**how)


def _cookie() -> str | None:
    return st.context.cookies.get(COOKIE)


def _forget_kept(gone: Sequence[Entry]) -> None:
    store, word = settings.sessions(), st.session_state.get(SESSION)
    if store is not None and word is not None:
        store.remove(word, [(entry.sha256, entry.name) for entry in gone])


def _keep_upload(entry: Entry) -> None:
    store, word = settings.sessions(), st.session_state.get(SESSION)
    if store is not None and word is not None:
        upload = Upload(entry.name, entry.label, entry.sha256)
        if not store.add(word, upload, entry.content):
            st.session_state["uploads_not_kept"] = st.session_state.get("uploads_not_kept", 0) + 1


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
