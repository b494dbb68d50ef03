"""One colour scale for several explanations: raw values of one unit, or each map in units of its largest value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..schema import Explanation

RELATIVE = "share of the largest value"


def largest(explanation: Explanation) -> float:
    """Largest magnitude over all panels, NaN left out; 0 where there is none."""
    finite = np.abs(explanation.maps[np.isfinite(explanation.maps)])
    return float(finite.max()) if finite.size else 0.0


def relative(explanation: Explanation) -> Explanation:
    """The same maps in units of their largest magnitude: within [-1, 1], or [0, 1] where unsigned; zeros stay."""
    top = largest(explanation)
    return replace(explanation, maps=explanation.maps / top) if top > 0 else explanation


def common(explanations: Sequence[Explanation], signed: bool) -> float | None:
    """Largest magnitude over all explanations with or without a sign, for one scale; None where there is none."""
    tops = [largest(each) for each in explanations if each.signed == signed]
    return max(tops, default=0.0) or None
