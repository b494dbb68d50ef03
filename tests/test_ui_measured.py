"""Typed regions of Explore: by diameter or by sides, each kept once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from ui.look import measured
from vlass_explorer import cutouts

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_a_region_is_kept_once_and_a_circle_has_a_diameter(monkeypatch: pytest.MonkeyPatch) -> None:
    cutout = cutouts.read(min(EXAMPLES.glob("*.fits")))
    given: dict[str, Any] = {"measured_kind": "circle", "measured_centre": "pixel 60 50", "measured_Diameter": 18.0}
    monkeypatch.setattr(st, "session_state", given)
    measured._typed(cutout)
    measured._typed(cutout)
    assert cutout.pixel_shape is not None
    (circle,) = (measured.region(cutout, each) for each in measured.shapes(cutout))
    assert circle.kind == "circle" and (circle.y, circle.x) == pytest.approx((50.0, 60.0))
    assert (circle.height, circle.width) == pytest.approx(tuple(18.0 / step for step in cutout.pixel_shape.scale))
    given |= {"measured_kind": "box", "measured_Width": 18.0, "measured_Height": 9.0}
    measured._typed(cutout)
    assert [each["type"] for each in measured.shapes(cutout)] == ["circle", "rect"]
