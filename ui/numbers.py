"""The numbers of an explanation in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import streamlit as st

from vlass_explorer.schema import Explanation

from .text import plain


def draw(explanation: Explanation) -> None:
    """Draw the caption of an explanation, and below it each of its numbers with its name."""
    st.caption(plain(explanation.caption))
    if lines := in_words(explanation.numbers):
        st.caption(" · ".join(plain(line) for line in lines))


def in_words(numbers: Mapping[str, float | int | str | bool]) -> list[str]:
    """``completeness_error: 0.021`` becomes "completeness error 2.1 %", ``converged: True`` "converged"."""
    lines = []
    for name, value in numbers.items():
        words = name.replace("_", " ")
        if isinstance(value, bool):
            lines.append(words if value else f"not {words}")
        elif isinstance(value, float) and not math.isfinite(value):
            lines.append(f"{words} undefined")
        elif isinstance(value, float) and name.endswith(("_share", "_error")):
            lines.append(f"{words} {value:.1%}")
        else:
            lines.append(f"{words} {value:.4g}" if isinstance(value, float) else f"{words} {value}".replace("_", " "))
    return lines
