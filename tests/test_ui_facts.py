"""What Explore says of a cutout: values with and without an error, and whether the checkpoint has seen it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from ui.look import facts
from ui.sky.request import named
from vlass_explorer import checkpoints, cutouts
from vlass_explorer.datasets import identity
from vlass_explorer.measure import Structure
from vlass_explorer.schema import Cutouts, Seen

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_brackets_stand_about_an_error_only() -> None:
    assert facts._shape_rows(Structure(bending=54.12))["Bending angle"] == "54.1° (no error)"
    assert facts._shape_rows(Structure(bending=54.12, bending_error=3.0))["Bending angle"] == "(54 ± 3)°"


def test_a_cutout_that_a_checkpoint_has_seen_is_told(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(shelf))
    first, second, third = (cutouts.read(path) for path in sorted(EXAMPLES.glob("*.fits"))[:3])
    nowhere = np.full((1, 2), np.nan)
    seen = Seen(
        train=Cutouts(np.array([identity.content(first)]), nowhere),
        selected=Cutouts(np.array([identity.content(second)]), nowhere),
    )
    monkeypatch.setattr(checkpoints, "seen", lambda card: seen)
    told: list[str] = []
    monkeypatch.setattr(st, "caption", lambda text: told.append(text.replace("\\", "")))
    card = checkpoints.find("tiny")
    for cutout in (first, second, third):
        facts.draw_seen(card, cutout)
    assert told == [
        f"tiny was {how} on this cutout: its answer here is no test of it." for how in ("trained", "chosen")
    ]


def test_a_service_has_its_name_on_the_page() -> None:
    assert named("vlass_cadc cannot be reached.") == "VLASS (CADC) cannot be reached."
    assert named("VLASS has no image here.") == "VLASS has no image here."
