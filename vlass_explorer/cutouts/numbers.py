"""Header values as numbers."""

from __future__ import annotations

import math
from typing import Any


def number(value: Any) -> float | None:
    """A finite float from a header value, also one written as text; None otherwise."""
    if isinstance(value, bool):
        return None
    try:
        read = float(value)
    except (TypeError, ValueError):
        return None
    return read if math.isfinite(read) else None
