"""What a column of a table of results is: its name, kind, unit, UCD and meaning, and how one value of it is told."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal

Kind = Literal["text", "float", "int", "bool"]
Cell = str | float | int | bool | None
"""One value of a table: text (sentences and class names joined into one), number or truth; None where there is none."""
Sentence = str
"""A text of this program or of a library, not a name: its typographic signs are spelt out in ASCII."""

SEPARATOR = " | "
SENTENCES = "tuple[Sentence, ...]"
KINDS: dict[str, Kind] = {
    "str": "text",
    "str | None": "text",
    "Sentence | None": "text",
    SENTENCES: "text",
    "float | None": "float",
    "int | None": "int",
    "bool | None": "bool",
}
"""Annotation of a field of a Row → kind of its column."""
SIGNS = {
    "″": " arcsec",
    "′": " arcmin",
    "×": " x ",
    "σ": " sigma",
    "°": " deg",
    "–": "-",
    "−": "-",
    "µ": "u",
    "…": "...",
    "→": "->",
    "√": "sqrt ",
}
_SPELT = str.maketrans(SIGNS)
SCORE = "score_"
SCORE_UCD = "stat.confidenceLevel;src.class;stat.uncalib"


@dataclass(frozen=True)
class Column:
    """One column of a table of results, the same in every format."""

    name: str
    kind: Kind
    ucd: str
    """UCD1+ of the IVOA."""
    description: str
    unit: str = ""
    """Unit as FITS and VOUnits spell it; empty for a number without one."""
    label: str | None = None
    """Name of the class whose score this is."""


def column(ucd: str, description: str, unit: str = "", *, default: Any = None) -> Any:
    """A field of a dataclass that is a column of a table; its kind follows from its annotation."""
    return field(default=default, metadata={"ucd": ucd, "unit": unit, "description": description})


def score_columns(label_names: Sequence[str]) -> tuple[Column, ...]:
    """One column a class, in order: ``score_`` and the class name in letters, digits and underscores.

    Every format accepts such names, and none of them differ by case alone: of two that would, the later one gets a
    number. The class name itself stays in ``label``.
    """
    found: dict[str, Column] = {}
    for label in label_names:
        stem = re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_")[:40] or "class"
        name, number = SCORE + stem, 1
        while name.casefold() in found:
            number += 1
            name = f"{SCORE}{stem}_{number}"
        words = f'Softmax score of the class "{printable(label)}", not calibrated'
        found[name.casefold()] = Column(name, "float", SCORE_UCD, words, label=label)
    return tuple(found.values())


def printable(text: str) -> str:
    r"""Text that every format keeps: one line, without control characters, lone surrogates and spaces at its ends.

    What is not printable is spelt out as Python does: ``\n``, ``\x1b``, ``\udce9``.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text.strip(" ")


def spell_out(text: str) -> str:
    """Text with the signs that this program's sentences use in ASCII: FITS knows nothing else, and every row has some.

    Names stay as they are: what they hold beyond ASCII is theirs.
    """
    return text if text.isascii() else text.translate(_SPELT)


def ascii_text(text: str) -> str:
    """Text as a FITS card can hold it: printable ASCII, arcsec and multiplication signs spelt out."""
    return "".join(c if " " <= c <= "~" else "?" for c in spell_out(text))


def tidy(annotation: str, value: Any) -> Any:
    """A value as a field of a Row with that annotation keeps it: of Python's own types, None for what is missing.

    Missing is also what is empty or no finite number.
    """
    kind = KINDS[annotation]
    if annotation == SENTENCES:
        told = (_sentence(text).replace(SEPARATOR, " / ").strip("| ") for text in value or ())
        return tuple(text for text in told if text)
    if value is None:
        return None
    if kind == "text":
        return (_sentence(value) if "Sentence" in annotation else printable(value)) or None
    if kind == "float":
        return float(value) if isinstance(value, Real) and math.isfinite(value) else None
    return bool(value) if kind == "bool" else int(value) if isinstance(value, Integral) else None


def _sentence(text: str) -> str:
    told = printable(spell_out(text))
    return re.sub(" {2,}", " ", told) if "  " in told else told


def join_sentences(sentences: Sequence[str]) -> str | None:
    """Sentences as one text, ``|`` between them; None for none."""
    return SEPARATOR.join(sentences) or None


def split_sentences(text: str | None) -> tuple[str, ...]:
    """The sentences that ``join_sentences`` joined."""
    return tuple(text.split(SEPARATOR)) if text else ()


def join_labels(scores: Mapping[str, float]) -> str | None:
    """Class names as a JSON list in ASCII, so that commas, quotes and letters of any script survive every format."""
    return json.dumps(list(scores)) if scores else None


def split_labels(text: str | None) -> tuple[str, ...]:
    """The class names that ``join_labels`` joined."""
    return tuple(map(str, json.loads(text))) if text else ()
