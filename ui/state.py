"""What a browser session has chosen: its cutouts, the one in view and the checkpoint; the same on every page.

Pages call ``sidebar.draw()`` once; afterwards ``chosen_entry()`` and ``chosen_checkpoint()`` answer anywhere.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from vlass_explorer.borrowed import Borrowed, packed, unpacked
from vlass_explorer.cutouts import is_cutout
from vlass_explorer.cutouts.reading import Reading as Reading
from vlass_explorer.datasets import Item
from vlass_explorer.schema import Checkpoint, Cutout
from vlass_explorer.sessions import Upload, is_link, is_word, new_word

from . import boundary, settings

_LOG = logging.getLogger(__name__)
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MOST_FILES, MOST_BYTES = 500, 2 << 30
"""What a browser session keeps of uploads; the oldest go first, and the page says so."""
CHOSEN_RUNS = "runs_chosen"
"""Session key: ids of the runs in view."""
AGAIN = "train_again"
"""Session key: id of the run whose configuration the Train page starts from."""
SESSION, COOKIE, LINK = "session_word", "vlass_explorer_session", "view"
"""Session key and cookie: the word under which this browser's uploads and choices are kept on the server; and the query
parameter of a link that shares some of them."""
KEPT = (
    *("cutout", "checkpoint", "wanted_method", "overlay", "opacity", "matched", "flips", "field_at"),
    *("desk_place", "desk_set", "desk_by", "desk_order", "desk_blind"),
    *("display", "axes", "extent", "stretch", "colour_map", "contours", "levels", "ink", "percentile", "sky_shapes"),
)
"""Session keys of the choices that are kept."""
FAVOURITE = "first-d4-vit"
"""Checkpoint that a new session starts with, where it exists: as good as the best on real cutouts, with attention."""


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
    """Take uploaded files into the session and return their entries, in the order of the drop.

    Another event of the browser can cut this off where the session state is touched: called again, it takes the rest.
    """
    uploads: dict[str, Entry] = st.session_state.setdefault("uploads", {})
    taken = {entry.label for entry in entries().values()}
    added: dict[str, Entry] = {}
    keys = []
    for file in reversed(files):  # the list shows the latest on top: the first file of a drop ends up there
        content = file.getvalue()
        sha256 = hashlib.sha256(content).hexdigest()
        key = f"{sha256[:16]}:{file.name}"
        if key not in uploads and key not in added:
            label = next(text for text in _numbered(file.name) if text not in taken)
            added[key] = Entry(key, label, file.name, "upload", sha256, content=content)
            taken.add(label)
        keys.append(key)
    _keep_uploads(added.values())
    uploads.update(added)
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


@boundary.reported
def take(entries: Sequence[Entry]) -> None:
    """Take files from elsewhere into the session, the first of them in view; call it from a callback."""
    uploads: dict[str, Entry] = st.session_state.setdefault("uploads", {})
    _keep_uploads(entries)
    for entry in reversed(entries):  # the latest is on top of the list
        uploads.pop(entry.key, None)
        uploads[entry.key] = entry
    _bound(uploads)
    if entries:
        choose(entries[0].key)


@boundary.reported
def borrow(item: Item, data_dir: str) -> None:
    """Take a cutout of a data set into the session and put it in view; call it from a callback."""
    name = item.name
    sha256 = hashlib.sha256(f"{data_dir}\0{name}\0{item.key}".encode()).hexdigest()
    take([Entry(f"{sha256[:16]}:{name}", name, name, "data set", sha256, source=item.source)])


@boundary.reported
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

    The word comes from the cookie, or from another tab of the same browser that was first. A link (``?view=WORD``) adds
    a copy of what was shared. The word is set last: what is cut off by another event is done again.
    """
    mine, heard = st.session_state.get(SESSION), boundary.heard()
    if SESSION in st.session_state and heard in (None, mine):
        return
    store, link = settings.sessions(), st.query_params.get(LINK)
    if store is None:
        st.session_state[SESSION] = None
        return
    word = next((each for each in (heard, _cookie()) if is_word(each) and not is_link(each)), None) or new_word()
    if mine is not None:
        store.copy(mine, word)
    is_known = link is None or (is_link(link) and store.knows(link))
    if link is not None and is_known:
        store.copy(link, word)
    kept, choices = store.load(word)
    uploads = st.session_state.setdefault("uploads", {})
    for each, path in kept:
        if entry := _restored(each, path):
            uploads.setdefault(entry.key, entry)
    readings = {key: Reading.from_json(how) for key, how in choices.pop("readings", {}).items()}
    st.session_state["readings"] = readings | st.session_state.get("readings", {})
    for key in set(KEPT) & set(choices):
        st.session_state.setdefault(key, choices[key])
    at: dict[str, Any] = st.session_state.setdefault("field_at", {})
    at.update({key: tuple(place) for key, place in at.items()})
    st.session_state["choices_kept"] = _choices()
    boundary.remember(COOKIE, word, store.bounds.days)
    st.session_state[SESSION] = word
    st.query_params.pop(LINK, None)
    if not is_known:
        boundary.broken_link("What this link opened is not kept here any more: your own view is shown instead.")


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


