"""Text from files and their names, shown as text: never as Markdown, HTML, an icon or a formula."""

from __future__ import annotations

import re

WITHHELD = "Outside what this checkpoint is for: there is no label, so nothing is explained until you choose one."
"""In place of an explanation where the label is withheld."""


def plain(text: object) -> str:
    """Escape everything that Streamlit's Markdown would interpret, and fold line breaks and control characters."""
    folded = re.sub(r"[\x00-\x1f\x7f\s]+", " ", str(text)).strip()
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^=@/\"'])", r"\\\1", folded)


def shortened(text: str, length: int = 34) -> str:
    """A long name with its middle left out, so that survey prefix and suffix both stay readable."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"
