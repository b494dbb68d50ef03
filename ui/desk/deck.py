"""The deck: which cutouts lie on the desk, in which order, whose labels, and whether they are given blind."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlass_explorer.desk import classified, pieces
from vlass_explorer.desk.answers import Answers
from vlass_explorer.desk.labels import Labels
from vlass_explorer.desk.pieces import Desk, Piece
from vlass_explorer.schema import Checkpoint, Cutout, ExplorerError, Prediction

from .. import loaders, settings, state


@dataclass(frozen=True, eq=False)
class Deck:
    """What the page is about; shared by its parts and never changed."""

    desk: Desk
    source: str
    """Where the cutouts come from: a folder, or the files of the session."""
    place: str
    """The same, and when that changed."""
    order: NDArray[np.int64]
    labels: Labels
    set_name: str
    by: str
    blind: bool
    classes: tuple[str, ...]
    card: Checkpoint | None
    """Classifier that is asked."""
    writable: bool = True

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All cutouts, as listed."""
        return self.desk.pieces

    @property
    def stored(self) -> Answers | None:
        """What the checkpoint said of them before, where they come from a table of its answers."""
        return None if self.card is None else self.desk.stored.get(self.card.sha256)

    @cached_property
    def index(self) -> dict[str, int]:
        """Place of a key in the order."""
        return {self.pieces[i].key: at for at, i in enumerate(self.order.tolist())}

    @cached_property
    def word(self) -> str:
        """Tells this deck from others: another set, labeller, folder or order."""
        told = f"{self.place}\0{self.set_name}\0{self.by}\0{self.blind}"
        return hashlib.sha256(told.encode("utf-8", "surrogateescape") + self.order.tobytes()).hexdigest()[:16]

    def at(self, place: int) -> Piece:
        """The cutout at a place of the order."""
        return self.pieces[int(self.order[place])]

    def name(self, piece: Piece) -> str:
        """What a cutout is called here: nothing that could tell its class, until it is labelled."""
        if piece.telling and self.labels.of(piece.key, self.by) is None:
            return f"Cutout {self.index[piece.key] + 1}"
        return piece.name


def of_files(entries: Sequence[state.Entry]) -> Desk:
    """The files of the browser session; those of the same content are one."""
    found: dict[str, Piece] = {}
    for entry in entries:
        key = pieces.key_of("upload", entry.sha256)
        source = partial(loaders.cutout, entry, state.reading(entry))
        content = entry.content or (entry.path.read_bytes() if entry.path is not None else b"")
        found.setdefault(key, Piece(key, entry.label, source, content=content))
    return Desk(tuple(found.values()))


def of_folder(root: Path, stamp: str) -> Desk:
    """The cutouts of a folder, listed again when it has changed. Raises DatasetError."""
    found: Desk = loaders.MEMORY.get_or_compute(("desk", str(root), stamp), lambda: pieces.of_folder(root))
    return found


def of_classified(path: Path) -> tuple[Desk, str]:
    """The cutouts of a classification or a table of rows, and a word that changes with it. Raises ExplorerError."""
    table = path / classified.TABLE if path.is_dir() else path
    known = table.stat()
    word = f"{path} {known.st_size} {known.st_mtime_ns}"
    allowed = settings.readable_roots()
    found: Desk = loaders.MEMORY.get_or_compute(("desk", word), lambda: classified.of(path, allowed))
    return found, word


def cutout(deck: Deck, piece: Piece) -> Cutout:
    """The cutout of a piece; raises the typed error that says why it cannot be read."""
    known = piece.file
    changed = known.stat().st_mtime_ns if isinstance(known, Path) and known.is_file() else 0
    made = loaders.MEMORY.get_or_compute(("desk cutout", deck.place, piece.key, changed), lambda: _read(piece))
    if isinstance(made, ExplorerError):
        raise made.with_traceback(None)
    return made


def _read(piece: Piece) -> Cutout | ExplorerError:
    try:
        return piece.source()
    except ExplorerError as error:
        return error


def prediction(deck: Deck, piece: Piece) -> Prediction | None:
    """What the checkpoint says of a piece, None where it does not."""
    if deck.card is None:
        return None
    try:
        return loaders.prediction(deck.card, cutout(deck, piece))
    except ExplorerError:
        return None


def told(deck: Deck, piece: Piece) -> str:
    """The answer as it is shown and kept with a label: that of the table the cutouts come from, else asked for."""
    if deck.stored is not None and deck.card is not None:
        return classified.sentence(deck.stored, deck.card.name, int(deck.order[deck.index[piece.key]]))
    return shown(prediction(deck, piece), deck.card)


def shown(found: Prediction | None, card: Checkpoint | None) -> str:
    """An answer as it is shown and kept with a label: class, score, checkpoint and doubts; empty without one."""
    if found is None or card is None:
        return ""
    if found.validity.level == "outside":
        return f"{card.name}: no label, outside of what it is for"
    caution = ", caution" if found.validity.level == "caution" else ""
    return f"{card.name}: {found.label} {float(found.probabilities.max()):.2f} (softmax score{caution})"