def _cookie() -> str | None:
    return st.context.cookies.get(COOKIE)


def _forget_kept(gone: Sequence[Entry]) -> None:
    store, word = settings.sessions(), st.session_state.get(SESSION)
    if store is not None and word is not None:
        store.remove(word, [(each.sha256, each.name) for each, _ in map(_kept_as, gone)])


def _keep_uploads(entries: Collection[Entry]) -> None:
    """Keep what can be kept on the server; where the disk refuses or is too small, the page says how many are not."""
    store, word = settings.sessions(), st.session_state.get(SESSION)
    files = [(each, content) for each, content in map(_kept_as, entries) if content]
    if store is None or word is None or not files:
        return
    try:
        refused = store.add(word, *files)
    except OSError:
        _LOG.warning("Uploads are not kept.", exc_info=True)
        refused = len(files)
    if refused:
        st.session_state["uploads_not_kept"] = st.session_state.get("uploads_not_kept", 0) + refused


def _kept_as(entry: Entry) -> tuple[Upload, bytes]:
    """What is kept of a file: an upload itself, of any other how it is read; no content where that cannot be told."""
    if entry.source is None:
        return Upload(entry.name, entry.label, entry.sha256), entry.content
    content = packed(Borrowed(entry.key, entry.sha256, entry.source)) or b""
    return Upload(entry.name, entry.label, hashlib.sha256(content).hexdigest(), "data set"), content


def _restored(kept: Upload, path: Path) -> Entry | None:
    """The file that was kept; None where it can be read no more."""
    if kept.kind == "upload":
        return Entry(f"{kept.sha256[:16]}:{kept.name}", kept.label, kept.name, "upload", kept.sha256, path)
    found = unpacked(path.read_bytes(), settings.readable_roots()) if kept.kind == "data set" else None
    if found is None:
        return None
    return Entry(found.key, kept.label, kept.name, "data set", found.sha256, source=found.source)


def share(entries: Collection[Entry]) -> str | None:
    """The word of a link that opens these uploads and the choices of this moment, None where nothing is kept."""
    store, word = settings.sessions(), st.session_state.get(SESSION)
    if store is None or word is None:
        return None
    wanted = {(each.sha256, each.name) for each in entries}
    choices = json.loads(_choices())
    choices.pop("sky_shapes", None)
    for name in ("readings", "field_at"):  # names of other files are nobody's business
        choices[name] = {key: how for key, how in choices.get(name, {}).items() if key in {e.key for e in entries}}
    chosen = chosen_entry()
    if chosen is not None and chosen.kind != "example" and chosen not in entries:
        choices.pop("cutout", None)
    return store.share(word, wanted, choices)


@st.cache_data(show_spinner=False, max_entries=1)
def _examples() -> dict[str, Entry]:
    found = {}
    for path in sorted(EXAMPLES.glob("*")):
        if is_cutout(path.name):
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            key = f"example:{path.name}"
            found[key] = Entry(key, path.name, path.name, "example", sha256, path)
    return found


def _numbered(name: str) -> Any:
    yield name
    yield from (f"{name} ({count})" for count in range(2, MOST_FILES + 100))
