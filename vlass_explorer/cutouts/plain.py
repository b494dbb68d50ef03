"""A FITS file of one image whose header keeps to the letter of the standard, read without astropy: the common case.

astropy takes 120 µs a card and reads a header several times over. Whatever is not plain here (an extension, a scaled
or blanked image, a long string, a record-valued card, a card that breaks the standard, a byte too many) is left to
astropy; what is plain gives the same cards, comments and pixels, which the tests hold against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import structure

NAME = "PRIMARY"
"""What astropy calls an image without a name."""
KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
# No quote in a text or behind it: astropy and the standard see different ends of such a text.
VALUE = re.compile(
    r" *(?:'(?P<text>[^']*)' *(?:/(?P<behind>[^']*))?|(?:(?P<flag>[TF])|(?P<whole>[+-]?\d{1,18})"
    r"|(?P<real>[+-]?(?:(?:\d+\.\d*|\.\d+)(?:[EeDd][+-]?\d+)?|\d+[EeDd][+-]?\d+))) *(?:/(?P<comment>.*))?)"
)
PRINTABLE = re.compile(rb"[ -~]*")
TYPES: dict[int, np.dtype[Any]] = {-32: np.dtype(">f4"), -64: np.dtype(">f8")}
OTHERWISE = re.compile(r"Z|BLANK$|GROUPS$|PCOUNT$|GCOUNT$|TFIELDS$|EXTNAME$|XTENSION$|INHERIT$|CONTINUE$|HIERARCH$")
"""Keywords whose meaning is astropy's to find out."""


@dataclass(frozen=True, eq=False)
class Plain:
    """The one image of a plain file."""

    cards: dict[str, Any]
    """By keyword, HISTORY and COMMENT joined by newlines; see ``hdus.cards_of``."""
    comments: dict[str, str]
    section: NDArray[Any]
    """Pixels as stored, big-endian, all axes in C order; a view of the file's bytes."""
    name: str = NAME


def read(data: bytes) -> Plain | None:
    """The image of a file that is plain; None for any other."""
    if len(data) % structure.BLOCK:
        return None
    found = _header(data)
    if found is None:
        return None
    cards, comments, start = found
    shape = _shape(cards)
    kind = TYPES.get(cards.get("BITPIX", 0))
    if shape is None or kind is None or cards.get("BSCALE", 1) != 1 or cards.get("BZERO", 0) != 0:
        return None
    count = 1
    for length in shape:
        count *= length
    if start + -(-count * kind.itemsize // structure.BLOCK) * structure.BLOCK != len(data):
        return None
    return Plain(cards, comments, np.frombuffer(data, kind, count, start).reshape(shape))


def _header(data: bytes) -> tuple[dict[str, Any], dict[str, str], int] | None:
    """Cards and comments by keyword, the first of each, and where the pixels begin."""
    end = data.find(b"END" + b" " * 77)
    if end < 0 or end % 80 or end > structure.MAX_HEADER_BLOCKS * structure.BLOCK:
        return None
    start = -(-(end + 80) // structure.BLOCK) * structure.BLOCK
    if PRINTABLE.fullmatch(data, 0, start) is None or data[end + 80 : start].strip():
        return None
    text = data[:end].decode("ascii")
    cards: dict[str, Any] = {}
    comments: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    for place in range(0, end, 80):
        card = _card(text[place : place + 80])
        if card is None:
            return None
        keyword, value, comment = card
        if keyword in ("COMMENT", "HISTORY"):
            cards.setdefault(keyword, "")
            lines.setdefault(keyword, []).append(value)
        elif keyword and keyword not in cards:
            cards[keyword], comments[keyword] = value, comment
    for keyword, part in lines.items():
        cards[keyword] = "\n".join(part)
    return cards, comments, start


@lru_cache(maxsize=4096)  # of the cards of a survey's images most are the same
def _card(text: str) -> tuple[str, Any, str] | None:
    """Keyword, value and comment of 80 characters; None where astropy may see something else."""
    keyword = text[:8].rstrip()
    if keyword in ("COMMENT", "HISTORY"):
        return keyword, text[8:].rstrip(), ""
    if not keyword:
        return None if text.strip() else ("", "", "")
    told = VALUE.fullmatch(text, 10)
    if told is None or text[8:10] != "= " or not KEYWORD.fullmatch(keyword) or OTHERWISE.match(keyword):
        return None
    value = _value(told)
    return None if value is None else (keyword, value, (told["comment"] or told["behind"] or "").strip())


def _value(told: re.Match[str]) -> Any:
    """Value of a card; None where astropy may see another."""
    if told["whole"]:
        return int(told["whole"])
    if told["real"]:
        value = float(told["real"].upper().replace("D", "E"))
        return value if np.isfinite(value) else None
    if told["flag"]:
        return told["flag"] == "T"
    text = told["text"]  # with ": " it may be a card of record values
    return None if ": " in text or text.endswith("&") else text.rstrip()


def _shape(cards: dict[str, Any]) -> tuple[int, ...] | None:
    """Lengths of the axes in C order, where the first cards are those of the standard, in its order."""
    count = cards.get("NAXIS")
    if not isinstance(count, int) or not 2 <= count <= structure.MAX_AXES:
        return None
    lengths = [f"NAXIS{axis}" for axis in range(1, count + 1)]
    first = list(cards)[: 3 + count]
    if first != ["SIMPLE", "BITPIX", "NAXIS", *lengths] or cards["SIMPLE"] is not True:
        return None
    shape = [cards[key] for key in reversed(lengths)]
    if (
        any(isinstance(length, bool) or not isinstance(length, int) or length < 1 for length in shape)
        or f"NAXIS{count + 1}" in cards
    ):
        return None
    return tuple(shape)
