"""What one line of a label file says: a label, a note, that a label is taken back, or which classes there are."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from ..schema import InputError

Kind = Literal["class", "unsure", "artefact"]
"""What a label says: a class, that the labeller cannot tell, or that there is no source but an artefact."""
ID = re.compile(r"[0-9a-f]{16,32}")
LONGEST, MOST_CLASSES = 2000, 40
"""Characters of a note, and classes of a set."""


@dataclass(frozen=True)
class Given:
    """One label as it was given."""

    id: str
    time: str
    """UTC, as 2026-11-30T21:04:05.123+00:00."""
    by: str
    """Who gave it, as they named themselves."""
    cutout: str
    """Key of the cutout on the desk."""
    kind: Kind
    label: str
    """The class; empty where it is none."""
    shown: str
    """The model's answer that the labeller saw before; empty where it was given blind."""
    name: str = ""
    """Name of the cutout, for people."""
    content: str = ""
    """16 hex digits that stand for its pixels (``datasets.identity``)."""
    ra: float | None = None
    dec: float | None = None

    @property
    def blind(self) -> bool:
        """Was it given without sight of the model's answer?"""
        return not self.shown

    @property
    def word(self) -> str:
        """The class, or "unsure", or "artefact"."""
        return self.label if self.kind == "class" else self.kind


def new_id() -> str:
    """An id for a new record."""
    return secrets.token_hex(8)


def label(
    by: str,
    cutout: str,
    word: str,
    *,
    kind: Kind = "class",
    shown: str = "",
    name: str = "",
    content: str = "",
    place: tuple[float, float] | None = None,
    id: str | None = None,
) -> dict[str, Any]:
    """The record of a label; ``word`` is the class, ``place`` ICRS degrees."""
    ra, dec = place or (None, None)
    given = Given(id or new_id(), now(), by, cutout, kind, word if kind == "class" else "", shown, name, content)
    return {**asdict(given), "ra": ra, "dec": dec, "do": "label"}


def note(by: str, cutout: str, text: str, *, id: str | None = None) -> dict[str, Any]:
    """The record of a note on a cutout."""
    return {"id": id or new_id(), "time": now(), "by": by, "do": "note", "cutout": cutout, "text": text[:LONGEST]}


def undo(by: str, of: str, *, id: str | None = None) -> dict[str, Any]:
    """The record that takes a label of the same labeller back."""
    return {"id": id or new_id(), "time": now(), "by": by, "do": "undo", "of": of}


def classes(by: str, names: Sequence[str]) -> dict[str, Any]:
    """The record that sets the classes and their order; InputError for names that are none."""
    tidy = [" ".join(str(name).split())[:80] for name in names]
    if len(tidy) < 2 or not all(tidy) or len({name.casefold() for name in tidy}) < len(tidy):
        raise InputError("Give two classes or more, each with a name of its own.")
    if len(tidy) > MOST_CLASSES:
        raise InputError(f"A set has at most {MOST_CLASSES} classes.")
    return {"id": new_id(), "time": now(), "by": by, "do": "classes", "classes": tidy}


def now() -> str:
    """This moment, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def text(told: Mapping[str, Any], key: str) -> str:
    """A text of a record that is not empty; KeyError or ValueError without."""
    value = told[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"its {key} is no text")
    return value


def given(told: Mapping[str, Any]) -> Given:
    """The label that a record tells; KeyError, TypeError or ValueError where it is none."""
    kind, word = told.get("kind", "class"), told.get("label") or ""
    if kind not in get_args(Kind) or not isinstance(word, str) or (kind == "class") != bool(word):
        raise ValueError("it names no class")
    time, shown, name, content = (str(told.get(key) or "") for key in ("time", "shown", "name", "content"))
    ra, dec = (float(told[key]) if told.get(key) is not None else None for key in ("ra", "dec"))
    return Given(told["id"], time, text(told, "by"), text(told, "cutout"), kind, word, shown, name, content, ra, dec)
