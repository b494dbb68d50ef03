"""What Explore is told of a picture, and how contours and limits are chosen."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tiny_checkpoint
from PIL import Image
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    tiny_checkpoint.save(tmp_path / "checkpoints" / "tiny-vit")
    monkeypatch.setenv("VLASS_EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    assert not page.exception
    return page


def picture() -> bytes:
    image = np.zeros((120, 120), np.uint8)
    image[55:65, 50:70] = 255
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_is_told_its_pixels_and_beam(page: AppTest) -> None:
    page.file_uploader[0].upload("a.png", picture())
    page.run()
    key = page.selectbox(key="cutout").value
    page.number_input(key=f"pixel_{key}").set_value(1.8).run()
    page.number_input(key=f"Beam, major (″)_{key}").set_value(5.4)
    page.number_input(key=f"Beam, minor (″)_{key}").set_value(5.4).run()
    assert not page.exception and not page.error
    shown = page.table[0].value.iloc[:, 0]
    assert shown["Pixels"] == "120 × 120, 1\\.8″" and shown["Beam"].startswith("5\\.4″ × 5\\.4″")


def test_contour_levels_are_chosen_and_limits_belong_to_a_file(page: AppTest) -> None:
    page.toggle(key="display").set_value(True).run()
    page.toggle(key="contours").set_value(True).run()
    page.text_input(key="levels").set_value("5, 10 -5").run()
    assert not page.exception and not page.warning
    page.text_input(key="levels").set_value("five").run()
    assert "Levels are numbers other than 0" in page.warning[0].value
    page.text_input(key="levels").set_value("").run()
    toggle = next(each for each in page.toggle if (each.key or "").startswith("by_hand_"))
    toggle.set_value(True).run()
    low = next(each for each in page.number_input if (each.key or "").startswith("low_"))
    low.set_value(0.123).run()
    other = page.selectbox(key="cutout").options[-3]
    page.selectbox(key="cutout").select(other).run()
    assert not [each for each in page.number_input if (each.key or "").startswith("low_")]
